"""The Generate and Compare tabs in a real browser, on a tiny base: files from the desktop, drags,
strengths that reach Python, settings in images, a comparison from end to end."""

from __future__ import annotations

import math
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from studio.app import Studio
from studio.core.paths import Workspace
from studio.formats.images import read_parameters
from studio.generation.service import Generation
from studio.infer import infotext
from studio.settings.training import GenerateSettings
from tests.web.conftest import TIMEOUT

pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("ignore")]

HOSTILE = "${window.hit=1}<img src=x onerror=window.hit=1>"
UNEVEN = """(cells) => cells.filter((cell) => {
    const lines = (node) => {
        const range = document.createRange();
        range.selectNodeContents(node);
        return [...range.getClientRects()];
    };
    const number = lines([...cell.childNodes].find((node) => node.nodeType === Node.TEXT_NODE));
    const heading = lines(cell.closest('table').tHead.rows[0].cells[cell.cellIndex].querySelector('b'));
    const edge = Math.max(...heading.map((line) => line.right));
    return number.length > 1 || Math.abs(number[0].right - edge) > 1;
}).map((cell) => cell.textContent)"""  # numbers of the measures that wrap, or end elsewhere than their heading
SLOW = TIMEOUT  # the first image loads the engine


class Watched(Generation):
    """What generates, remembering with which settings it was asked to generate."""

    def __init__(self, studio: Studio) -> None:
        super().__init__(studio.runtime, studio.runs)
        self.seen: list[GenerateSettings] = []

    def generate(self, settings: GenerateSettings, *rest: Any, **named: Any) -> Any:
        self.seen.append(settings)
        return super().generate(settings, *rest, **named)


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Studio:
    """A workspace with a tiny SD 1.x that has a CLIP, a tiny SDXL, and adapters for both."""
    from studio.families.loading import load_base
    from tests.compare.conftest import make_clip
    from tests.tiny import make_tiny_sd1, make_tiny_sdxl, write_tiny_lora

    studio = Studio(Workspace(tmp_path_factory.mktemp("workspace")))
    studio.generation = Watched(studio)
    tiny = make_tiny_sd1(studio.workspace.bases / "tiny")
    make_clip(tiny / "clip")
    large = make_tiny_sdxl(studio.workspace.bases / "tiny-xl")
    base = load_base(tiny, "cpu")
    for seed, name in enumerate(("korvu", "neonline", HOSTILE)):
        write_tiny_lora(studio.workspace.adapters / f"{name}.safetensors", base, seed=seed)
    desktop = studio.workspace.root / "desktop"
    desktop.mkdir()
    write_tiny_lora(desktop / "popdot.safetensors", base, seed=8)
    write_tiny_lora(desktop / "forxl.safetensors", load_base(large, "cpu"), seed=9)
    (desktop / "letter.safetensors").write_text("Dear studio, this is only a text.\n" * 20)
    return studio


@pytest.fixture(scope="module")
def address(studio: Studio) -> Iterator[str]:
    from studio.ui import app

    port = _free_port()
    server = app.serve(studio, port=port)
    threading.Thread(target=studio.warm_up, daemon=True).start()
    yield server.url
    server.close()
    studio.close()


@pytest.fixture(scope="module")
def page(browser: Any, address: str) -> Iterator[Any]:
    """The page with the Generate tab open and the tiny base chosen."""
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.set_default_timeout(SLOW)
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("request", lambda r: problems.extend([] if _is_local(r.url) else [r.url]))
    page.goto(address)
    open_generate(page)
    yield page
    assert problems == []
    page.close()


def open_generate(page: Any) -> None:
    page.get_by_role("tab", name="Generate").click()
    page.click("#cs-generate-base input")
    page.get_by_role("option", name="tiny · ").first.click()
    page.locator(".sh-row").first.wait_for()


def test_files_from_the_desktop_become_cards_or_a_readable_error(page: Any, studio: Studio) -> None:
    desktop = studio.workspace.root / "desktop"
    drop_files(
        page, "#cs-stack-generate .st-zone",
        [desktop / "popdot.safetensors", desktop / "letter.safetensors"],
    )  # fmt: skip
    page.locator(".st-card", has_text="popdot").wait_for()
    library_row(page, "popdot").wait_for()
    error = page.locator("#cs-stack-generate .cs-notice")
    error.wait_for()
    assert "letter.safetensors" in error.inner_text()
    assert page.locator(".st-card").count() == 1
    assert (studio.workspace.adapters / "popdot.safetensors").is_file()
    assert not (studio.workspace.adapters / "letter.safetensors").exists()
    error.get_by_role("button", name="Dismiss").click()


def test_rows_stay_where_they_are_under_a_pressed_mouse(page: Any, studio: Studio) -> None:
    row = library_row(page, "korvu")
    row.hover()
    page.mouse.down()
    place = row.bounding_box()
    arrived = studio.workspace.adapters / "arrived.safetensors"
    shutil.copy2(studio.workspace.adapters / "popdot.safetensors", arrived)
    page.evaluate("document.dispatchEvent(new CustomEvent('studio:library'))")
    page.wait_for_timeout(1500)  # time enough for the library's answer
    assert row.bounding_box() == place
    page.mouse.up()
    library_row(page, "arrived").wait_for()
    assert row.bounding_box() != place
    arrived.unlink()
    page.locator("#cs-library-generate").get_by_role("button", name="Look again").click()
    library_row(page, "arrived").wait_for(state="detached")


def test_dragging_strength_and_switch_reach_python(page: Any, studio: Any) -> None:
    library_row(page, "korvu").drag_to(page.locator("#cs-stack-generate .st-zone"))
    library_row(page, "neonline").get_by_role("button", name="to the stack").click()
    cards = page.locator(".st-card")
    expect_names(page, {"popdot", "korvu", "neonline"})
    names = [text.split("\n")[0] for text in cards.locator(".st-title b").all_inner_texts()]
    grip = cards.last.locator(".st-grip")
    grip.drag_to(cards.first, target_position={"x": 120, "y": 4})
    page.wait_for_function(
        "name => document.querySelector('.st-card .st-title b').textContent === name", arg=names[-1]
    )
    number = page.get_by_label("Strength of korvu as a number")
    number.fill("0.35")
    number.press("Enter")
    page.get_by_role("switch", name="Use popdot").click()
    page.fill("#cs-generate-prompt textarea", "a red cat")
    page.fill("#cs-field-generate-steps input", "2")
    page.fill("#cs-field-generate-count input", "2")
    generate(page)
    assert isinstance(studio.generation, Watched)
    settings = studio.generation.seen[-1]
    order = [names[-1], *names[:-1]]
    assert [Path(item.path).stem for item in settings.stack] == order
    by_name = {Path(item.path).stem: item for item in settings.stack}
    assert by_name["korvu"].strength == 0.35
    assert not by_name["popdot"].enabled
    assert page.locator(".pg-cell").count() == 2
    page.locator(".st-card", has_text="korvu").locator(".st-note[data-kind=good]").wait_for()


def test_an_image_carries_its_settings_and_gives_them_back(page: Any, studio: Any) -> None:
    images = sorted(studio.workspace.outputs.rglob("*.png"))
    text = read_parameters(images[0])
    assert text is not None
    found = infotext.read(text)
    assert (found["prompt"], found["steps"]) == ("a red cat", 2)
    assert {entry["path"] for entry in found["stack"]} == {
        "korvu.safetensors", "neonline.safetensors",
    }  # fmt: skip
    page.fill("#cs-generate-prompt textarea", "something else")
    drop_files(page, "#cs-stack-generate .st-zone", [images[0]])
    page.wait_for_function(
        "document.querySelector('#cs-generate-prompt textarea').value === 'a red cat'"
    )
    expect_names(page, {"korvu", "neonline"})
    page.locator(".pg-open").first.click()
    page.locator("dialog.lb .lb-prompt", has_text="a red cat").wait_for()
    page.keyboard.press("ArrowRight")
    page.locator("dialog.lb", has_text="2 of 2").wait_for()
    page.keyboard.press("Escape")
    page.locator("dialog.lb").wait_for(state="detached")


def test_a_reloaded_page_has_the_images_and_the_settings(page: Any, studio: Any) -> None:
    page.reload()
    page.get_by_role("tab", name="Generate").click()
    page.locator(".pg-cell").first.wait_for()
    page.wait_for_function(
        "document.querySelector('#cs-generate-prompt textarea').value === 'a red cat'"
    )
    expect_names(page, {"korvu", "neonline"})


def test_an_adapter_for_another_base_is_explained_on_its_card(page: Any, studio: Any) -> None:
    drop_files(page, "#cs-library-generate", [studio.workspace.root / "desktop/forxl.safetensors"])
    explained = page.locator("#cs-stack-generate .cs-notice, .st-card:has-text('forxl')").first
    explained.wait_for()
    if page.locator(".st-card", has_text="forxl").count():  # its header did not tell the family
        page.get_by_role("button", name="Generate", exact=True).click()
        explained = page.locator(".pg-run .cs-notice")
        explained.wait_for()
        assert "SDXL" in explained.inner_text()
        page.locator(".st-card", has_text="forxl").get_by_role("button", name="Remove").click()
    assert "SD" in explained.inner_text()


def test_a_refused_setting_says_why_and_the_button_comes_back(page: Any) -> None:
    page.fill("#cs-field-generate-steps input", "999")
    page.get_by_role("button", name="Generate", exact=True).click()
    said = page.locator("#cs-notices .cs-notice", has_text="Steps")
    said.wait_for()
    assert page.locator(".toast-body:visible").count() == 0, "one voice"
    page.locator(".rb-go:enabled").first.wait_for()
    page.fill("#cs-field-generate-steps input", "998")
    page.get_by_role("button", name="Generate", exact=True).click()
    page.locator(".rb-go:enabled").first.wait_for()
    said.get_by_text("998").wait_for()
    assert said.count() == 1, "what was said of the first time is gone"
    page.fill("#cs-field-generate-steps input", "2")
    page.get_by_role("button", name="Generate", exact=True).click()
    said.wait_for(state="detached")


def test_names_are_text_and_nothing_else(page: Any) -> None:
    row = library_row(page, "onerror")
    assert HOSTILE in row.inner_text()
    row.get_by_role("button", name="to the stack").click()
    card = page.locator(".st-card", has_text="onerror")
    card.wait_for()
    assert page.evaluate("window.hit") is None
    card.get_by_role("button", name="Remove").click()
    page.get_by_role("button", name="Undo").click()
    card.wait_for()
    card.get_by_role("button", name="Remove").click()


def test_a_comparison_from_columns_to_report(page: Any, studio: Any) -> None:
    reference = studio.workspace.datasets / "truth"
    reference.mkdir(exist_ok=True)
    for number, path in enumerate(sorted(studio.workspace.outputs.rglob("*.png"))):
        (reference / f"{number}.png").write_bytes(path.read_bytes())
    page.get_by_role("tab", name="Compare").click()
    page.click("#cs-compare-base input")
    page.get_by_role("option", name="tiny · ").first.click()
    page.locator(".co-add").click()
    page.locator(".co-source", has_text="korvu").first.click()
    page.get_by_label("Name of column 2").fill("My robot")
    page.get_by_label("Name of column 2").press("Enter")
    page.fill("#cs-compare-prompts textarea", "a red cat\na dog house")
    page.fill("#cs-compare-seeds input, #cs-compare-seeds textarea", "1-2")
    page.fill("#cs-field-compare-steps input", "2")
    page.fill("#cs-field-compare-images input", "6")
    page.locator("#cs-compare-reference input").fill(str(reference))
    page.locator("#cs-compare-reference input").press("Enter")
    page.get_by_role("button", name="Compare", exact=True).click()
    page.get_by_role("button", name="Use these settings").wait_for()
    page.wait_for_function("document.querySelectorAll('.cm-cell .cm-image').length === 2 * 2 * 2")
    heads = page.locator(".cm-head").all_inner_texts()
    assert "Base" in heads[0]
    assert "My robot" in heads[1]
    page.get_by_role("tab", name="Measures").click()
    assert page.url.endswith("/measures")
    assert "KID" in page.locator(".mt-table thead").inner_text()
    rows = page.locator(".mt-table tbody tr").all_inner_texts()
    assert len(rows) == 2 and all("6 images, " in row for row in rows)
    assert page.locator(".mt-table tbody td").evaluate_all(UNEVEN) == []
    page.locator(".mt-trade", has_text="My robot").wait_for()
    page.get_by_text("What the measures say").click()
    assert (
        page.locator(".mt-about dd:visible").count()
        == page.locator(".mt-table thead th").count() - 1
    )
    record = next(studio.workspace.comparisons.glob("*/comparison.json"))
    before = record.stat().st_mtime_ns
    page.get_by_role("button", name="Measure again").click()
    page.wait_for_function("!document.querySelector('.mt-fold[open]')")  # it was read again
    assert record.stat().st_mtime_ns > before
    page.get_by_role("tab", name="Images").click()

    page.locator(".cm-cell").first.focus()
    page.keyboard.press("+")
    page.keyboard.press("Shift+ArrowRight")
    transforms = page.locator(".cm-image").evaluate_all(
        "images => [...new Set(images.map((image) => getComputedStyle(image).transform))]"
    )
    assert len(transforms) == 1, "every image has the same zoom and place"
    scale = float(transforms[0].removeprefix("matrix(").split(",")[0])
    assert math.isclose(scale, 1.5, rel_tol=1e-3)
    page.keyboard.press("0")

    page.keyboard.press("Enter")
    split = page.get_by_label("Where the left image ends")
    before = page.locator(".cl-over").evaluate("node => getComputedStyle(node).clipPath")
    split.focus()
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    assert page.locator(".cl-over").evaluate("node => getComputedStyle(node).clipPath") != before
    page.keyboard.press("Escape")

    page.get_by_role("tab", name="Report").click()
    with page.expect_download() as download:
        page.locator(".cmp-part-report").get_by_text("CSV", exact=True).click()
    assert "My robot" in Path(download.value.path()).read_text("utf-8")
    page.get_by_role("button", name="to the trash").first.click()
    page.locator(".cm-empty").wait_for()
    assert list(studio.workspace.trash.iterdir())


def library_row(page: Any, name: str) -> Any:
    return page.locator("#cs-library-generate .sh-row", has_text=name).first


def expect_names(page: Any, names: set[str]) -> None:
    page.wait_for_function(
        """names => {
          const shown = [...document.querySelectorAll('.st-card .st-title b')].map((b) => b.textContent);
          return shown.length === names.length && names.every((name) => shown.includes(name));
        }""",
        arg=sorted(names),
    )


def generate(page: Any) -> None:
    page.get_by_role("button", name="Generate", exact=True).click()
    page.locator("#cs-images .rb[data-state='finished']").wait_for()
    page.locator(".rb-text", has_text="images in").first.wait_for()


def drop_files(page: Any, selector: str, files: list[Path]) -> None:
    """Drops files as a desktop does: the browser itself is told of a drag with files."""
    page.locator(selector).scroll_into_view_if_needed()
    box = page.locator(selector).bounding_box()
    session = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        session.send(
            "Input.dispatchDragEvent",
            {
                "type": kind,
                "x": box["x"] + box["width"] / 2,
                "y": box["y"] + min(box["height"], 60) / 2,
                "data": {
                    "items": [],
                    "files": [str(file) for file in files],
                    "dragOperationsMask": 1,
                },
            },
        )
    session.detach()


def _is_local(url: str) -> bool:
    return url.startswith(("http://127.0.0.1", "http://localhost", "data:", "blob:", "about:"))


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
