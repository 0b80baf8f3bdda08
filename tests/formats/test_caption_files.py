"""Captions under the names that cameras, Windows and other programs give them."""

from __future__ import annotations

from pathlib import Path

import pytest

from studio.formats import captions
from studio.formats.captions import Looked
from studio.formats.dataset import read_caption, read_captions, read_dataset, write_caption
from studio.formats.folder import Folder
from tests.formats.test_dataset import save_images

NAMES = {
    "IMG_1.PNG": "IMG_1.TXT",
    "IMG_2.PNG": "IMG_2.Txt",
    "IMG_3.PNG": "IMG_3.PNG.txt",
    "IMG_4.PNG": "IMG_4.CAPTION",
    "IMG_5.PNG": "IMG_5.txt",
    "IMG_6.PNG": "img_6.txt",
    "Img_7.png": "IMG_7.PNG.TXT",
    "8 ä.png": "8 Ä.txt",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_images(tmp_path, *NAMES)
    for image, caption in NAMES.items():
        (tmp_path / caption).write_text(f"of {image}", encoding="utf-8")
    return tmp_path


def test_they_are_found(folder: Path) -> None:
    found = {path.name: caption for path, caption in read_captions(folder).items()}
    assert found == {image: f"of {image}" for image in NAMES}
    assert {name: read_caption(folder / name) for name in NAMES} == found
    info = read_dataset(folder)
    assert info.captioned == len(NAMES) and info.unused.sentence() is None


@pytest.mark.parametrize("image", NAMES)
@pytest.mark.parametrize("shared", [False, True])
def test_an_edit_goes_into_the_same_file(folder: Path, image: str, shared: bool) -> None:
    before = sorted(path.name for path in folder.iterdir())
    looked = Looked() if shared else None
    assert write_caption(folder / image, "edited", looked) == folder / NAMES[image]
    assert sorted(path.name for path in folder.iterdir()) == before, "no second one beside"
    assert read_caption(folder / image) == "edited"


def test_a_new_caption_gets_the_usual_name(tmp_path: Path) -> None:
    save_images(tmp_path, "IMG_1.PNG")
    assert write_caption(tmp_path / "IMG_1.PNG", "x") == tmp_path / "IMG_1.txt"


def test_images_that_differ_by_case_keep_their_own(tmp_path: Path) -> None:
    save_images(tmp_path, "a.png", "A.png")
    (tmp_path / "a.txt").write_text("small")
    if (tmp_path / "A.TXT").exists():
        pytest.skip("this file system knows no case")
    found = {path.name: caption for path, caption in read_captions(tmp_path).items()}
    assert found == {"a.png": "small", "A.png": None}
    assert write_caption(tmp_path / "A.png", "large") == tmp_path / "A.txt"
    assert read_caption(tmp_path / "a.png") == "small"


def test_a_caption_of_its_own_goes_before_one_that_nearly_fits(tmp_path: Path) -> None:
    save_images(tmp_path, "a.png", "a.png.jpg")
    (tmp_path / "a.png.txt").write_text("of a.png.jpg")
    assert read_caption(tmp_path / "a.png.jpg") == "of a.png.jpg"
    (tmp_path / "a.txt").write_text("of a.png")
    assert read_caption(tmp_path / "a.png") == "of a.png"
    (tmp_path / "a.TXT").write_text("another")
    assert read_caption(tmp_path / "a.png") == "of a.png"


def test_a_second_caption_of_an_image_is_named(tmp_path: Path) -> None:
    save_images(tmp_path, "a.png")
    (tmp_path / "a.txt").write_text("new")
    (tmp_path / "a.caption").write_text("old")
    assert "1 second caption of an image (a.caption)" in str(
        read_dataset(tmp_path).unused.sentence()
    )


def test_a_folder_is_listed_once_for_many_captions(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed: list[Path] = []

    def counted(path: Path) -> Folder:
        listed.append(path)
        return Folder(path)

    monkeypatch.setattr(captions, "Folder", counted)
    looked = Looked()
    for name in NAMES:
        write_caption(folder / name, "x", looked)
        assert read_caption(folder / name, looked) == "x"
    assert listed == [folder]
    listed.clear()
    read_captions(folder)
    assert listed.count(folder) == 1
