"""The gallery in a real browser: searched, marked, deleted and brought back, sent to other places."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from studio.formats.image_write import save_png
from studio.infer import infotext
from studio.settings.training import GenerateSettings, StackItem
from tests.web.conftest import Served

pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("ignore")]

CELLS = ".ga-grid .pg-cell"


@pytest.fixture(scope="module")
def images(served: Served) -> list[Path]:
    """Two images, one of them with an adapter."""
    from studio.families.loading import load_base
    from tests.tiny import write_tiny_lora

    lora = write_tiny_lora(
        served.workspace.adapters / "korvu.safetensors",
        load_base(served.workspace.bases / "tiny", "cpu"),
    )
    served.dataset("mine", ["a zorp"])
    folder = served.workspace.output_folder()
    made = []
    for number, (prompt, files) in enumerate([("a (red:1.2) cat", []), ("a dog", [lora])], 1):
        used = [infotext.Used(StackItem(path=str(f)), "lora", f.stem, "0" * 12) for f in files]
        facts = infotext.Facts(model="tiny", model_hash="", size=(32, 32), used=used)
        text = infotext.write(GenerateSettings(prompt=prompt, seed=number), facts)
        path = folder / f"{number}0.png"
        made.append(save_png(path, Image.new("RGB", (32, 32), (40 * number, 9, 9)), text))
    return made


def gallery(open_page: Any) -> Any:
    page = open_page("generate")
    page.get_by_role("radio", name="Gallery").click()
    page.locator(CELLS).first.wait_for()
    return page


def shown(page: Any, count: int) -> None:
    page.wait_for_function(
        f"count => document.querySelectorAll('{CELLS}').length === count", arg=count
    )


def menu(page: Any, name: str, entry: str) -> None:
    page.get_by_role("button", name=f"What can be done with {name}").click()
    page.get_by_role("menuitem", name=entry).click()


def test_images_are_searched_marked_deleted_and_brought_back(
    open_page: Any, served: Served, images: list[Path]
) -> None:
    page = gallery(open_page)
    shown(page, 2)
    page.fill(".ga-search", "korvu")
    shown(page, 1)
    page.fill(".ga-search", "nothing like it")
    page.locator(".ga-empty", has_text="Nothing fits").wait_for()
    page.fill(".ga-search", "")
    shown(page, 2)
    page.get_by_role("button", name="10.png is a favourite").click()
    page.locator(".ga [aria-pressed='true'][title='10.png is a favourite']").wait_for()
    page.get_by_role("button", name="Favourites").click()
    shown(page, 1)
    menu(page, "10.png", "Delete")
    page.locator(".ga-empty", has_text="No favourites").wait_for()
    assert not images[0].exists()
    page.get_by_role("button", name="Trash").click()
    page.get_by_role("button", name="Restore 10.png").click()
    page.locator(".ga-empty", has_text="no images").wait_for()
    assert images[0].is_file()
    page.get_by_role("button", name="All", exact=True).click()
    shown(page, 2)


def test_an_image_is_sent_to_the_form_a_dataset_and_compare(
    open_page: Any, served: Served, images: list[Path]
) -> None:
    page = gallery(open_page)
    menu(page, "10.png", "Add to the dataset mine")
    page.locator("#cs-notices", has_text="Added to mine").wait_for()
    copied = served.workspace.datasets / "mine" / "10.png"
    if copied.read_bytes() != images[0].read_bytes():
        raise AssertionError("another image is in the dataset")
    assert copied.with_suffix(".txt").read_text().strip() == "a red cat"
    menu(page, "10.png", "Image to image")
    page.locator(".sp-thumb").wait_for()
    page.get_by_role("radio", name="Gallery").click()
    menu(page, "20.png", "Use these settings")
    page.wait_for_function(
        "document.querySelector('#cs-generate-prompt textarea').value === 'a dog'"
    )
    page.locator(".st-card", has_text="korvu").wait_for()
    page.get_by_role("radio", name="Gallery").click()
    menu(page, "20.png", "Compare its stack")
    page.locator("#cs-columns", has_text="korvu").wait_for()
