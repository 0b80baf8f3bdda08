"""What a dataset shows is asked where it is made, and used where it is trained with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from studio.formats.dataset_file import read_dataset_file
from tests.web.conftest import save_image

pytestmark = pytest.mark.browser
CARD = "form[aria-label='What the images show']"


def test_a_new_dataset_is_asked_once_what_it_shows(
    open_page: Any, served: Any, tmp_path: Path
) -> None:
    page = open_page("caption")
    images = [tmp_path / f"{number}.png" for number in range(3)]
    for number, path in enumerate(images):
        save_image(path, number)
    page.set_input_files("input[aria-label='Images to add']", [str(path) for path in images])
    page.wait_for_selector(CARD, state="visible")
    page.get_by_role("textbox", name="Trigger word").fill("blorp")
    page.get_by_role("textbox", name="Class word").fill("cat")
    page.click(f"{CARD} button:has-text('Save')")
    page.wait_for_selector(CARD, state="hidden")
    page.wait_for_selector(".cs-caption-head >> text=blorp")
    folder = served.workspace.datasets / "my-images"
    said = read_dataset_file(folder)
    assert (said.kind, said.trigger, said.class_word) == ("subject", "blorp", "cat")
    assert page.input_value("[aria-label='Text in front of every caption']") == "blorp"
    page.click("summary:has-text('Edit many at once')")
    page.select_option("select[aria-label='Add an edit']", "trigger")
    page.wait_for_selector(".cs-fold [data-edit=trigger] input[placeholder=blorp]")
    page.click(".cs-caption-head button:has-text('Change')")
    page.click(f"{CARD} button:has-text('A style')")
    assert not page.get_by_role("textbox", name="Class word").is_visible(), (
        "a style is no example of a class"
    )
    page.click(f"{CARD} button:has-text('Save')")
    page.wait_for_selector(".cs-caption-head .cs-chip >> text=style")
    assert read_dataset_file(folder).kind == "style"
    page.reload()
    page.wait_for_selector(".cs-caption-head >> text=blorp")
    assert not page.is_visible(CARD), "it is asked once"


def test_a_sample_is_not_asked(open_page: Any, served: Any) -> None:
    page = open_page("caption")
    page.click(".cs-dataset:has(.cs-chip)")
    page.wait_for_selector(".cs-caption-title")
    assert not page.is_visible(CARD)
    assert page.locator(".cs-caption-head button:has-text('Change')").count() == 0
