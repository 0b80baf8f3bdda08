"""Images are prepared in a real browser: by mouse, by keyboard alone, and many at once; files stay as they are."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from studio.core.atomic import sha256
from studio.formats.dataset import read_dataset
from studio.formats.image_recipe import ImageRecipe
from studio.formats.images import open_image
from tests.web.conftest import until
from tests.web.test_caption_train import open_dataset

pytestmark = pytest.mark.browser
SIZE = (600, 400)


def dataset(served: Any, name: str) -> tuple[Path, dict[str, str]]:
    """Two images with a textured square away from the centre, and their hashes."""
    folder = served.workspace.datasets / name
    folder.mkdir()
    for number, left in ((1, 380), (2, 20)):
        image = Image.new("RGB", SIZE, (90, 120, 160))
        texture = random.Random(number).randbytes(200 * 200 * 3)
        image.paste(Image.frombytes("RGB", (200, 200), texture), (left, 100))
        image.save(folder / f"{number}.png")
        (folder / f"{number}.txt").write_text("a thing")
    return folder, originals(folder)


def originals(folder: Path) -> dict[str, str]:
    return {path.name: sha256(path) for path in folder.iterdir() if path.suffix in (".png", ".txt")}


def recipe(folder: Path, number: int = 1) -> ImageRecipe:
    return read_dataset(folder).items[number - 1].recipe


def open_editor(page: Any, name: str, file: str = "1.png") -> None:
    open_dataset(page, name)
    page.locator(f".pi-open[aria-label*='{file}']").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("dialog.pi .pi-said:has-text('trained at')")


def drag(page: Any, start: tuple[float, float], end: tuple[float, float]) -> None:
    """With the mouse, between two places of the image as fractions."""
    box = page.locator(".pi-canvas").bounding_box()
    places = [(box["x"] + box["width"] * x, box["y"] + box["height"] * y) for x, y in (start, end)]
    page.mouse.move(*places[0])
    page.mouse.down()
    page.mouse.move(*places[1], steps=6)
    page.mouse.up()


def test_a_crop_and_a_mask_are_made_with_the_mouse(open_page: Any, served: Any) -> None:
    folder, before = dataset(served, "by-mouse")
    page = open_page()
    open_editor(page, "by-mouse")
    drag(page, (1.0, 1.0), (0.5, 0.75))  # the corner at the bottom right
    page.wait_for_selector(".pi-said:has-text('300 × 300 px, trained at')")
    drag(page, (0.25, 0.3), (0.35, 0.5))  # the crop as a whole
    page.click("dialog.pi button:has-text('Mask')")
    drag(page, (0.3, 0.5), (0.6, 0.5))
    page.click("dialog.pi button:has-text('Save')")
    page.wait_for_selector("dialog.pi", state="detached")
    page.wait_for_selector(".pi-open.is-prepared:has-text('cropped, masked')")
    saved = until(lambda: recipe(folder))
    left, top, right, bottom = saved.box(SIZE)
    assert abs(left - 60) <= 3 and abs(top - 80) <= 3
    assert abs(right - left - 300) <= 3 and abs(bottom - top - 300) <= 3
    mask = np.asarray(open_image(folder / saved.mask_file).convert("L"))
    assert mask.shape == (SIZE[1], SIZE[0])
    assert mask[200, 200:340].all() and not mask[50].any() and not mask[:, :100].any()
    page.click("section[aria-label='Prepare images'] button:has-text('Undo')")
    page.wait_for_selector(".pi-open.is-prepared", state="detached")
    assert recipe(folder).empty and not (folder / saved.mask_file).exists()
    assert originals(folder) == before


def test_an_image_is_prepared_by_keyboard_alone(open_page: Any, served: Any) -> None:
    folder, before = dataset(served, "by-keys")
    page = open_page()
    open_editor(page, "by-keys")
    page.wait_for_function("document.activeElement.classList.contains('pi-crop')")
    for _ in range(20):
        page.keyboard.press("Shift+ArrowLeft")
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    page.wait_for_selector(".pi-said:has-text('480 × 400 px')")
    page.keyboard.press("Control+z")
    page.keyboard.press("ArrowRight")
    page.locator("dialog.pi button:has-text('Turn right')").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector(".pi-said:has-text('400 × 480 px')")
    page.locator("dialog.pi button:has-text('Mask')").focus()
    page.keyboard.press("Enter")
    page.locator(".pi-canvas").focus()
    for key in ("ArrowLeft", " ", "]", "ArrowLeft", " "):
        page.keyboard.press(key)
    page.keyboard.press("Control+s")
    page.wait_for_selector("dialog.pi", state="detached")
    saved = until(lambda: recipe(folder))
    assert (saved.turn, saved.box(SIZE)) == (90, (0, 30, 400, 510))
    assert np.asarray(open_image(folder / saved.mask_file).convert("L"))[200, 280]
    open_editor(page, "by-keys")  # what was saved is there again
    page.wait_for_selector(".pi-said:has-text('400 × 480 px')")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Escape")  # without saving
    page.wait_for_selector("dialog.pi", state="detached")
    assert recipe(folder) == saved and originals(folder) == before


def test_crops_for_many_are_seen_before_they_are_saved_and_copied(
    open_page: Any, served: Any
) -> None:
    folder, before = dataset(served, "many")
    page = open_page()
    open_dataset(page, "many")
    card = "section[aria-label='Prepare images']"
    page.select_option(f"{card} select[aria-label='Shape of the crops']", "square")
    page.click(f"{card} button:has-text('Preview crops')")
    page.wait_for_selector("dialog.pi-preview .pi-proposal img[src] >> nth=1")
    assert all(recipe(folder, number).empty for number in (1, 2))
    page.click("dialog.pi-preview button:has-text('Apply to 2 images')")
    page.wait_for_selector(".pi-open.is-prepared >> nth=1")
    for number, (start, end) in ((1, (380, 580)), (2, (20, 220))):
        left, _, right, _ = recipe(folder, number).box(SIZE)
        assert left <= start and right >= end and right - left == 400
    page.click(f"{card} button:has-text('Prepared copy')")
    page.click(f"{card} button:has-text('Open many-prepared')")
    page.wait_for_selector(".cs-caption-title:has-text('many-prepared')")
    copies = read_dataset(served.workspace.datasets / "many-prepared").items
    assert [(item.size, item.caption) for item in copies] == [((400, 400), "a thing")] * 2
    assert originals(folder) == before
