"""The grid of the Generate tab, and what the cards of a stack fold away, in a real browser."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from studio.compare.grid_record import Grid
from studio.formats.images import read_parameters
from studio.infer import infotext
from tests.web.conftest import Served
from tests.web.test_generate_compare import drop_files

pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("ignore")]

HOSTILE = "<img src=x onerror=window.hit=1> cat"


@pytest.fixture(scope="module")
def loras(served: Served) -> list[Path]:
    """Two files that fit the tiny base."""
    from studio.families.loading import load_base
    from tests.tiny import write_tiny_lora

    base = load_base(served.workspace.bases / "tiny", "cpu")
    return [
        write_tiny_lora(served.workspace.adapters / f"{name}.safetensors", base, seed=seed)
        for seed, name in enumerate(("korvu", "neonline"))
    ]


def generate_tab(open_page: Any, path: str = "/?__theme=light") -> Any:
    page = open_page("generate", path)
    page.click("#cs-generate-base input")
    page.get_by_role("option", name="tiny · ").first.click()
    page.locator("#cs-library-generate .sh-row").first.wait_for()
    inside = page.evaluate(
        "[document.querySelector('#cs-stack-generate .cs-card'), document.querySelector('.st-browse')]"
        ".map((node) => node.getBoundingClientRect().right)"
    )
    assert inside[1] < inside[0], "the bar of the stack has room for its buttons"
    page.fill("#cs-field-generate-steps input", "2")
    return page


def add(page: Any, name: str) -> Any:
    row = page.locator("#cs-library-generate .sh-row", has_text=name).first
    row.get_by_role("button", name="to the stack").click()
    card = page.locator(".st-card", has_text=name)
    card.wait_for()
    return card


def newest_grid(served: Served) -> Grid:
    return served.studio.generation.grids.all()[0]


def generate_grid(page: Any, images: int, keys: bool = False) -> None:
    if keys:
        page.get_by_label("Values of the columns").press("Control+Enter")
    else:
        page.get_by_role("button", name="Generate grid").click()
    page.locator(".ax-run .rb-text", has_text="images in").wait_for()
    page.wait_for_function(
        "n => [...document.querySelectorAll('.ax-cell img')].filter((i) => i.naturalWidth).length === n",
        arg=images,
    )


def test_a_grid_from_the_form_to_the_large_view(
    open_page: Any, served: Served, loras: list[Path]
) -> None:
    page = generate_tab(open_page)
    add(page, "korvu")
    page.fill("#cs-generate-prompt textarea", HOSTILE)
    page.get_by_role("radio", name="Grid").click()
    page.locator(".ax-empty", has_text="No grid yet").wait_for()
    page.get_by_label("Values of the columns").fill("0, 1")
    page.get_by_label("What the rows vary").select_option("seed")
    page.get_by_label("Values of the rows").fill("5\n6")
    page.get_by_role("switch", name="Also generate with the base alone").click()
    generate_grid(page, 6)
    heads = page.locator(".ax-head").all_inner_texts()[1:]
    assert heads == ["base alone", "0", "1"]
    grid = newest_grid(served)
    assert grid.complete
    assert [cell.seed for cell in grid.cells] == [5, 5, 5, 6, 6, 6]
    generated = Path(grid.folder) / grid.cells[5].file
    said = infotext.read(read_parameters(generated) or "")
    assert (said["prompt"], said["seed"], said["steps"]) == (HOSTILE, 6, 2)
    assert said["stack"][0]["path"] == "korvu.safetensors"

    # headings stay in sight while the images scroll
    page.locator(".ax-grid").evaluate(
        "node => { node.style.maxHeight = '180px'; node.scrollTop = 90; }"
    )
    tops = page.evaluate(
        "[document.querySelector('.ax-grid'), document.querySelectorAll('.ax-head')[1]]"
        ".map((node) => node.getBoundingClientRect().top)"
    )
    assert abs(tops[0] - tops[1]) < 4

    page.get_by_label("Enlarge: Strength 1, Seed 5").click()
    dialog = page.locator("dialog.lb")
    dialog.locator(".lb-prompt", has_text="cat").wait_for()
    page.keyboard.press("ArrowDown")
    dialog.locator(".cs-facts dd", has_text="6").first.wait_for()
    page.keyboard.press("Escape")
    dialog.wait_for(state="detached")
    assert page.evaluate("window.hit") is None

    page.reload()
    page.click("#cs-tab-generate-button")
    page.locator(".ax-cell img").first.wait_for(state="attached")
    assert page.locator(".ax-cell img").count() == 6

    drop_files(page, "#cs-stack-generate .st-zone", [generated])
    page.wait_for_function(
        "text => document.querySelector('#cs-generate-prompt textarea').value === text", arg=HOSTILE
    )


def test_with_lanes_a_grid_takes_the_files_and_the_prompt_of_one(
    open_page: Any, served: Served, loras: list[Path]
) -> None:
    page = generate_tab(open_page)
    page.fill("#cs-generate-prompt textarea", "a red cat")
    page.get_by_role("radio", name="Grid").click()
    lane = page.locator(".ax-lane")
    assert lane.is_hidden(), "with one lane there is nothing to choose"
    page.get_by_role("button", name="Add a lane").click()
    page.get_by_label("Name of lane 2").fill("robots")
    page.get_by_label("Name of lane 2").press("Enter")
    add(page, "korvu")
    lane.locator("select").select_option("robots")
    page.get_by_label("What the columns vary").select_option("seed")
    page.get_by_label("Values of the columns").fill("5, 6")
    generate_grid(page, 2, keys=True)
    assert not list(served.workspace.outputs.rglob("*.png")), "the keys are the mode's own"
    said = newest_grid(served).cells[0]
    read_back = infotext.read(read_parameters(Path(newest_grid(served).folder) / said.file) or "")
    assert [item["path"] for item in read_back["stack"]] == ["korvu.safetensors"]
    page.get_by_role("button", name="Remove this lane").last.click()
    lane.wait_for(state="hidden")


@pytest.mark.slow
def test_pages_errors_and_what_is_left_of_an_interrupted_grid(
    open_page: Any, served: Served, loras: list[Path]
) -> None:
    page = generate_tab(open_page, "/?__theme=dark")
    page.fill("#cs-generate-prompt textarea", "a red cat")
    page.get_by_role("radio", name="Grid").click()
    page.get_by_label("What the columns vary").select_option("sampler")
    page.get_by_label("Values of the columns").fill("Eulr")
    page.get_by_role("button", name="Generate grid").click()
    page.locator(".ax-run .cs-notice", has_text="Eulr").or_(
        page.locator("#cs-notices", has_text="Eulr")
    ).first.wait_for()
    before = {grid.id for grid in served.studio.generation.grids.all()}

    page.get_by_label("Values of the columns").fill("")
    page.get_by_role("button", name="+ Euler", exact=True).click()
    page.get_by_role("button", name="+ DDIM", exact=True).click()
    page.get_by_label("What the pages vary").select_option("guidance")
    page.get_by_label("Values of the pages").fill("1, 4")
    page.locator(".ax-run .rb-go:enabled").wait_for()
    generate_grid(page, 2)
    page.get_by_role("group", name="Guidance").get_by_role("button", name="4").click()
    assert page.locator(".ax-cell img").count() == 2
    (identity,) = {grid.id for grid in served.studio.generation.grids.all()} - before
    grid = served.studio.generation.grids.one(identity)
    assert grid.sheets == ("sheet-1.png", "sheet-2.png")

    # as after a kill: one image is missing, and is all that is generated
    (Path(grid.folder) / grid.cells[3].file).unlink()
    kept = (Path(grid.folder) / grid.cells[0].file).stat().st_mtime_ns
    page.reload()
    page.click("#cs-tab-generate-button")
    page.get_by_role("radio", name="Grid").click()
    if not page.get_by_role("button", name="Generate the rest").is_visible():
        page.locator(".ax-list .cm-open").first.click()
    page.get_by_role("button", name="Generate the rest").click()
    page.get_by_role("button", name="Generate the rest").wait_for(state="detached")
    grid = served.studio.generation.grids.one(identity)
    assert grid.complete
    assert (Path(grid.folder) / grid.cells[0].file).stat().st_mtime_ns == kept


def test_ranges_blocks_and_saved_stacks(open_page: Any, served: Served, loras: list[Path]) -> None:
    page = generate_tab(open_page)
    for card in page.locator(".st-card").all():
        card.get_by_role("button", name="Remove").click()
    card = add(page, "korvu")
    add(page, "neonline")
    card.locator(".st-more > summary").click()
    blocks = card.get_by_label("Block weights")
    blocks.fill("OUT09=0.5")
    blocks.press("Enter")
    card.locator(".st-more .st-note", has_text="There is no block “OUT09”").wait_for()
    blocks.fill("in1=0.5, OUT: 0.8")
    blocks.press("Enter")
    page.wait_for_function(
        "() => [...document.querySelectorAll('.st-blocks')].some((i) => i.value === 'IN01=0.5, OUT=0.8')"
    )
    card.get_by_label("Acts until this part").fill("0.5")
    card.get_by_label("Acts until this part").press("Enter")
    card.get_by_label("Strength on the text encoder").fill("0.3")
    card.get_by_label("Strength on the text encoder").press("Enter")
    card.locator(".st-more summary", has_text="text × 0.3 · steps 0–0.5 · block weights").wait_for()

    page.get_by_role("button", name="Save this stack").click()
    page.get_by_label("Name of the stack").fill("two of them")
    page.keyboard.press("Enter")
    page.locator(".st-saved", has_text="Saved as two-of-them.stack.json").wait_for()
    path = served.workspace.stacks / "two-of-them.stack.json"
    first, second = json.loads(path.read_text("utf-8"))["items"]
    assert (first["file"], first["blocks"], first["end"], first["text_strength"]) == (
        "korvu.safetensors", {"IN01": 0.5, "OUT": 0.8}, 0.5, 0.3,
    )  # fmt: skip
    assert "blocks" not in second

    for name in ("korvu", "neonline"):
        page.locator(".st-card", has_text=name).get_by_role("button", name="Remove").click()
    page.get_by_role("button", name="Load a saved stack").click()
    page.locator(".st-saved-open", has_text="two of them").click()
    page.locator(".st-card", has_text="neonline").wait_for()
    shown = page.locator(".st-card", has_text="korvu").locator(".st-more summary")
    assert "steps 0–0.5 · block weights" in shown.inner_text()

    for name in ("korvu", "neonline"):
        page.locator(".st-card", has_text=name).get_by_role("button", name="Remove").click()
    loras[1].rename(loras[1].with_name("renamed.safetensors"))
    drop_files(page, "#cs-stack-generate .st-zone", [path])
    page.locator(".st-card", has_text="renamed").wait_for()
    page.locator("#cs-notices", has_text="is called “renamed.safetensors” here").wait_for()

    page.fill("#cs-generate-prompt textarea", "a red cat")
    page.fill("#cs-field-generate-count input", "1")
    page.get_by_role("button", name="Generate", exact=True).click()
    page.locator(".st-card", has_text="korvu").locator(".st-note", has_text="matched").wait_for()
    newest = max(served.workspace.outputs.rglob("*.png"), key=lambda p: p.stat().st_mtime)
    said = infotext.read(read_parameters(newest) or "")["stack"]
    assert (said[0]["end"], said[0]["blocks"]) == (0.5, {"IN01": 0.5, "OUT": 0.8})
    assert said[1]["path"] == "renamed.safetensors"


def test_a_long_name_takes_two_lines_and_can_be_read(
    open_page: Any, served: Served, loras: list[Path]
) -> None:
    name = "the_old_harbour_in_water_colour_by_somebody_who_names_files_like_this-step00003000"
    shutil.copy(loras[0], served.workspace.adapters / f"{name}.safetensors")
    page = generate_tab(open_page)
    title = add(page, name).locator(".st-title b")
    lines = title.evaluate(
        "(node) => [node.clientHeight / parseFloat(getComputedStyle(node).lineHeight), "
        "node.scrollWidth - node.clientWidth]"
    )
    assert (round(lines[0]), lines[1]) == (2, 0)
    assert title.get_attribute("title").split("\n")[0] == name
    row = page.locator("#cs-library-generate .sh-row", has_text=name)
    assert row.locator(".st-title b").evaluate("(node) => node.clientHeight") < 24, (
        "rows are as high as ever"
    )
