"""The Caption tab by the keyboard alone, its filter, and files that change while it is open."""

from __future__ import annotations

import json
from typing import Any

import pytest

from studio.formats.captions import read_caption
from tests.web.conftest import save_image, until

pytestmark = pytest.mark.browser
FOCUS = "document.activeElement.getAttribute('aria-label')"


def opened(open_page: Any, name: str) -> Any:
    page = open_page("caption")
    page.click(f".cs-dataset:has-text('{name}')")
    page.wait_for_selector(".cs-caption-cell img >> nth=1")
    return page


def names(page: Any) -> list[str]:
    return list(page.locator(".cs-caption-name").all_inner_texts())


def caption(page: Any, file: str) -> Any:
    return page.locator(f".cs-captions textarea[aria-label='Caption of {file}']")


def test_twenty_images_are_captioned_by_the_keyboard_alone(open_page: Any, served: Any) -> None:
    folder = served.dataset("keys", ["long hair, red"] + [None] * 19)
    page = open_page("caption")
    card = page.locator(".cs-dataset:has-text('keys')")
    card.wait_for()
    card.focus()
    keys = page.keyboard
    keys.press("Enter")
    page.wait_for_selector(".cs-caption-cell img >> nth=3")
    for _ in range(60):  # from the list of datasets to the one tab stop of the grid
        if page.evaluate(FOCUS) == "Select 1.png":
            break
        keys.press("Tab")
    assert page.evaluate(FOCUS) == "Select 1.png"
    keys.press("End")
    assert page.evaluate(FOCUS) == "Select 20.png"
    keys.press("Home")
    keys.press("ArrowRight")
    keys.press("Space")
    keys.press("Shift+ArrowRight")
    keys.press("Shift+ArrowRight")
    keys.press("Shift+ArrowLeft")
    page.wait_for_selector(".cs-caption-head >> text=2 selected")
    keys.press("Control+a")
    page.wait_for_selector(".cs-caption-head >> text=20 selected")
    keys.press("Escape")
    page.wait_for_selector(".cs-caption-head >> text=selected", state="detached")

    keys.press("Enter")  # 3.png, large
    page.wait_for_selector("dialog.cs-big >> text=3 of 20")
    keys.press("ArrowLeft")
    page.wait_for_selector("dialog.cs-big >> text=2 of 20")
    keys.press("Enter")
    assert page.evaluate(FOCUS) == "Caption of 2.png"
    keys.type("lo")
    page.wait_for_selector(".cs-complete-option[aria-selected=true] >> text=long hair")
    keys.press("Tab")
    assert page.locator("dialog.cs-big textarea").input_value() == "long hair"
    for number in range(2, 21):
        keys.type(f", number {number}" if number == 2 else f"number {number}")
        keys.press("Control+Enter")
    keys.press("Escape")
    assert page.evaluate(FOCUS) == "Select 20.png"
    page.wait_for_selector(".cs-caption-head >> text=20 of 20 captioned")
    until(lambda: read_caption(folder / "20.png") == "number 20")
    found = [read_caption(folder / f"{number}.png") for number in range(1, 21)]
    assert found == [
        "long hair, red",
        "long hair, number 2",
        *(f"number {n}" for n in range(3, 21)),
    ]


def test_a_filter_chooses_says_its_mistake_and_is_kept(open_page: Any, served: Any) -> None:
    captions = ["zorp, red", "dark red, " + "blue " * 90, None, "red, snow"]
    folder = served.dataset("filtered", captions)
    page = opened(open_page, "filtered")
    field = page.locator(".cs-filter")
    page.wait_for_selector(".cs-caption-tokens.is-long")
    assert page.locator(".cs-caption-marks .cs-chip").count() == 2, "no trigger in two captions"
    field.fill("tag:red AND (NOT trigger")
    page.wait_for_selector(".cs-filter-problem >> text=A bracket is not closed")
    assert page.inner_text(".cs-filter-problem mark") == "("
    assert len(names(page)) == 4
    field.fill("tag:red AND (NOT trigger)")
    page.wait_for_selector(".cs-caption-name >> nth=1", state="detached")
    assert names(page) == ["4.png"] and page.inner_text(".cs-filter-problem") == ""
    field.fill("tokens:>75 OR missing")
    page.wait_for_selector(".cs-caption-name >> text=3.png")
    assert names(page) == ["2.png", "3.png"]
    page.click("button:has-text('Save this filter')")
    page.keyboard.type("to do")
    page.keyboard.press("Enter")
    page.wait_for_selector(".cs-filter-chip:has-text('to do')")

    page.click("summary:has-text('Tags')")
    page.click(".cs-tag-name:has-text('snow')")
    page.wait_for_selector(".cs-caption-name >> nth=1", state="detached")
    assert field.input_value() == "tag:snow" and names(page) == ["4.png"]
    page.click("button[aria-label='Rename “red” in all captions']")
    page.keyboard.type("scarlet")
    page.keyboard.press("Enter")
    until(lambda: read_caption(folder / "4.png") == "scarlet, snow")
    assert read_caption(folder / "1.png") == "zorp, scarlet"
    page.wait_for_selector(".cs-tag-name >> text=scarlet")

    page.click("button[aria-label='Pin “snow” as a quick tag']")
    page.wait_for_selector("button[aria-label='Take “snow” off its key']")
    page.reload()
    page.wait_for_selector(".cs-caption-cell img >> nth=1")
    page.click(".cs-filter-chip:has-text('to do')")
    page.wait_for_selector(".cs-caption-name >> nth=2", state="detached")
    assert names(page) == ["2.png", "3.png"]
    page.dblclick("[aria-label='Select 3.png']")
    page.wait_for_selector("dialog.cs-big >> text=2 of 2")
    page.keyboard.press("1")
    until(lambda: read_caption(folder / "3.png") == "snow")
    kept = json.loads((served.workspace.root / "caption_desk.json").read_text(encoding="utf-8"))
    assert [one["name"] for one in kept["filters"]] == ["to do"]


def test_files_that_change_meanwhile_are_said_and_nothing_is_lost(
    open_page: Any, served: Any
) -> None:
    folder = served.dataset("moving", ["one", "two", "three", "four", "five"])
    page, other = opened(open_page, "moving"), opened(open_page, "moving")
    caption(page, "1.png").fill("first person")
    caption(other, "2.png").fill("second person")
    caption(other, "2.png").blur()
    caption(page, "1.png").blur()
    until(lambda: read_caption(folder / "2.png") == "second person")
    until(lambda: read_caption(folder / "1.png") == "first person")
    seen = "[...document.querySelectorAll('.cs-captions textarea')].map((one) => one.value)"
    page.wait_for_function(f"{seen}[1] === 'second person'")
    other.wait_for_function(f"{seen}[0] === 'first person'")
    other.close()

    (folder / "3.txt").write_text("by another program")
    caption(page, "3.png").fill("mine")
    caption(page, "3.png").blur()
    panel = page.locator(".cs-caption-cell:has([aria-label='Caption of 3.png']) .cs-file-state")
    panel.wait_for()
    assert "by another program" in panel.inner_text()
    assert read_caption(folder / "3.png") == "by another program"
    assert caption(page, "3.png").input_value() == "mine"
    panel.get_by_text("Keep mine").click()
    until(lambda: read_caption(folder / "3.png") == "mine")
    panel.wait_for(state="detached")

    (folder / "5.png").unlink()
    page.wait_for_selector(".cs-caption-cell.is-gone >> text=not there any more")
    save_image(folder / "5.png", 5)
    page.wait_for_selector(".cs-caption-cell.is-gone", state="detached")
    assert read_caption(folder / "5.png") == "five"


def test_of_a_large_dataset_the_first_images_are_seen_while_it_is_read(
    open_page: Any, served: Any
) -> None:
    folder = served.dataset("large", ["first", "second"])
    for number in range(3, 503):
        (folder / f"{number}.png").hardlink_to(folder / f"{number % 2 + 1}.png")
    page, held = open_page("caption"), []
    page.route(
        "**/component_server/**",
        lambda route: (
            held.append(route)
            if "open_dataset" in (route.request.post_data or "")
            else route.continue_()
        ),
    )
    page.click(".cs-dataset:has-text('large')")
    page.wait_for_selector("[role=status] >> text=Reading the captions of 502 images in large")
    page.wait_for_selector(".cs-captions .cs-caption-image img >> nth=5")
    until(lambda: page.evaluate("1") and held)
    assert page.locator(".cs-caption-cell textarea").count() == 0, "nothing can be typed yet"
    held[0].continue_()
    caption(page, "2.png").wait_for()
    assert caption(page, "2.png").input_value() == "second"
    assert not page.locator("[role=status] >> text=Reading the captions").is_visible()
    page.wait_for_selector(".cs-caption-head >> text=2 of 502 captioned")
