"""A browser names datasets by id and images by relative name; anything else is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from studio.app import Studio
from studio.core.access import Access
from studio.core.errors import DatasetError, FileError, InputError, MissingError
from studio.core.paths import Workspace
from studio.formats.image_memory import ImageMemory
from studio.ui import library as module
from studio.ui.library import Library, contents
from studio.ui.thumbs import Thumbnails


@pytest.fixture
def studio(workspace: Path) -> Studio:
    return Studio(Workspace(workspace))


@pytest.fixture
def library(studio: Studio) -> Library:
    return Library(studio)


def images(folder: Path, count: int = 3) -> Path:
    folder.mkdir(parents=True)
    for number in range(1, count + 1):
        Image.new("RGB", (200, 100), (number * 40, 0, 90)).save(folder / f"{number}.png")
    return folder


def test_opened_folders_join_the_list(library: Library, tmp_path: Path) -> None:
    folder = images(tmp_path / "elsewhere")
    identity = library.open(f' "{folder}" ')
    assert library.path(identity) == folder.resolve()
    assert folder.resolve() in {info.path.resolve() for info in library.all()}


@pytest.mark.parametrize("folder", ["", "   ", "/nowhere/at/all", "\x00", "../../etc"])
def test_unusable_folders_are_refused(library: Library, folder: str) -> None:
    with pytest.raises(DatasetError):
        library.open(folder)


@pytest.mark.parametrize("identity", ["", "/etc", "../..", "nothing"])
def test_only_known_ids_are_datasets(library: Library, identity: str) -> None:
    with pytest.raises(MissingError):
        library.path(identity)


@pytest.mark.parametrize("name", ["../secret.png", "/etc/passwd", "a/../../secret.png", "\x00"])
def test_files_stay_inside_their_dataset(studio: Studio, library: Library, name: str) -> None:
    folder = images(studio.workspace.datasets / "mine")
    Image.new("RGB", (8, 8)).save(studio.workspace.datasets / "secret.png")
    with pytest.raises(InputError):
        library.file(str(folder), name)


def test_a_link_out_of_the_dataset_is_refused(studio: Studio, library: Library) -> None:
    folder = images(studio.workspace.datasets / "mine")
    (folder / "9.png").symlink_to("/etc/hostname")
    with pytest.raises(InputError):
        library.file(str(folder), "9.png")


def test_samples_are_copied_with_their_held_out_images(
    studio: Studio, library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = images(tmp_path / "assets" / "zib")
    (source / "1.txt").write_text("a zib")
    images(source / "held_out", 2)
    monkeypatch.setattr(module, "ASSETS", tmp_path / "assets")
    identity = library.open(str(source))
    with pytest.raises(InputError, match="copy"):
        library.own(identity)
    copy = library.own(library.copy(identity))
    assert copy.parent == studio.workspace.datasets
    assert (copy / "1.txt").read_text() == "a zib"
    assert len(list((copy / "held_out").iterdir())) == 2


def test_broken_images_keep_their_place_and_say_why(studio: Studio) -> None:
    folder = images(studio.workspace.datasets / "mine")
    (folder / "2.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    items = contents(folder, ImageMemory())["items"]
    assert [item["file"] for item in items] == ["1.png", "2.png", "3.png"]
    assert [bool(item.get("problem")) for item in items] == [False, True, False]


def test_captions_without_an_image_go_to_the_trash_and_nothing_else(
    studio: Studio, library: Library
) -> None:
    folder = images(studio.workspace.datasets / "mine")
    for name in ("1.txt", "notes.txt"):
        (folder / name).write_text("words")
    assert contents(folder, ImageMemory())["strays"] == ["notes.txt"]
    identity = next(str(one.path) for one in library.all() if one.path == folder)
    assert library.discard_strays(identity, ["1.txt", "1.png", "../x", "notes.txt"]) == 1
    assert not (folder / "notes.txt").exists()
    assert (folder / "1.txt").exists() and (folder / "1.png").exists()
    assert (studio.workspace.trash / "notes.txt").read_text() == "words"
    assert contents(folder, ImageMemory())["strays"] == []


def test_thumbnails_are_small_kept_and_renewed(tmp_path: Path) -> None:
    image = images(tmp_path / "set", 1) / "1.png"
    before, thumbnails = image.read_bytes(), Thumbnails(tmp_path / "cache")
    first = thumbnails.of(image, 64)
    assert Image.open(first).size == (64, 32)
    assert thumbnails.of(image, 64) == first
    assert image.read_bytes() == before
    Image.new("RGB", (50, 90)).save(image)
    assert thumbnails.of(image, 64) != first


def test_a_text_file_has_no_thumbnail(tmp_path: Path) -> None:
    (tmp_path / "no.png").write_text("not an image")
    with pytest.raises(FileError):
        Thumbnails(tmp_path / "cache").of(tmp_path / "no.png")


def test_what_is_not_used_is_said_where_a_dataset_is_opened(studio: Studio) -> None:
    folder = images(studio.workspace.datasets / "phone")
    (folder / "live.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0" * 200)
    (folder / "elsewhere").mkdir()
    said = " ".join(contents(folder, ImageMemory())["problems"])
    assert "live.heic" in said and "PNG" in said and "elsewhere" in said
    assert contents(images(studio.workspace.datasets / "plain"), ImageMemory())["problems"] == []


def test_opened_folders_are_remembered_and_stay_on_the_list_while_they_are_away(
    studio: Studio, tmp_path: Path
) -> None:
    folder = images(tmp_path / "caf\udce9 drive")
    identity = Library(studio).open(str(folder))
    again = Library(studio)  # the studio was started anew
    assert again.path(identity) == folder.resolve()
    folder.rename(tmp_path / "unplugged")
    (info,) = [one for one in again.all() if one.path == folder.resolve()]
    assert (info.images, info.problems) == (0, [module.AWAY])
    (tmp_path / "unplugged").rename(folder)
    (info,) = [one for one in again.all() if one.path == folder.resolve()]
    assert info.images == 3
    again.opened.forget(identity)
    assert folder.resolve() not in {one.path for one in Library(studio).all()}
    assert folder.is_dir()


def test_over_a_link_remembered_folders_are_as_closed_as_any(
    studio: Studio, tmp_path: Path
) -> None:
    identity = Library(studio).open(str(images(tmp_path / "private")))
    images(tmp_path / "gone")
    Library(studio).open(str(tmp_path / "gone"))
    (tmp_path / "gone").rename(tmp_path / "moved")
    over = Studio(Workspace(studio.workspace.root))
    over.workspace.access = Access.over_a_link()
    library = Library(over)
    assert not {one.path for one in library.all()} & {tmp_path / "private", tmp_path / "gone"}
    with pytest.raises(MissingError):
        library.path(identity)


def test_a_list_of_opened_folders_that_is_nonsense_is_none(studio: Studio) -> None:
    for text in ("{", "{}", '[1, "", "relative", null]'):
        (studio.workspace.cache / "opened-folders.json").write_text(text)
        assert Library(studio).opened.all() == {}
