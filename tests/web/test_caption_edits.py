"""Edits of many captions, taken back one by one also after a restart; several captions of an image."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from studio.core.paths import Workspace
from studio.formats.dataset import read_dataset
from tests.web.conftest import TIMEOUT, save_image, serving, until
from tests.web.test_caption_train import open_dataset

pytestmark = pytest.mark.browser
PAST = ".cs-past-row"


def add(page: Any, edit: str, *values: str) -> None:
    """Picks an edit and fills its text fields."""
    page.select_option("select[aria-label='Add an edit']", edit)
    for place, value in enumerate(values):
        page.fill(f"[data-edit={edit}] input >> nth={place}", value)


def test_edits_are_taken_back_one_by_one_also_after_a_restart(browser: Any, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "workspace")
    folder = workspace.datasets / "edited"
    folder.mkdir(parents=True)
    first = ["12 cats, red_hair", "3 cats, Red hair", "a dog, red_hair"]
    for number, text in enumerate(first, 1):
        save_image(folder / f"{number}.png", number)
        (folder / f"{number}.txt").write_text(text)

    def texts() -> list[str]:
        return [(folder / f"{number}.txt").read_text().strip() for number in (1, 2, 3)]

    def opened(url: str) -> Any:
        page = browser.new_page()
        page.set_default_timeout(TIMEOUT)
        page.goto(url)
        open_dataset(page, "edited")
        page.click("summary:has-text('Edit many at once')")
        return page

    with serving(workspace) as served:
        page = opened(served.url)
        add(page, "regex", "(")
        page.wait_for_selector(".cs-fold .cs-notice >> text=This pattern cannot be read")
        page.fill("[data-edit=regex] input >> nth=0", r"(\d+) cats")
        page.fill("[data-edit=regex] input >> nth=1", r"\1 <b>dogs</b>")
        add(page, "merge")
        page.click("button:has-text('Change 2 captions')")
        edited = ["12 <b>dogs</b>, red_hair", "3 <b>dogs</b>, red_hair", "a dog, red_hair"]
        until(lambda: texts() == edited)
        page.wait_for_selector(f"{PAST} >> text=Merge tags")
        page.fill("[data-edit=prefix] input", "photo of ")
        page.click("button:has-text('Change 3 captions')")
        until(lambda: texts() == [f"photo of {text}" for text in edited])
        page.wait_for_selector(f"{PAST} >> nth=1")
        page.click(f"{PAST}:has-text('Put in front') button")
        until(lambda: texts() == edited)
        page.close()

    with serving(workspace) as served:
        page = opened(served.url)
        page.locator(".cs-caption-cell textarea").nth(0).fill("typed since")
        until(lambda: texts()[0] == "typed since")
        page.click("summary:has-text('Past changes')")
        assert page.locator(f"{PAST}:has-text('Put in front') button").count() == 0
        page.click(f"{PAST}:has-text('Merge tags') button")
        page.wait_for_selector(".cs-notice >> text=1 was changed since and stays")
        assert texts() == ["typed since", *first[1:]]
        page.wait_for_selector(f"{PAST} >> text=1 caption changed since stayed")
        page.close()


def test_several_captions_are_written_weighed_and_kept(open_page: Any, served: Any) -> None:
    folder = served.dataset("several", ["a blob", "flat\nround", None])
    page = open_page()
    open_dataset(page, "several")
    assert not page.is_visible(".cs-several >> nth=0")
    page.click(".cs-caption-head button:has-text('Change')")
    page.wait_for_selector(".cs-about >> text=1 caption has several lines now")
    page.check(".cs-about input[type=checkbox]")
    page.click(".cs-about button:has-text('Save')")
    page.wait_for_selector(".cs-caption-head >> text=several captions")
    page.click(".cs-several >> nth=0")
    page.click("dialog button:has-text('Add a caption')")
    page.fill("dialog textarea >> nth=1", "the blob\nsits")
    page.fill("dialog input >> nth=1", "2")
    until(lambda: (folder / "1.txt").read_text() == "a blob\nthe blob sits\nthe blob sits\n")
    page.fill("dialog textarea >> nth=0", "one blob")
    page.click("dialog button:has-text('Done')")
    until(lambda: (folder / "1.txt").read_text() == "one blob\nthe blob sits\nthe blob sits\n")
    page.wait_for_selector(".cs-several >> text=2 captions")
    page.click("summary:has-text('Edit many at once')")
    page.fill("[data-edit=prefix] input", "zorp")
    page.click("button:has-text('Change 3 captions')")
    until(lambda: (folder / "3.txt").is_file() and (folder / "3.txt").read_text() == "zorp\n")
    assert [item.captions for item in read_dataset(folder).items] == [
        ("zorp, one blob", "zorp, the blob sits", "zorp, the blob sits"),
        ("zorp, flat", "zorp, round"),
        ("zorp",),
    ]
