"""Lanes and the library in a real browser: drags between lanes, the same by keys and buttons,
files from the desktop, what Python gets, what a reload leaves, what one file does."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from studio.app import Studio
from studio.core.paths import Workspace
from studio.formats.image_write import save_png
from studio.formats.images import read_parameters
from studio.generation.records import GeneratedLane
from studio.generation.service import Generation
from studio.infer import infotext
from studio.settings.lanes import LanesSettings
from tests.web.test_generate_compare import (
    SLOW,
    _free_port,
    _is_local,
    drop_files,
    generate,
    library_row,
    open_generate,
)

pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("ignore")]


class Watched(Generation):
    """What generates, remembering which lanes it was asked to generate."""

    asked: LanesSettings | None = None

    def generate_lanes(
        self, settings: LanesSettings, *rest: Any, **named: Any
    ) -> list[GeneratedLane]:
        self.asked = settings
        return super().generate_lanes(settings, *rest, **named)


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Studio:
    """A tiny base, adapters for it and one for SDXL, an embedding, files on a desktop."""
    from studio.families.loading import load_base
    from tests.tiny import make_tiny_sd1, make_tiny_sdxl, write_tiny_embedding, write_tiny_lora

    studio = Studio(Workspace(tmp_path_factory.mktemp("lanes")))
    studio.generation = Watched(studio.runtime, studio.runs)
    base = load_base(make_tiny_sd1(studio.workspace.bases / "tiny"), "cpu")
    for seed, name in enumerate(("korvu", "neonline", "popdot")):
        write_tiny_lora(studio.workspace.adapters / f"{name}.safetensors", base, seed=seed)
    write_tiny_embedding(studio.workspace.adapters / "grumf.safetensors", base)
    large = load_base(make_tiny_sdxl(studio.workspace.root / "xl"), "cpu")
    write_tiny_lora(studio.workspace.adapters / "forxl.safetensors", large, seed=9)
    desktop = studio.workspace.root / "desktop"
    desktop.mkdir()
    write_tiny_lora(desktop / "outside.safetensors", base, seed=8)
    return studio


@pytest.fixture(scope="module")
def address(studio: Studio) -> Iterator[str]:
    from studio.ui import app

    server = app.serve(studio, port=_free_port())
    threading.Thread(target=studio.warm_up, daemon=True).start()
    yield server.url
    server.close()
    studio.close()


@pytest.fixture(scope="module")
def page(browser: Any, address: str) -> Iterator[Any]:
    """The Generate tab with the tiny base and three empty lanes: left, middle, right."""
    page = browser.new_page(viewport={"width": 1440, "height": 1300})
    page.set_default_timeout(SLOW)
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("request", lambda r: problems.extend([] if _is_local(r.url) else [r.url]))
    page.goto(address)
    open_generate(page)
    assert page.locator(".st-lanehead").is_hidden(), "one lane is as plain as before"
    for _ in range(2):
        page.get_by_role("button", name="Add a lane").click()
    for number, name in enumerate(("left", "middle", "right"), 1):
        box = page.get_by_label(f"Name of lane {number}")
        box.fill(name)
        box.press("Enter")
    yield page
    assert problems == []
    page.close()


def lane(page: Any, number: int) -> Any:
    return page.locator(".st-column").nth(number)


def card(page: Any, number: int, name: str) -> Any:
    return lane(page, number).locator(".st-card", has_text=name)


def shown(page: Any, wanted: list[list[str]]) -> None:
    """Waits until the lanes show these cards in this order."""
    page.wait_for_function(
        """wanted => JSON.stringify([...document.querySelectorAll('.st-column')].map((lane) =>
             [...lane.querySelectorAll('.st-card .st-title b')].map((b) => b.textContent))) === JSON.stringify(wanted)""",
        arg=wanted,
    )


def in_python(page: Any, studio: Studio, act: Callable[[], None] | None = None) -> list[Any]:
    """The lanes as Python has them when it is asked to generate: (name, prompt, files)."""
    generation = studio.generation
    assert isinstance(generation, Watched)
    generation.asked = None
    (act or (lambda: generate(page)))()
    deadline = time.monotonic() + SLOW / 1000
    while generation.asked is None and time.monotonic() < deadline:
        page.wait_for_timeout(50)
    asked = generation.asked
    assert asked is not None
    page.locator("#cs-images .rb:not([data-state='starting'], [data-state='running'])").wait_for()
    return [
        (one.name, one.prompt, [Path(item.path).stem for item in one.stack]) for one in asked.lanes
    ]


def said(page: Any, text: str) -> None:
    page.locator(".st-said", has_text=text).wait_for(state="attached")


def test_cards_are_dragged_from_the_library_the_desktop_and_other_lanes(
    page: Any, studio: Studio
) -> None:
    library_row(page, "korvu").drag_to(lane(page, 0))
    shown(page, [["korvu"], [], []])
    drop_files(
        page, ".st-column:nth-child(3)", [studio.workspace.root / "desktop/outside.safetensors"]
    )
    shown(page, [["korvu"], [], ["outside"]])
    card(page, 0, "korvu").locator(".st-grip").drag_to(
        card(page, 2, "outside"), target_position={"x": 150, "y": 3}
    )
    shown(page, [[], [], ["korvu", "outside"]])
    said(page, "korvu moved to right, place 1 of 2")
    grip = card(page, 2, "korvu").locator(".st-grip")
    drag_with_control(page, grip, lane(page, 1))
    shown(page, [[], ["korvu"], ["korvu", "outside"]])
    said(page, "korvu copied to middle")
    card(page, 2, "outside").locator(".st-grip").drag_to(
        card(page, 2, "korvu"), target_position={"x": 150, "y": 3}
    )
    shown(page, [[], ["korvu"], ["outside", "korvu"]])
    page.get_by_role("button", name="Undo").click()
    page.get_by_role("button", name="Undo").click()
    shown(page, [[], [], ["korvu", "outside"]])
    card(page, 2, "korvu").locator(".st-grip").drag_to(lane(page, 1))
    shown(page, [[], ["korvu"], ["outside"]])


def test_the_same_by_keys_alone(page: Any) -> None:
    card(page, 1, "korvu").focus()
    page.keyboard.press("Alt+ArrowRight")
    shown(page, [[], [], ["korvu", "outside"]])
    assert (
        page.evaluate("document.activeElement.getAttribute('aria-label')") == "korvu, place 1 of 2"
    )
    page.keyboard.press("Alt+ArrowDown")
    shown(page, [[], [], ["outside", "korvu"]])
    said(page, "korvu moved to place 2 of 2")
    page.keyboard.press("Control+Alt+ArrowLeft")
    shown(page, [[], ["korvu"], ["outside", "korvu"]])
    page.keyboard.press("Alt+ArrowLeft")
    shown(page, [["korvu"], [], ["outside", "korvu"]])
    page.keyboard.press("Alt+ArrowLeft")
    said(page, "no lane to the left")
    page.keyboard.press("Delete")
    shown(page, [[], [], ["outside", "korvu"]])
    page.get_by_role("button", name="Undo").focus()
    page.keyboard.press("Enter")
    shown(page, [["korvu"], [], ["outside", "korvu"]])


def test_the_same_by_buttons_and_a_lane_twice(page: Any) -> None:
    card(page, 0, "korvu").get_by_role("button", name="What can be done").click()
    page.get_by_role("menuitem", name="Copy to middle").click()
    shown(page, [["korvu"], ["korvu"], ["outside", "korvu"]])
    card(page, 0, "korvu").get_by_role("button", name="Remove from").click()
    library_row(page, "neonline").dblclick()
    shown(page, [["neonline"], ["korvu"], ["outside", "korvu"]])
    card(page, 0, "neonline").get_by_role("button", name="Remove from").click()
    lane(page, 1).get_by_role("button", name="Duplicate").click()
    shown(page, [[], ["korvu"], ["korvu"], ["outside", "korvu"]])
    assert page.get_by_label("Name of lane 3").input_value() == "middle 2"
    lane(page, 2).get_by_role("button", name="Remove this lane").click()
    shown(page, [[], ["korvu"], ["outside", "korvu"]])


def test_lanes_are_generated_in_one_go_as_columns(page: Any, studio: Studio) -> None:
    page.fill("#cs-generate-prompt textarea", "a red cat")
    page.fill("#cs-field-generate-steps input", "2")
    page.fill("#cs-field-generate-count input", "2")
    lane(page, 1).get_by_role("button", name="A prompt of its own").click()
    page.get_by_label("Prompt of lane 2").fill("a dog")
    page.get_by_label("Prompt of lane 2").press("Tab")
    assert in_python(page, studio) == [
        ("left", "", []), ("middle", "a dog", ["korvu"]), ("right", "", ["outside", "korvu"]),
    ]  # fmt: skip
    heads = page.locator(".lg-head b").all_inner_texts()
    assert heads == ["left", "middle", "right"]
    assert page.locator(".lg-seed").all_inner_texts() == ["1", "2"]
    assert page.locator(".lg .pg-cell").count() == 6
    ids = page.locator(".lg .pg-cell").evaluate_all("cells => cells.map((cell) => cell.dataset.id)")
    found = [infotext.read(read_parameters(studio.workspace.outputs / one) or "") for one in ids]
    assert [one["seed"] for one in found] == [1, 1, 1, 2, 2, 2]
    assert [one["prompt"] for one in found[:3]] == ["a red cat", "a dog", "a red cat"]
    assert [len(one.get("stack", [])) for one in found[:3]] == [0, 1, 2]
    assert len({(studio.workspace.outputs / one).read_bytes() for one in ids}) == 6


def test_a_reload_leaves_lanes_and_images(page: Any, studio: Studio) -> None:
    page.reload()
    page.get_by_role("tab", name="Generate").click()
    page.locator(".lg .pg-cell").first.wait_for()
    shown(page, [[], ["korvu"], ["outside", "korvu"]])
    assert page.get_by_label("Prompt of lane 2").input_value() == "a dog"
    page.wait_for_function(
        "document.querySelector('#cs-generate-prompt textarea').value === 'a red cat'"
    )
    page.fill("#cs-field-generate-count input", "1")
    assert in_python(page, studio) == [
        ("left", "", []), ("middle", "a dog", ["korvu"]), ("right", "", ["outside", "korvu"]),
    ]  # fmt: skip


def test_an_image_gives_its_settings_back_to_its_lane(page: Any, studio: Studio) -> None:
    card(page, 1, "korvu").get_by_role("button", name="Remove from").click()
    shown(page, [[], [], ["outside", "korvu"]])
    page.locator(".lg .pg-cell").nth(1).get_by_role("button", name="Use these settings").click()
    shown(page, [[], ["korvu"], ["outside", "korvu"]])
    assert page.get_by_label("Prompt of lane 2").input_value() == "a dog"
    assert page.locator("#cs-generate-prompt textarea").input_value() == "a red cat"
    text = infotext.write(
        LanesSettings.parse({"common": {"prompt": "from outside"}, "lanes": [{}]}).common,
        infotext.Facts("tiny", "0123456789", (32, 32)),
    )
    image = save_png(studio.workspace.root / "desktop" / "old.png", Image.new("RGB", (8, 8)), text)
    lane(page, 0).locator(".st-hint").click()
    drop_files(page, "#cs-images", [image])  # anywhere on the tab: the lane used last
    page.wait_for_function(
        "document.querySelector('#cs-generate-prompt textarea').value === 'from outside'"
    )
    shown(page, [[], ["korvu"], ["outside", "korvu"]])


def test_trigger_words_are_offered_where_they_are_missing(page: Any, studio: Studio) -> None:
    library_row(page, "grumf").drag_to(lane(page, 0))
    lane(page, 0).locator(".pw-word", has_text="grumf").click()
    own = page.get_by_label("Prompt of lane 1")
    assert own.input_value().endswith(", grumf")
    lane(page, 0).locator(".pw-word").wait_for(state="detached")
    lane(page, 0).get_by_role("button", name="own for this lane").click()
    lane(page, 0).locator(".pw-word", has_text="grumf").wait_for()


def test_measuring_an_effect_can_be_stopped(page: Any) -> None:
    steps = page.locator("#cs-field-generate-steps input")
    before = steps.input_value()
    steps.fill("150")
    steps.blur()
    one = card(page, 1, "korvu")
    one.get_by_role("button", name="Measure its effect").click()
    one.get_by_role("button", name="Stop measuring").click()
    one.get_by_role("button", name="Measure its effect").wait_for()
    assert one.get_by_role("button", name="Stop measuring").is_hidden()
    assert one.locator(".st-note", has_text="Changes the image").count() == 0
    steps.fill(before)
    steps.blur()


def test_the_effect_of_a_card_is_measured_and_said(page: Any) -> None:
    card(page, 1, "korvu").get_by_role("button", name="Measure its effect").click()
    note = card(page, 1, "korvu").locator(".st-note", has_text="Changes the image by")
    note.wait_for()
    assert "%" in note.inner_text()
    card(page, 0, "grumf").get_by_role("button", name="Measure its effect").click()
    card(page, 0, "grumf").locator(".st-note", has_text="No effect").wait_for()
    assert "has its word" in card(page, 0, "grumf").inner_text()
    page.locator("#cs-library-generate .cs-switch").click()
    library_row(page, "forxl").drag_to(lane(page, 0))
    wrong = card(page, 0, "forxl")
    wrong.locator(".st-ask").click()
    wrong.locator("details", has_text="not in this base").wait_for()
    assert "SDXL" in wrong.inner_text() and "SD 1.x" in wrong.inner_text()
    wrong.locator("summary", has_text="not in this base").click()
    assert "transformer_blocks_1" in wrong.inner_text()
    wrong.get_by_role("button", name="Remove from").click()


def test_the_library_is_searched_filtered_and_sorted(page: Any) -> None:
    names = "rows => rows.map((row) => row.querySelector('b').textContent)"
    rows = page.locator("#cs-library-generate .sh-row")
    page.locator(".sh-kind").select_option("embedding")
    assert rows.evaluate_all(names) == ["grumf"]
    page.locator(".sh-kind").select_option("")
    page.locator(".sh-sort").select_option("name")
    assert rows.evaluate_all(names) == ["forxl", "grumf", "korvu", "neonline", "outside", "popdot"]
    page.fill(".sh-search", "EMBED gru")
    assert rows.evaluate_all(names) == ["grumf"]
    page.fill(".sh-search", "nothing like it")
    page.locator(".sh-empty", has_text="Nothing fits").wait_for()
    page.fill(".sh-search", "")


def drag_with_control(page: Any, grip: Any, target: Any) -> None:
    """A drag with the Control key held, as a person does it."""
    grip.scroll_into_view_if_needed()
    start, end = grip.bounding_box(), target.bounding_box()
    page.mouse.move(start["x"] + start["width"] / 2, start["y"] + start["height"] / 2)
    page.mouse.down()
    page.keyboard.down("Control")
    for share in (0.3, 0.7, 1.0):
        page.mouse.move(
            start["x"] + (end["x"] + end["width"] / 2 - start["x"]) * share,
            start["y"] + (end["y"] + 60 - start["y"]) * share,
        )
    page.mouse.up()
    page.keyboard.up("Control")
