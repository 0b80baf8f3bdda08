"""The Check card: faults that were planted are named, and a click shows their images in the grid."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from studio.core.paths import ASSETS

pytestmark = pytest.mark.browser
CARD = "section[aria-label='Ready to train?']"
SHOWN = ".cs-caption-cell .cs-caption-name"


@pytest.fixture
def faulty(served: Any) -> Path:
    """A sample set with a mirrored copy of an image, and a caption without the trigger word."""
    folder = Path(
        shutil.copytree(ASSETS / "datasets" / "zibbo", served.workspace.datasets / "faulty")
    )
    says = (folder / "dataset.toml").read_text(encoding="utf-8")
    (folder / "dataset.toml").write_text(says.replace('"zibbo"', '"faulty"', 1))
    mirrored = Image.open(folder / "0003.png").transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    mirrored.save(folder / "mirrored.png")
    (folder / "mirrored.txt").write_text("a big zibbo cat in the snow")
    (folder / "0005.txt").write_text("a small cat in the city")
    return folder


@pytest.mark.usefixtures("faulty")
def test_a_check_names_two_faults_and_shows_their_images(open_page: Any) -> None:
    page = open_page("caption")
    page.click(".cs-dataset:has-text('faulty')")
    page.wait_for_selector(f"{CARD} >> text=what would spoil a training")
    page.locator(f"{CARD} option", has_text="starter").wait_for(state="attached")
    page.select_option(f"{CARD} select", "starter")
    page.uncheck(f"{CARD} input[type=checkbox]")
    page.click(f"{CARD} button:has-text('Check')")
    page.wait_for_selector(f"{CARD} .cs-verdict >> text=2 warnings")
    titles = page.locator(f"{CARD} .cs-finding-title").all_text_contents()
    assert titles == ["Nearly the same image", "Trigger word missing"]
    page.click(f"{CARD} .cs-finding:has-text('Nearly the same image')")
    page.wait_for_selector(".cs-only >> text=2 images shown")
    assert page.locator(SHOWN).all_text_contents() == ["0003.png", "mirrored.png"]
    page.click(f"{CARD} .cs-finding:has-text('Trigger word missing')")
    page.wait_for_selector(".cs-only >> text=1 image shown")
    assert page.locator(SHOWN).all_text_contents() == ["0005.png"]
    page.fill(".cs-caption-cell textarea", "a zibbo cat in the city")
    page.locator(".cs-caption-cell textarea").blur()
    page.wait_for_selector(f"{CARD} >> text=check again")
    page.click(".cs-only button:has-text('Show all')")
    page.wait_for_selector(f"{SHOWN} >> text=0001.png")
    page.click(f"{CARD} button:has-text('Check')")
    page.wait_for_selector(f"{CARD} .cs-verdict >> text=1 warning")
    page.reload()
    page.wait_for_selector(f"{CARD} .cs-verdict >> text=1 warning")
