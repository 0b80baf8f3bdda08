"""Importing a dataset: paths stay, nothing is overwritten, and whatever is left out is named."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from PIL import Image

from studio.core.errors import DatasetError, InputError, StorageError
from studio.core.paths import ASSETS, Workspace
from studio.core.refused_names import why_refused
from studio.formats.dataset import read_caption, read_captions, read_dataset
from studio.formats.masks import Masks
from studio.library.arrivals import usable
from studio.library.importing import Imported, import_files
from studio.library.library import Library
from tests import failpoint


@pytest.fixture
def datasets(tmp_path: Path) -> Path:
    """Where new datasets are made."""
    return tmp_path / "workspace" / "datasets"


def image(path: Path, colour: str = "red", mode: str = "RGB") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, (8, 8), colour).save(path)
    return path


def text(path: Path, words: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(words, encoding="utf-8")
    return path


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def why(info: Imported, name: str) -> str:
    return next(one.why for one in info.left_out if one.name == name)


def layout(root: Path) -> Path:
    """A folder with everything that readers of datasets know."""
    for k, colour in enumerate(("red", "lime", "blue")):
        image(root / f"{k}.png", colour)
        text(root / f"{k}.txt", f"a zibbo cat {k}")
        image(root / "masks" / f"{k}.png", "white", "L")
        image(root / "held_out" / f"{k}.png", "black")
        image(root / "10_dog" / f"{k}.jpg", "navy")
        image(root / "30_cat" / f"{k}.jpg", colour)
    text(root / "30_cat" / "0.caption", "a cat of its own")
    text(root / "1.PNG.TXT", "an ending of another program")
    text(root / "metadata.jsonl", '{"file_name": "10_dog/0.jpg", "text": "told by the table"}\n')
    text(root / "dataset.toml", 'name = "all of it"\n')
    return root


def test_a_folder_arrives_as_it_is(tmp_path: Path, datasets: Path):
    source = layout(tmp_path / "given")
    info = import_files([source], datasets, "mine")
    assert info.path == datasets / "mine" and info.left_out == [] and info.renamed == {}
    assert contents(info.path) == contents(source)
    assert sorted(info.copied) == sorted(contents(source))
    there, here = read_captions(source), read_captions(info.path)
    assert {p.relative_to(source): t for p, t in there.items()} == {
        p.relative_to(info.path): t for p, t in here.items()
    }
    assert Masks().of(info.path / "1.png") == info.path / "masks" / "1.png"
    assert info.held_out == info.path / "held_out"
    assert here[info.path / "10_dog" / "0.jpg"] == "told by the table"
    assert info.images == read_dataset(source).images == 9


def test_a_list_of_files_keeps_the_folders_they_come_from(tmp_path: Path, datasets: Path):
    source = layout(tmp_path / "given")
    files = [path for path in sorted(source.rglob("*")) if path.is_file()]
    info = import_files(files, datasets, "mine")
    assert contents(info.path) == contents(source)


def test_two_cameras_with_the_same_names(tmp_path: Path, datasets: Path):
    for camera, colour in (("cam-a", "red"), ("cam-b", "blue")):
        for k in range(3):
            image(tmp_path / camera / f"IMG_{k}.png", colour)
            text(tmp_path / camera / f"IMG_{k}.TXT".lower().replace("img", "IMG"), f"{camera} {k}")
    files = [f for camera in ("cam-a", "cam-b") for f in sorted((tmp_path / camera).iterdir())]
    info = import_files(files, datasets, "both")
    captions = {path.relative_to(info.path).as_posix(): t for path, t in
                read_captions(info.path).items()}  # fmt: skip
    assert captions == {
        f"{c}/IMG_{k}.png": f"{c} {k}" for c in ("cam-a", "cam-b") for k in range(3)
    }
    assert info.images == 6


def test_loose_files_of_one_name_get_names_together_with_their_captions(
    tmp_path: Path, datasets: Path
):
    given = []
    for camera, colour in (("a", "red"), ("b", "blue"), ("c", "lime")):
        given.append(("IMG_0.png", image(tmp_path / camera / "IMG_0.png", colour)))
        given.append(("IMG_0.txt", text(tmp_path / camera / "IMG_0.txt", f"camera {camera}")))
    given.append(("IMG_1.png", image(tmp_path / "a" / "IMG_1.png", "teal")))
    again = image(tmp_path / "d" / "IMG_1.png", "teal")
    info = import_files([*given, ("IMG_1.png", again)], datasets, "loose")
    assert info.renamed == {"IMG_0.png": "IMG_0-3.png", "IMG_0.txt": "IMG_0-3.txt"}
    found = {p.name: (Image.open(p).getpixel((0, 0)), read_caption(p)) for p in
             read_captions(info.path)}  # fmt: skip
    assert found == {
        "IMG_0.png": ((255, 0, 0), "camera a"),
        "IMG_0-2.png": ((0, 0, 255), "camera b"),
        "IMG_0-3.png": ((0, 255, 0), "camera c"),
        "IMG_1.png": ((0, 128, 128), None),
    }
    assert info.same == ["IMG_1.png"]


def test_a_caption_that_could_be_two_images_is_named(tmp_path: Path, datasets: Path):
    given = [("1.png", image(tmp_path / "a" / "1.png", "red")),
             ("1.png", image(tmp_path / "b" / "1.png", "blue")),
             ("1.txt", text(tmp_path / "b" / "1.txt", "one of them"))]  # fmt: skip
    info = import_files(given, datasets, "x")
    assert info.images == 2 and info.captioned == 0
    assert "not clear" in why(info, "1.txt")


def test_into_an_existing_dataset(tmp_path: Path, datasets: Path):
    first = tmp_path / "first"
    image(first / "1.png", "red"), text(first / "1.txt", "red one")
    image(first / "masks" / "1.png", "white", "L")
    image(first / "2.png", "lime")
    text(first / "metadata.jsonl", '{"file_name": "2.png", "text": "green, says the table"}\n')
    folder = import_files([first], datasets, "x").path
    before = contents(folder)

    second = tmp_path / "second"
    image(second / "1.png", "blue"), text(second / "1.txt", "blue one")  # another image
    image(second / "masks" / "1.png", "black", "L")
    image(second / "2.png", "lime"), text(second / "2.txt", "green one")  # the same image
    image(second / "3.png", "teal")
    text(second / "metadata.jsonl", '{"file_name": "3.png", "text": "teal, says the table"}\n')
    text(second / "dataset.toml", 'trigger = "zib"\n')
    info = import_files([second], datasets, "unused", folder)
    assert info.path == folder and not (datasets / "unused").exists()
    after = contents(folder)
    assert before.items() <= after.items(), "something was replaced"
    assert info.renamed == {"1.png": "1-2.png", "1.txt": "1-2.txt", "masks/1.png": "masks/1-2.png"}
    assert {path.name: caption for path, caption in read_captions(folder).items()} == {
        "1.png": "red one", "1-2.png": "blue one", "2.png": "green one",
        "3.png": "teal, says the table",
    }  # fmt: skip
    assert Masks().of(folder / "1-2.png") == folder / "masks" / "1-2.png"
    assert info.same == ["2.png"] and "stays" in why(info, "metadata.jsonl")
    again = import_files([second], datasets, "unused", folder)
    assert again.copied == [] and contents(folder) == after
    assert {"1-2.png", "2.png", "3.png"} <= set(again.same)


def test_a_caption_of_a_renamed_image_comes_out_of_its_table(tmp_path: Path, datasets: Path):
    folder = import_files([image(tmp_path / "a" / "1.png", "red")], datasets, "x").path
    image(tmp_path / "b" / "1.png", "blue")
    text(tmp_path / "b" / "metadata.jsonl", '{"file_name": "1.png", "text": "the blue one"}\n')
    import_files([tmp_path / "b"], datasets, "", folder)
    assert read_caption(folder / "1-2.png") == "the blue one"


@pytest.mark.parametrize(("table", "says"), [
    ("metadata.csv", "file_name,text\n1.png,the blue one\n2.png,the lime one\n"),
    ("meta_cap.json", '{"1": {"caption": "the blue one"}, "2": {"caption": "the lime one"}}'),
])  # fmt: skip
def test_tables_of_other_programs_speak_too(tmp_path: Path, datasets: Path, table: str, says: str):
    first = image(tmp_path / "a" / "1.png", "red").parent
    text(first / table, says.replace("blue", "red"))
    folder = import_files([first], datasets, "x").path
    second = image(tmp_path / "b" / "1.png", "blue").parent
    image(second / "2.png", "lime")
    text(second / table, says)
    import_files([second], datasets, "", folder)
    assert {path.name: caption for path, caption in read_captions(folder).items()} == {
        "1.png": "the red one", "1-2.png": "the blue one", "2.png": "the lime one",
    }  # fmt: skip


def test_another_caption_of_an_image_that_is_here_is_named(tmp_path: Path, datasets: Path):
    given = [image(tmp_path / "a" / "1.png"), text(tmp_path / "a" / "1.txt", "first")]
    folder = import_files(given, datasets, "x").path
    text(folder / "1.txt", "mended by hand")
    info = import_files(given, datasets, "x", folder)
    assert read_caption(folder / "1.png") == "mended by hand"
    assert info.same == ["1.png"] and "stays" in why(info, "1.txt")


def test_names_that_differ_by_case_alone(tmp_path: Path, datasets: Path):
    given = [image(tmp_path / "IMG.png", "red"), image(tmp_path / "img.png", "blue"),
             text(tmp_path / "img.txt", "the blue one"), image(tmp_path / "other.png", "lime"),
             text(tmp_path / "other.txt", "green")]  # fmt: skip
    info = import_files(given, datasets, "x")
    assert sorted(contents(info.path)) == ["IMG.png", "other.png", "other.txt"]
    assert "IMG.png" in why(info, "img.png") and why(info, "img.txt")
    assert read_caption(info.path / "IMG.png") is None


@pytest.mark.parametrize("name", [
    "../1.png", "a/../../1.png", "/etc/1.png", "a//1.png", "./1.png", "..\\1.png", "C:\\1.png",
    "C:1.png", "CON.png", "nul.txt", "com1.png", "lpt³.txt", "a/aux/1.png", "1.png.", "1.png ",
    "a\n.png", "a\x00.png", "a\u202egnp.png", "x" * 300 + ".png", "", "d/" * 600 + "1.png",
])  # fmt: skip
def test_odd_names_are_refused_and_nothing_else_is_lost(tmp_path: Path, datasets: Path, name: str):
    assert why_refused(name)
    good, odd = image(tmp_path / "1.png"), image(tmp_path / "2.png", "blue")
    info = import_files([("1.png", good), (name, odd)], datasets, "x")
    assert list(contents(tmp_path / "workspace")) == ["datasets/x/1.png"]
    assert [one.name for one in info.left_out] == [name]


@pytest.mark.parametrize("name", [
    "été.png", "🐱 cat.png", "猫/1.png", "a & b (1).png", "100%.png", "${x}.png", "it's.png",
    "a#b?.png", "com.png", "console.png", "..a.png", "1..png", "x" * 240 + ".png",
])  # fmt: skip
def test_unusual_names_are_welcome(tmp_path: Path, datasets: Path, name: str):
    if name.startswith("."):
        assert usable([name])[1][0].why == "a hidden file of the system"
        return
    file = image(tmp_path / "in" / "x.png")
    info = import_files([(name, file)], datasets, "x")
    assert info.copied == [name] and info.left_out == []


def test_what_is_not_used_is_listed(tmp_path: Path, datasets: Path):
    image(tmp_path / "in" / "1.png")
    for name in ("film.mp4", "all.zip", "paper.pdf", ".DS_Store", "Thumbs.db", "raw.cr2", "none"):
        text(tmp_path / "in" / name, "x")
    info = import_files([tmp_path / "in"], datasets, "x")
    assert sorted(one.name for one in info.left_out) == sorted(
        ["film.mp4", "all.zip", "paper.pdf", ".DS_Store", "Thumbs.db", "raw.cr2", "none"]
    )
    assert "no zip" in why(info, "all.zip") and "video" in why(info, "film.mp4")


def test_links_out_of_the_folder_are_not_followed(tmp_path: Path, datasets: Path):
    secret = text(tmp_path / "elsewhere" / "secret.txt", "secret")
    image(secret.parent / "private.png", "blue")
    source = tmp_path / "in"
    image(source / "1.png")
    (source / "1.txt").symlink_to(secret)
    (source / "2.png").symlink_to(secret.parent / "private.png")
    (source / "folder").symlink_to(secret.parent)
    (source / "3.png").symlink_to(source / "1.png")
    (source / "4.png").symlink_to(source / "nowhere.png")
    (source / "loop").symlink_to(source)
    info = import_files([source], datasets, "x")
    assert sorted(contents(info.path)) == ["1.png", "3.png"]
    assert {one.name for one in info.left_out} == {"1.txt", "2.png", "4.png", "folder", "loop"}
    assert "link" in why(info, "1.txt") and "link" in why(info, "folder")
    listed = import_files(sorted(source.glob("*.*")), datasets, "y")
    assert sorted(contents(listed.path)) == ["1.png", "3.png"]


def test_an_import_that_fails_leaves_nothing_half(
    tmp_path: Path, datasets: Path, monkeypatch: pytest.MonkeyPatch
):
    files = [image(tmp_path / f"{k}.png", colour) for k, colour in enumerate(("red", "blue"))]

    def full(operation: str, path: Path) -> None:
        if path.name == "1.png":
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(failpoint, "reached", full)
    with pytest.raises(StorageError):
        import_files(files, datasets, "x")
    assert not (datasets / "x").exists() and all(file.is_file() for file in files)
    monkeypatch.setattr(failpoint, "reached", None)
    assert import_files(files, datasets, "x").path == datasets / "x"


def test_two_imports_at_once_get_a_folder_each(tmp_path: Path, datasets: Path):
    file, gate, made = image(tmp_path / "1.png"), threading.Barrier(4), []

    def one() -> None:
        gate.wait()
        made.append(import_files([file], datasets, "x").path)

    threads = [threading.Thread(target=one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(path.name for path in made) == ["x", "x-2", "x-3", "x-4"]


def test_samples_stay_and_nothing_usable_is_an_error(tmp_path: Path):
    library = Library(Workspace(tmp_path / "w"))
    file = image(tmp_path / "1.png")
    sample = next(path for path in (ASSETS / "datasets").iterdir() if path.is_dir())
    with pytest.raises(InputError, match="copy"):
        library.import_dataset([file], "x", into=sample.name)
    with pytest.raises(DatasetError, match=r"no image.*notes.pdf"):
        library.import_dataset([text(tmp_path / "in" / "notes.pdf", "x")], "x")
    assert list(library.workspace.datasets.iterdir()) == []


def test_a_name_that_is_not_utf_8_keeps_its_bytes(tmp_path: Path, datasets: Path):
    source = tmp_path / "in"
    image(source / "1.png")
    odd = Path(os.fsdecode(os.fsencode(source) + b"/caf\xe9.png"))
    try:
        odd.write_bytes((source / "1.png").read_bytes())
    except OSError:
        pytest.skip("this system takes no such names")
    info = import_files([source], datasets, "x")
    assert (info.path / odd.name).is_file() and info.left_out == []
