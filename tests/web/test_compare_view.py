"""The images of a comparison in a real browser: zoom, scrubber, slider, order, what arrives, what comes back."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from PIL import Image

from studio.compare.record import ComparedColumn, Comparison, Recorder, Reference, StackFile
from studio.core.errors import InputError
from studio.core.paths import Workspace
from studio.core.record import Failure
from studio.formats.image_write import save_png
from tests.tiny import make_tiny_sd1, write_tiny_lora
from tests.web.conftest import Served, serving
from tests.web.test_everybody import CONTRAST, KEYBOARD
from tests.web.test_generate_compare import drop_files

pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("ignore")]

ID = "20260101-methods"
PROMPTS = (
    "a zorp on a hill",
    "a zorp at night",
    "two zorps",
    "a zorp in the snow",
    "a zorp at sea",
)
SEEDS = (1, 2, 3, 4)
STEPS = (300, 100, 200)
TRANSFORMS = """() => [...new Set([...document.querySelectorAll('.cm-cell .cm-image')].map(
  (image) => getComputedStyle(image).transform))]"""


def column(name: str, **facts: Any) -> ComparedColumn:
    return ComparedColumn(name=name, **facts)


def columns() -> tuple[ComparedColumn, ...]:
    """The base, two stacks, one that failed, three checkpoints of a run that are out of order."""
    failed = Failure.of(InputError("This file does not fit the base"))
    return (
        column("Base", measures={"image_text": 0.2}),
        column("Zorp 10", measures={"image_text": 0.1}, stack=(StackFile(path="/x/zorp.safetensors"),)),
        column("Zorp 9", measures={"image_text": 0.3}, stack=(StackFile(path="/x/zorp.safetensors"),)),
        column("Broken", error=failed, message="This file does not fit the base."),
        *(column(f"ink, step {step}", run="20260101-ink", step=step) for step in STEPS),
    )  # fmt: skip


class Made:
    """A comparison that is written as a running one is."""

    def __init__(self, workspace: Workspace, name: str, reference: str = "") -> None:
        self.folder = workspace.comparisons / name
        references = Reference(folder=reference, images=2) if reference else Reference()
        self.recorder = Recorder(
            Comparison(
                folder=str(self.folder), name=name, base="tiny", created=1.0, prompts=PROMPTS,
                seeds=SEEDS, columns=columns(), reference=references,
            )
        )  # fmt: skip

    def add(self, place: int) -> None:
        """Its images of one column; each has a colour of its own."""
        for prompt in range(len(PROMPTS)):
            for seed in SEEDS:
                name = f"cells/c{place}-p{prompt}-s{seed}.png"
                colour = (30 * place, 40 * prompt, 50 * seed)
                save_png(self.folder / name, Image.new("RGB", (48, 48), colour))
                self.recorder.cell(place, prompt, seed, name)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    from studio.families.loading import load_base

    workspace = Workspace(tmp_path_factory.mktemp("view") / "workspace")
    tiny = make_tiny_sd1(workspace.bases / "tiny")
    write_tiny_lora(workspace.cache / "desktop" / "popdot.safetensors", load_base(tiny, "cpu"))
    reference = workspace.datasets / "zorp" / "held_out"
    for number in range(2):
        save_png(reference / f"truth-{number}.png", Image.new("RGB", (48, 48), "teal"))
    made = Made(workspace, ID, str(reference))
    for place, one in enumerate(columns()):
        if one.error is None:
            made.add(place)
    made.recorder.finish(12.0, cancelled=False)
    Made(workspace, "20260101-empty").recorder.finish(1.0, cancelled=True)
    return workspace


@pytest.fixture(scope="module")
def served(workspace: Workspace) -> Iterator[Served]:
    with serving(workspace) as served:
        yield served


@pytest.fixture(scope="module")
def shared(browser: Any, served: Served) -> Iterator[Any]:
    """One wide page for the tests that need nothing of their own."""
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(f"{served.url}/?__theme=light#compare/{ID}")
    yield page
    page.close()
    assert problems == []


@pytest.fixture
def view(shared: Any) -> Any:
    """The page with the comparison open as if for the first time."""
    shared.evaluate("for (const one of document.querySelectorAll('dialog[open]')) one.close()")
    for identity in ("20260101-empty", ID):
        shared.evaluate("hash => { location.hash = hash; }", f"#compare/{identity}")
        shared.locator(".cm-title", has_text=identity).wait_for()
    shared.locator(".cm-cell .cm-image").first.wait_for()
    shared.evaluate("document.activeElement.blur()")
    return shared


@pytest.fixture
def another(open_page: Any) -> Any:
    """`another(inside, width=…, theme=…)` → a page of its own with a comparison open."""

    def opened(inside: str = ID, width: int = 1440, theme: str = "light") -> Any:
        page = open_page(path=f"/?__theme={theme}#compare/{inside}", width=width)
        page.locator(".cm-cell .cm-image").first.wait_for()
        return page

    return opened


def heads(page: Any) -> list[str]:
    return [text.strip() for text in page.locator(".cm-name b").all_inner_texts()]


def test_checkpoints_are_one_column_with_a_slider(view: Any) -> None:
    page = view
    assert heads(page) == ["Base", "Zorp 10", "Zorp 9", "Broken", "ink"]
    scrub = page.get_by_label("Step of ink")
    assert scrub.get_attribute("aria-valuetext") == "step 300"
    cell = page.locator(".cm-row").first.locator(".cm-cell").last
    before = cell.locator("img").get_attribute("src")
    scrub.press("Home")
    assert scrub.get_attribute("aria-valuetext") == "step 100"
    cell.locator("img[alt^='ink, step 100']").wait_for()
    assert cell.locator("img").get_attribute("src") != before
    cell.focus()
    page.keyboard.press(".")
    cell.locator("img[alt^='ink, step 200']").wait_for()
    page.keyboard.press(",")
    page.keyboard.press(",")
    assert scrub.get_attribute("aria-valuetext") == "step 100"
    page.get_by_role("switch", name="Checkpoints of a run as one column").click()
    assert heads(page)[-3:] == ["ink, step 300", "ink, step 100", "ink, step 200"]


def test_all_images_have_one_zoom_and_a_double_click_ends_it(view: Any) -> None:
    page = view
    box = page.locator(".cm-cell").nth(1).bounding_box()
    page.mouse.move(box["x"] + box["width"] / 4, box["y"] + box["height"] / 2)
    page.keyboard.down("Control")
    page.mouse.wheel(0, -200)
    page.mouse.wheel(0, -200)
    page.keyboard.up("Control")
    page.wait_for_selector(".cm-view.is-zoomed")
    page.wait_for_function(f"({TRANSFORMS})().length === 1")
    scale, _, _, _, x, y = (float(part) for part in page.evaluate(TRANSFORMS)[0][7:-1].split(","))
    assert scale == pytest.approx(1.44)
    side = box["width"]
    assert x == pytest.approx(side / 4 * (scale - 1), rel=0.05)  # what is under the pointer stays
    assert y == pytest.approx(0, abs=1)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 4 - 20, box["y"] + box["height"] / 2, steps=3)
    page.mouse.up()
    assert float(page.evaluate(TRANSFORMS)[0][7:-1].split(",")[4]) == pytest.approx(x - 20, abs=1)
    assert page.locator("dialog.cl").count() == 0, "dragging opened the closer look"
    page.mouse.dblclick(box["x"] + 20, box["y"] + 20)
    page.wait_for_selector(".cm-view:not(.is-zoomed)")


def tap(page: Any, key: str) -> None:
    """A key that is down for no time, however long the page takes to hear of it."""
    page.evaluate(
        """key => ["keydown", "keyup"]
        .map((kind) => new KeyboardEvent(kind, {key, bubbles: true, cancelable: true}))
        .forEach((event) => document.activeElement.dispatchEvent(event))""",
        key,
    )


def test_two_images_are_looked_at_by_keyboard_alone(view: Any) -> None:
    page = view
    page.locator(".cm-cell[tabindex='0']").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="A closer look")
    assert dialog.locator(".cl-tag").all_inner_texts() == ["Base", "Zorp 10"]
    split = dialog.get_by_label("Where the left image ends")
    split.focus()
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    assert (
        dialog.locator(".cl-frame").evaluate("node => node.style.getPropertyValue('--split')")
        == "55"
    )
    dialog.get_by_role("radio", name="Slider").focus()
    page.keyboard.press("ArrowRight")  # flicker
    face = dialog.locator(".is-flicker")
    assert face.get_attribute("data-face") == "b"
    tap(page, "f")
    assert face.get_attribute("data-face") == "a"
    page.keyboard.press("ArrowRight")  # difference
    words = dialog.locator(
        ".cl-words", has_text="differ by 10.0 of 255"
    )  # 30 in one of three channels
    words.wait_for()
    page.keyboard.press("Escape")
    dialog.wait_for(state="detached")
    assert page.evaluate("document.activeElement.classList.contains('cm-cell')")


def test_columns_are_ordered_hidden_and_shown_again(view: Any) -> None:
    page = view
    page.get_by_label("Order").select_option("name")
    assert heads(page) == ["Base", "Broken", "ink", "Zorp 9", "Zorp 10"]
    page.get_by_label("Order").select_option("image_text")
    assert heads(page)[:3] == ["Zorp 9", "Base", "Zorp 10"]
    page.get_by_role("button", name="Hide the column Base").click()
    assert heads(page)[:2] == ["Zorp 9", "Zorp 10"]
    assert page.locator(".cm-row").first.locator(".cm-cell").count() == 4
    page.get_by_role("button", name="Show Base again").click()
    assert "Base" in heads(page)


def test_a_cell_and_a_reference_image_are_pinned(view: Any) -> None:
    page = view
    page.locator(".cm-cell").nth(2).focus()
    page.keyboard.press("p")
    pinned = page.locator(".cm-pinned")
    assert "Zorp 9" in pinned.inner_text()
    page.locator(".cm-grid").evaluate("node => node.scrollTo(0, node.scrollHeight)")
    assert pinned.is_visible()
    page.get_by_role("button", name="Pin a reference image").click()
    page.get_by_role("button", name="Pin truth-1.png").click()
    page.locator(".cm-pinned", has_text="truth-1.png").wait_for()
    page.get_by_role("button", name="Unpin truth-1.png").click()
    pinned.wait_for(state="detached")


def test_only_rows_in_view_exist_and_all_can_be_reached(view: Any) -> None:
    page = view
    rows = len(PROMPTS) * len(SEEDS)
    assert page.locator(".cm-row").count() < rows
    page.locator(".cm-cell[tabindex='0']").focus()
    for _ in range(rows):
        page.keyboard.press("ArrowDown")
    last = page.evaluate("document.activeElement.getAttribute('aria-label')")
    assert last == f"Base, “{PROMPTS[-1]}”, seed {SEEDS[-1]}"


def test_images_arrive_while_they_are_generated(view: Any, workspace: Workspace) -> None:
    page, made = view, Made(workspace, "20260102-running")
    made.add(0)
    page.evaluate("location.hash = '#compare/20260102-running'")
    page.locator(".cm-title", has_text="20260102-running").wait_for()
    first = page.locator(".cm-row").first
    first.locator(".cm-image").wait_for()
    assert first.locator(".cs-skeleton").count() >= 2
    made.add(1)
    first.locator(".cm-image").nth(1).wait_for()
    made.recorder.finish(1.0, cancelled=True)
    page.locator(".cm-title", has_text="cancelled").wait_for()
    assert first.locator(".cs-skeleton").count() == 0


EMPTY: dict[str, dict[str, Any]] = {
    "no-columns": {"columns": []},
    "no-prompts": {"prompts": []},
    "no-seeds": {"seeds": []},
    "no-cells": {"cells": None},
    "nothing": {"columns": [], "prompts": [], "seeds": [], "cells": None, "notes": None},
}


def write_empty(workspace: Workspace) -> list[str]:
    """Comparisons that lack something, each whole otherwise, and one whose columns have all failed."""
    made = Made(workspace, "20260102-failed")
    for place, one in enumerate(columns()):
        failed = one.changed(
            error=Failure.of(InputError("Damaged")), message="Damaged.", measures={}
        )
        made.recorder.column(place, failed)
    record = made.recorder.finish(1.0, cancelled=False).as_json()
    for name, lacking in EMPTY.items():
        folder = workspace.comparisons / f"20260102-{name}"
        folder.mkdir()
        values = {
            key: one
            for key, one in {**record, "name": folder.name, **lacking}.items()
            if one is not None
        }
        (folder / "comparison.json").write_text(json.dumps(values), encoding="utf-8")
    return ["20260102-failed", *(f"20260102-{name}" for name in EMPTY)]


def test_a_comparison_without_images_opens_without_an_error(
    open_page: Any, workspace: Workspace
) -> None:
    made = write_empty(workspace)
    page = open_page(path="/?__theme=light#compare/20260102-no-cells")
    try:
        for identity in ("20260102-no-cells", *made):
            page.evaluate("hash => { location.hash = hash; }", f"#compare/{identity}")
            page.locator(".cm-title", has_text=identity).wait_for()
            for part in ("measures", "vote", "report", "images"):
                page.click(f".cm-part[data-part={part}]")
                page.locator(f".cmp-part-{part}").wait_for()
            page.keyboard.press("+")
            page.set_viewport_size({"width": 1000, "height": 900})
            page.set_viewport_size({"width": 1440, "height": 900})
            assert page.locator(".cm-image").count() == 0
            lacking = EMPTY.get(identity.removeprefix("20260102-"), {})
            rows, heads = (("prompts", "seeds"), 20), (("columns",), 5)
            for attribute, (fields, count) in {"rowcount": rows, "colcount": heads}.items():
                shown = page.get_attribute(".cm-grid", f"aria-{attribute}")
                assert shown == str(0 if any(field in lacking for field in fields) else count)
    finally:
        for identity in made:
            shutil.rmtree(workspace.comparisons / identity)


def test_a_file_that_is_dropped_on_the_tab_becomes_a_column(
    view: Any, workspace: Workspace
) -> None:
    page = view
    page.click("#cs-compare-base input")
    page.get_by_role("option", name="tiny · ").first.click()
    drop_files(page, ".cm-title", [workspace.cache / "desktop" / "popdot.safetensors"])
    page.locator(".co-card", has_text="popdot").wait_for()
    assert (workspace.adapters / "popdot.safetensors").is_file()
    page.get_by_role("button", name="More for column popdot").click()
    page.get_by_role("menuitem", name="Also at 0.25").click()
    names = page.locator(".co-name").evaluate_all("all => all.map((one) => one.value)")
    assert names == ["Base", "popdot", "popdot × 0.25", "popdot × 0.5", "popdot × 0.75"]


def test_a_folder_of_images_becomes_a_column(view: Any, workspace: Workspace) -> None:
    page = view
    page.get_by_role("button", name="Add column").click()
    page.get_by_label("Folder of images made elsewhere").fill(
        str(workspace.datasets / "zorp" / "held_out")
    )
    page.keyboard.press("Enter")
    card = page.locator(".co-card", has_text="Images of")
    card.wait_for()
    assert "held_out" in card.inner_text()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_everybody_can_use_an_opened_comparison(another: Any, theme: str) -> None:
    page = another(theme=theme)
    page.emulate_media(reduced_motion="reduce")
    page.wait_for_timeout(1000)
    assert page.evaluate(CONTRAST) == []
    if theme == "light":
        page.evaluate(KEYBOARD)
        for _ in range(400):
            page.keyboard.press("Tab")
            if not page.evaluate("walk()"):
                break
        assert page.evaluate("walk.problems") == []
        assert page.evaluate("walk.unreached()") == []


def test_on_a_phone_nothing_reaches_over_the_edge(another: Any) -> None:
    page = another(width=390)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.locator(".cm-cell").first.click()
    page.locator("dialog.cl .cl-frame").wait_for()
    for mode in ("one", "slider", "flicker", "difference", "beside"):
        page.locator(f"dialog.cl [data-mode={mode}]").first.click()
        assert page.locator("dialog.cl").evaluate("node => node.scrollWidth <= node.clientWidth")


def test_after_a_restart_the_same_part_is_open(
    view: Any, browser: Any, workspace: Workspace
) -> None:
    view.get_by_role("tab", name="Measures").click()
    view.wait_for_function(f"location.hash === '#compare/{ID}/measures'")
    address = view.url.partition("#")[2]
    view.go_back()
    view.wait_for_selector("[data-part=images][aria-selected=true]")
    with serving(workspace) as anew:
        page = browser.new_page()
        page.goto(f"{anew.url}/#{address}")
        page.wait_for_selector("[data-part=measures][aria-selected=true]")
        page.locator(".mt-table", has_text="Zorp 9").wait_for()
        page.close()
