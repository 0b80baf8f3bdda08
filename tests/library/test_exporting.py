"""Exporting a dataset: every layout comes back as it was, over nothing, whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import tracemalloc
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from studio.core import disk
from studio.core.errors import DatasetError, InputError, Interrupted, StorageError
from studio.core.text import read_toml
from studio.formats.dataset import read_captions, read_dataset
from studio.formats.dataset_export import KINDS
from studio.formats.export_layouts import KOHYA_FILE
from studio.formats.image_recipe import ImageRecipe
from studio.formats.image_recipes import keep_mask, write_recipes
from studio.formats.masks import Masks
from studio.library import exporting
from studio.library.exporting import export_dataset
from studio.library.importing import import_files
from tests import failpoint

Known = dict[str, object]


def image(path: Path, colour: tuple[int, int, int], mode: str = "RGB") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (12, 9), colour).convert(mode).save(path)


def text(path: Path, words: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(words, encoding="utf-8")


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """Images at the top and in weighted sub-folders, masks of both kinds, held-out images, odd names."""
    root = tmp_path / "given" / "my zibbo"
    for k in range(4):
        image(root / f"{k}.png", (k, 0, 0))
        text(root / f"{k}.txt", f"a zibbo cat {k}, “quoted”\nin two lines")
    (root / "3.txt").unlink()
    image(root / "ünï cödé #1.jpg", (9, 9, 9))
    text(root / "ünï cödé #1.jpg.txt", "ein Zibbo — klein")
    image(root / "close-ups" / "0.png", (0, 200, 0))
    text(root / "close-ups" / "0.caption", "a zibbo cat, close")
    image(root / "0.mask.png", (255, 255, 255), "L")
    image(root / "masks" / "1.png", (0, 0, 0), "L")
    image(root / "held_out" / "a.png", (0, 0, 77))
    text(root / "held_out" / "a.txt", "a zibbo cat nobody has seen")
    image(root / "held_out" / "b.png", (0, 0, 78))
    text(
        root / "dataset.toml",
        'name = "Zibbo"\ntrigger = "zibbo"\nclass_word = "cat"\nkind = "style"\nrepeats = 2\n'
        "[folders]\nclose-ups = 7\n",
    )
    return root


@pytest.fixture
def kohyas(tmp_path: Path) -> Path:
    """Two concepts in kohya's folders, one image captioned by its folder's name, two files of one name."""
    root = tmp_path / "given" / "two"
    image(root / "10_sks dog" / "1.png", (1, 0, 0))
    text(root / "10_sks dog" / "1.txt", "a sks dog runs")
    image(root / "10_sks dog" / "2.png", (2, 0, 0))
    image(root / "3_ohwx person" / "1.png", (3, 0, 0))
    text(root / "3_ohwx person" / "1.txt", "ohwx person, smiling")
    image(root / "3_ohwx person" / "1.jpg", (4, 0, 0))
    return root


@pytest.fixture
def prepared(plain: Path) -> Path:
    """Several captions in a list among texts of two lines, a crop, a painted mask."""
    (plain / "2.txt").unlink()
    text(plain / "2.json", '{"captions": ["a zibbo", {"text": "a cat", "weight": 2}]}')
    painted = keep_mask(plain, Image.new("L", (12, 9), 99))
    found = {
        "1.png": ImageRecipe(turn=90, crop=(0.0, 0.0, 0.5, 1.0)),
        "close-ups/0.png": ImageRecipe(mask=painted),
        "held_out/a.png": ImageRecipe(flip=True),
    }
    write_recipes(plain, found, "Preparing")
    return plain


@pytest.fixture
def lines(plain: Path) -> Path:
    """A caption on each line."""
    says = (plain / "dataset.toml").read_text("utf-8")
    text(plain / "dataset.toml", 'captions = "lines"\n' + says)
    return plain


def known(folder: Path) -> list[Known]:
    """What the studio knows of a dataset, whatever its files are called."""
    info, masks = read_dataset(folder), Masks()

    def digest(path: Path | None) -> str | None:
        return hashlib.sha256(path.read_bytes()).hexdigest() if path else None

    rows: list[Known] = [
        {
            "image": digest(item.path),
            "caption": item.caption or "",
            "captions": item.captions,
            "recipe": item.recipe.changed(mask=""),
            "painted": digest(info.recipes.mask(item.path) if info.recipes else None),
            "repeats": item.repeats,
            "trigger": item.trigger,
            "mask": digest(masks.of(item.path)),
            "held_out": False,
        }
        for item in info.items
    ]
    rows += [
        {
            "image": digest(path),
            "caption": words or "",
            "mask": digest(masks.of(path)),
            "held_out": True,
        }
        for path, words in (read_captions(info.held_out) if info.held_out else {}).items()
    ]
    return sorted(rows, key=lambda row: str(row["image"]))


def about(folder: Path) -> tuple[str, ...]:
    info = read_dataset(folder)
    return info.name, info.trigger, info.class_word, info.kind


def imported(path: Path, tmp_path: Path) -> Path:
    info = import_files([path], tmp_path / "datasets", "back")
    assert info.left_out == []
    return info.path


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("given", ["plain", "kohyas", "prepared", "lines"])
def test_exported_and_imported_again_it_is_the_same(
    kind: str, given: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    folder: Path = request.getfixturevalue(given)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    done = export_dataset(read_dataset(folder), kind, tmp_path / "out" / "export")
    back = imported(done.path, tmp_path)
    there, here = known(folder), known(back)
    if given in ("prepared", "lines"):
        assert any(row.get("captions") for row in here) and read_dataset(back).lines == (
            given == "lines"
        )
    if kind == "kohya" and given != "kohyas":  # its folders name a trigger; there is one for all
        assert {row.pop("trigger", "zibbo") for row in here} == {"zibbo"}
        for row in there:
            row.pop("trigger", None)
    assert here == there
    if given != "kohyas":
        assert about(back) == about(folder)
    assert before == {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    again = export_dataset(read_dataset(back), kind, tmp_path / "out" / "second")
    assert len(again.plan.entries) == len(done.plan.entries)


def test_the_table_has_a_line_for_each_captioned_image(plain: Path, tmp_path: Path) -> None:
    path = export_dataset(read_dataset(plain), "metadata", tmp_path / "out").path
    lines = [json.loads(line) for line in (path / "metadata.jsonl").read_text("utf-8").splitlines()]
    assert {line["file_name"] for line in lines} == {
        "0.png", "1.png", "2.png", "ünï cödé #1.jpg", "weight-7/0.png",
    }  # fmt: skip
    assert all((path / line["file_name"]).is_file() for line in lines)
    assert not list(path.rglob("*.txt"))


def test_kohyas_config_names_folders_that_are_there(kohyas: Path, tmp_path: Path) -> None:
    path = export_dataset(read_dataset(kohyas), "kohya", tmp_path / "out").path
    (dataset,) = read_toml(path / KOHYA_FILE)["datasets"]
    assert dataset["subsets"] == [
        {"image_dir": "3_ohwx person", "num_repeats": 3, "class_tokens": "ohwx person"},
        {"image_dir": "10_sks dog", "num_repeats": 10, "class_tokens": "sks dog"},
    ]
    assert not (path / "10_sks dog" / "2.txt").exists(), "its folder's name is its caption"
    assert sorted(p.name for p in (path / "3_ohwx person").iterdir()) == [
        "1-2.png", "1-2.txt", "1.jpg", "1.txt",
    ]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_overwritten(kind: str, plain: Path, tmp_path: Path) -> None:
    target = tmp_path / ("out.zip" if KINDS[kind].packed else "out")
    text(target, "mine")
    with pytest.raises(InputError, match="not overwritten"):
        export_dataset(read_dataset(plain), kind, target)
    assert target.read_text() == "mine"
    with pytest.raises(InputError, match="inside of the dataset"):
        export_dataset(read_dataset(plain), kind, plain / "out")


@pytest.mark.parametrize("kind", KINDS)
def test_stopped_or_refused_it_leaves_nothing(kind: str, plain: Path, tmp_path: Path) -> None:
    target = tmp_path / "out" / ("export.zip" if KINDS[kind].packed else "export")

    def stop(done: int, total: int) -> None:
        if done == 3:
            raise Interrupted("Stopped as you asked")

    with pytest.raises(Interrupted):
        export_dataset(read_dataset(plain), kind, target, stop)
    info = read_dataset(plain)
    (plain / "2.png").unlink()
    with pytest.raises(DatasetError, match="went away"):
        export_dataset(info, kind, target)
    assert os.listdir(target.parent) == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_disk_without_room_says_so_in_words(
    kind: str, plain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full:
        free = 1000

    monkeypatch.setattr(exporting.shutil, "disk_usage", lambda place: Full)
    with pytest.raises(StorageError, match="not enough room") as caught:
        export_dataset(read_dataset(plain), kind, tmp_path / "out")
    assert caught.value.remedy and os.listdir(tmp_path) == ["given"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_disk_that_fills_up_on_the_way(
    kind: str, plain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "out" / "export"

    def full(operation: str, path: Path) -> None:
        if operation == "fsync":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    monkeypatch.setattr(failpoint, "reached", full)
    with pytest.raises(StorageError, match="full") as caught:
        export_dataset(read_dataset(plain), kind, target)
    assert caught.value.remedy
    assert os.listdir(target.parent) == []


def test_a_large_dataset_is_streamed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "large"
    image(root / "0.png", (1, 2, 3))
    with open(root / "0.png", "ab") as file:
        file.truncate(64 << 20)  # a long tail behind the image, as films and archives have it
    monkeypatch.setattr(disk, "fsync_file", lambda path: None)
    info = read_dataset(root)
    for kind in KINDS:
        tracemalloc.start()
        export_dataset(info, kind, tmp_path / f"out-{kind}")
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert most < 8 << 20, kind


def test_a_zip_holds_one_folder_and_the_same_bytes_every_time(plain: Path, tmp_path: Path) -> None:
    paths = [
        export_dataset(read_dataset(plain), "zip", tmp_path / name).path for name in ("a", "b")
    ]
    assert [path.name for path in paths] == ["a.zip", "b.zip"]
    assert paths[0].read_bytes() == paths[1].read_bytes()
    with zipfile.ZipFile(paths[0]) as archive:
        assert archive.testzip() is None
        assert {name.partition("/")[0] for name in archive.namelist()} == {"Zibbo"}
