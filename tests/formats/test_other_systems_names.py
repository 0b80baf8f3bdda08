"""Names as other systems write them: letters taken apart by a Mac, endings and masks in upper case."""

from __future__ import annotations

import json
import shutil
import unicodedata
from pathlib import Path

import pytest
from PIL import Image

from studio.core.names import path_of
from studio.core.paths import ASSETS, Workspace
from studio.formats.dataset import image_files, read_captions, read_dataset
from studio.formats.masks import Masks
from studio.library.importing import import_files
from studio.library.library import Library

APART, TOGETHER = (unicodedata.normalize(form, "café") for form in ("NFD", "NFC"))


def save_images(*files: Path, colour: str = "red") -> None:
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), colour).save(file, "PNG")


@pytest.mark.parametrize("image, caption", [(APART, TOGETHER), (TOGETHER, APART)])
def test_a_caption_belongs_to_the_image_of_the_same_letters(
    tmp_path: Path, image: str, caption: str
) -> None:
    save_images(tmp_path / f"{image}.png", tmp_path / f"{image}2.png")
    (tmp_path / f"{caption}.txt").write_text("a cat in a cafe")
    row = {"file_name": f"{caption}2.png", "text": "another cat"}
    (tmp_path / "metadata.jsonl").write_text(json.dumps(row, ensure_ascii=False))
    found = {path.name: text for path, text in read_captions(tmp_path).items()}
    assert found == {f"{image}.png": "a cat in a cafe", f"{image}2.png": "another cat"}
    assert read_dataset(tmp_path).unused.sentence() is None


def test_masks_are_masks_in_any_case_and_form(tmp_path: Path) -> None:
    save_images(
        tmp_path / "a.JPG", tmp_path / "A_Mask.PNG",
        tmp_path / "b.png", tmp_path / "Masks" / "B.PNG",
        tmp_path / f"{APART}.png", tmp_path / f"{TOGETHER}.mask.png",
    )  # fmt: skip
    images = image_files(tmp_path)
    assert sorted(path.name for path in images) == ["a.JPG", "b.png", f"{APART}.png"]
    masks = Masks()
    assert {masks.of(path) for path in images} == {
        tmp_path / "A_Mask.PNG", tmp_path / "Masks" / "B.PNG", tmp_path / f"{TOGETHER}.mask.png",
    }  # fmt: skip


def test_images_that_differ_in_case_keep_their_own_masks(tmp_path: Path) -> None:
    save_images(tmp_path / "cat.png", tmp_path / "Cat.png", tmp_path / "cat.mask.png")
    if len(list(tmp_path.iterdir())) < 3:
        pytest.skip("this file system does not tell case")
    masks = Masks()
    assert masks.of(tmp_path / "cat.png") == tmp_path / "cat.mask.png"
    assert masks.of(tmp_path / "Cat.png") is None
    save_images(tmp_path / "CAT.mask.png")
    assert Masks().of(tmp_path / "Cat.png") == tmp_path / "CAT.mask.png"


def test_a_folder_of_masks_in_upper_case_is_not_trained_on(tmp_path: Path) -> None:
    save_images(tmp_path / "photos" / "a.png", tmp_path / "Masks" / "a.png")
    assert [item.path.parent.name for item in read_dataset(tmp_path).items] == ["photos"]


def test_what_belongs_together_keeps_one_name_when_it_is_imported(tmp_path: Path) -> None:
    for camera, colour in (("one", "red"), ("two", "blue")):
        save_images(
            tmp_path / camera / f"{APART}.png",
            tmp_path / camera / "Masks" / f"{TOGETHER.upper()}.PNG",
            colour=colour,
        )
        (tmp_path / camera / f"{TOGETHER}.TXT").write_text(f"camera {camera}")
    given = [
        (file.relative_to(tmp_path / camera).as_posix(), file)
        for camera in ("one", "two")
        for file in sorted((tmp_path / camera).rglob("*.*"))
    ]
    made = import_files(given, tmp_path / "datasets", "both", None)
    found = read_captions(made.path)
    assert sorted(text or "" for text in found.values()) == ["camera one", "camera two"]
    masks = Masks()
    assert len({masks.of(path) for path in found} - {None}) == 2


def test_what_is_named_is_found_under_the_other_form(tmp_path: Path) -> None:
    library = Library(Workspace(tmp_path / "workspace"))
    workspace = library.workspace
    file = workspace.adapters / f"{APART}.safetensors"
    shutil.copy(ASSETS / "adapters" / "zibbo-lora.safetensors", file)
    save_images(workspace.datasets / APART / "a.png")
    for name in (APART, TOGETHER):
        assert library.adapter_path(name) == file
        assert library.dataset_path(name) == workspace.datasets / APART
        assert path_of(tmp_path / f"{name}.new") == tmp_path / f"{name}.new"
    assert library.adapter_path(TOGETHER.upper()) == file
