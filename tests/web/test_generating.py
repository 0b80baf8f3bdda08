"""Tags that become cards, an image to start from, live previews, interrupting: in a browser."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from studio.formats.images import read_parameters
from studio.infer import infotext
from studio.settings.training import GenerateSettings

pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module")
def lora(served: Any) -> Path:
    from studio.families.loading import load_base
    from tests.tiny import write_tiny_lora

    base = load_base(served.workspace.bases / "tiny", "cpu")
    return write_tiny_lora(served.workspace.adapters / "korvu.safetensors", base)


@pytest.fixture
def tab(open_page: Any, lora: Path) -> Any:
    page = open_page("generate")
    page.click("#cs-generate-base input")
    page.get_by_role("option", name="tiny · ").first.click()
    return page


def generate(page: Any) -> None:
    page.get_by_role("button", name="Generate", exact=True).click()


def generated(page: Any, served: Any) -> None:
    """Presses the button and waits until the page shows what came of it."""
    tasks = served.server.page.tasks
    before = tasks.latest("generate")
    generate(page)
    while (task := tasks.latest("generate")) is before or task.state == "running":
        page.wait_for_timeout(100)
    assert task.state == "finished", task.error
    name = task.result["images"][0]["id"]
    page.locator(f".pg-results [data-id='{name}']").wait_for()


def written(served: Any) -> dict[str, Any]:
    """The settings in the newest image."""
    files = list(served.workspace.outputs.rglob("*.png"))
    newest = max(files, key=lambda path: (path.stat().st_mtime_ns, path.name))
    return infotext.read(read_parameters(newest) or "")


def test_a_tag_moves_onto_the_stack(tab: Any, served: Any) -> None:
    box = tab.locator("#cs-generate-prompt textarea")
    box.fill("a red cat <lora:Korvu:0.7>")
    generated(tab, served)
    assert "korvu" in tab.locator(".st-cards > li").inner_text()
    assert box.input_value() == "a red cat"
    found = written(served)
    assert found["prompt"] == "a red cat"
    assert found["stack"][0]["path"] == "korvu.safetensors"
    assert found["stack"][0]["strength"] == 0.7
    box.fill("a red cat <lora:corvu:0.7>")
    generate(tab)
    tab.locator(".cs-notices").get_by_text("Did you mean “korvu”?").wait_for()
    assert box.input_value() == "a red cat <lora:corvu:0.7>"


def test_a_tag_that_cannot_be_read_is_said(tab: Any) -> None:
    box = tab.locator("#cs-generate-prompt textarea")
    box.fill("a red cat <lora:korvu:>")
    generate(tab)
    tab.get_by_text("A tag in the prompt cannot be read").first.wait_for()
    assert box.input_value() == "a red cat <lora:korvu:>"


def test_an_image_of_another_program_gives_its_settings(tab: Any, tmp_path: Path) -> None:
    facts = {
        "prompt": "a blue fox", "negativeprompt": "ugly", "seed": 2**33 + 77, "steps": 7, "cfgscale": 3.5,
        "sampler": "dpmpp_2m", "scheduler": "karras", "model": "sd_xl_base_1.0",
        "loras": ["Korvu", "gone"], "loraweights": ["0.4", "1"], "refinermethod": "PostApply",
    }  # fmt: skip
    info = PngInfo()
    info.add_text("parameters", json.dumps({"sui_image_params": facts}))
    path = tmp_path / "swarm.png"
    Image.new("RGB", (8, 8)).save(path, pnginfo=info)
    tab.locator("#cs-stack-generate input[type=file]").set_input_files(str(path))
    tab.wait_for_function(
        "document.querySelector('#cs-generate-prompt textarea').value === 'a blue fox'"
    )
    assert tab.locator("#cs-generate-negative textarea").input_value() == "ugly"
    assert tab.locator("#cs-field-generate-steps input").first.input_value() == "7"
    assert tab.locator("#cs-field-generate-seed input").first.input_value() == "77"
    tab.locator(".st-cards > li", has_text="korvu").wait_for()
    for said in ("From SwarmUI", "a refining pass", "gone", "sd_xl_base_1.0"):
        tab.locator(".toast-body", has_text=said).first.wait_for()


def test_an_image_to_start_from(tab: Any, served: Any, tmp_path: Path) -> None:
    seen: list[GenerateSettings] = []
    generate_ = served.studio.generation.generate

    def watched(settings: GenerateSettings, *rest: Any) -> Any:
        seen.append(settings)
        return generate_(settings, *rest)

    served.studio.generation.generate = watched
    try:
        tab.locator("#cs-generate-prompt textarea").fill("a red cat")
        tab.get_by_text("Image to image").click()
        letter = tmp_path / "letter.png"
        letter.write_text("Dear studio")
        tab.set_input_files(".sp-picker", str(letter))
        tab.locator(".sp-trouble .cs-notice").wait_for()
        image = tmp_path / "sunset <b>.png"
        Image.new("RGB", (64, 32), (200, 80, 20)).save(image)
        tab.set_input_files(".sp-picker", str(image))
        tab.locator(".sp-thumb").wait_for()
        assert tab.locator(".sp-side p").inner_text() == "sunset <b>.png"
        fit = tab.locator("#cs-field-generate-fit input")
        assert fit.input_value() == "crop"
        fit.click()
        shown = tab.locator("li[role=option]")
        assert [text.strip("✓ \n") for text in shown.all_inner_texts()] == [
            "crop",
            "pad",
            "stretch",
        ]
        shown.filter(has_text="pad").click()
        generated(tab, served)
        assert written(served)["denoising_strength"] == 0.6
        assert written(served)["fit"] == seen[-1].fit == "pad"
        kept = Path(seen[-1].image)
        assert kept.parent == served.workspace.cache / "start"
        tab.locator(".sp-remove").click()
        # a generated image, from its large view
        tab.locator(".pg-open").first.click()
        tab.set_viewport_size({"width": 390, "height": 844})  # and on a phone it is above its facts
        image_box, side = (tab.locator(q).bounding_box() for q in (".lb-stage", ".lb-side"))
        assert image_box["width"] == side["width"] == 390
        assert image_box["height"] > 300
        assert side["y"] >= image_box["height"]
        tab.set_viewport_size({"width": 1440, "height": 900})
        tab.get_by_role("button", name="Image to image", exact=True).click()
        tab.locator(".sp-thumb").wait_for()
        generated(tab, served)
        assert Path(seen[-1].image).is_relative_to(served.workspace.outputs)
    finally:
        served.studio.generation.generate = generate_


def test_live_previews_and_what_an_interruption_keeps(tab: Any, served: Any) -> None:
    before = len(list(served.workspace.outputs.rglob("*.png")))
    tab.locator("#cs-generate-prompt textarea").fill("a red cat")
    tab.locator("#cs-field-generate-steps input").fill("150")
    tab.locator("#cs-field-generate-count input").fill("8")
    tab.locator("#cs-field-generate-count input").blur()
    generate(tab)
    tab.locator(".pg-preview").first.wait_for()
    assert tab.locator(".pg-preview").first.get_attribute("src").startswith("data:image/jpeg")
    tab.get_by_text("4 of 8 images").wait_for(timeout=300_000)  # 600 steps, maybe on a busy machine
    tab.get_by_role("button", name="Interrupt").click()
    tab.get_by_text("Interrupted: 4 images finished before are kept.").wait_for()
    assert tab.locator(".pg-results .pg-cell img").count() == 4
    assert len(list(served.workspace.outputs.rglob("*.png"))) == before + 4
