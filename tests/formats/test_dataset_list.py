"""The list of datasets: right, without touching images, and never empty because of one folder."""

from __future__ import annotations

import builtins
import io
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from studio.formats import dataset_list
from studio.formats.dataset import read_dataset
from studio.formats.dataset_list import DatasetList, summarize
from tests.formats.test_dataset import save_images


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders that have just been made count as old, so that they are remembered."""
    monkeypatch.setattr(dataset_list, "SETTLED", -(10**12))


def rich(folder: Path) -> Path:
    save_images(folder, *(f"{k}.png" for k in range(6)))
    for k in range(4):
        (folder / f"{k}.txt").write_text("a cat" if k else "")
    save_images(folder / "10_sks dog", "d.png")
    save_images(folder / "held_out", "h.png")
    (folder / "dataset.toml").write_text('name = "My cat"\ntrigger = "zibbo"\nkind = "style"\n')
    return folder


def test_it_says_what_a_look_inside_says(tmp_path: Path) -> None:
    folder = rich(tmp_path / "cat")
    summary, info = summarize(folder), read_dataset(folder)
    for name in ("name", "path", "images", "captioned", "trigger", "kind", "class_word"):
        assert getattr(summary, name) == getattr(info, name), name
    assert summary.held_out == info.held_out == folder / "held_out"
    assert summary.cover == info.items[0].path


def test_no_image_and_no_caption_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rich(tmp_path / "cat")
    opened: list[str] = []
    plain, low = builtins.open, os.open

    def counted(file: Any, *arguments: Any, **options: Any) -> Any:
        opened.append(str(file))
        return plain(file, *arguments, **options)

    def counted_low(file: Any, *arguments: Any, **options: Any) -> int:
        opened.append(str(file))
        return low(file, *arguments, **options)

    for place in (builtins, io):
        monkeypatch.setattr(place, "open", counted)
    monkeypatch.setattr(os, "open", counted_low)
    assert DatasetList().below([tmp_path])[0].images == 7
    endings = {Path(name).suffix for name in opened if name.startswith(str(tmp_path))}
    assert endings <= {".toml"}


def test_a_second_look_lists_no_folder_of_images(
    tmp_path: Path, settled: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither in this process nor after a restart."""
    rich(tmp_path / "sets" / "cat")
    memory = tmp_path / "datasets.json"
    first = DatasetList(memory).below([tmp_path / "sets"])
    listed: list[str] = []
    scan = os.scandir

    def counted(path: Any) -> Any:
        listed.append(str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", counted)
    again = DatasetList(memory)
    assert again.below([tmp_path / "sets"]) == first
    assert again.below([tmp_path / "sets"]) == first
    assert set(listed) == {str(tmp_path / "sets")}


@pytest.mark.parametrize("place", ["", "10_sks dog"])
def test_what_changes_is_seen(tmp_path: Path, settled: None, place: str) -> None:
    folder = rich(tmp_path / "cat")
    known = DatasetList()
    assert known.below([tmp_path])[0].images == 7
    save_images(folder / place, "new.png")
    assert known.below([tmp_path])[0].images == 8
    (folder / place / "new.txt").write_text("a caption")
    before = known.below([tmp_path])[0].captioned
    (folder / place / "new.txt").unlink()
    assert known.below([tmp_path])[0].captioned == before - 1
    (folder / "dataset.toml").write_text('name = "Another"\n')
    assert known.below([tmp_path])[0].name == "Another"
    shutil.rmtree(folder)
    assert known.below([tmp_path]) == []


def test_a_folder_that_has_just_changed_is_not_believed(tmp_path: Path) -> None:
    """A file system's clock may not tell two changes of one moment apart."""
    folder = save_images(tmp_path / "cat", "a.png")
    known = DatasetList()
    assert known.below([tmp_path])[0].images == 1
    before = folder.stat()
    save_images(folder, "b.png")
    os.utime(folder, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert known.below([tmp_path])[0].images == 2


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"layout": 1}', b"\xff" * 40])
def test_a_memory_that_is_damaged_costs_nothing(tmp_path: Path, settled: None, content) -> None:
    save_images(tmp_path / "sets" / "cat", "a.png")
    memory = tmp_path / "datasets.json"
    memory.write_bytes(content)
    assert DatasetList(memory).below([tmp_path / "sets"])[0].images == 1
    assert DatasetList(memory).below([tmp_path / "sets"])[0].images == 1


def test_a_disk_that_refuses_the_memory_keeps_the_list(tmp_path: Path, settled: None) -> None:
    save_images(tmp_path / "sets" / "cat", "a.png")
    (tmp_path / "file").write_text("not a folder")
    known = DatasetList(tmp_path / "file" / "datasets.json")
    assert known.below([tmp_path / "sets"])[0].images == 1


def test_one_folder_that_fails_leaves_the_others_in_the_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_images(tmp_path / "good", "a.png")
    save_images(tmp_path / "bad", "a.png")
    save_images(tmp_path / "worse", "a.png")
    (tmp_path / "bad" / "dataset.toml").write_bytes(b"\xff\xfe nonsense")
    (tmp_path / "worse" / "metadata.csv").write_bytes(b'a,"b\n' + b"\0" * 10)
    os.symlink("circle", tmp_path / "circle")
    name = os.fsdecode(b"caf\xe9")
    save_images(tmp_path / name, "a.png")
    real = dataset_list.summarize

    def failing(folder: Path, *rest: Any) -> Any:
        if folder.name == "worse":
            raise PermissionError(13, "Permission denied")
        return real(folder, *rest)

    monkeypatch.setattr(dataset_list, "summarize", failing)
    found = {info.name: info for info in DatasetList().below([tmp_path])}
    assert set(found) == {"good", "bad", "worse", "caf\ufffdE9"}
    assert found["good"].images == 1
    assert found["bad"].problems and found["worse"].problems
    for info in found.values():
        info.name.encode("utf-8")


def test_a_folder_of_unreadable_images_is_shown_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "phone").mkdir()
    (tmp_path / "phone" / "IMG_1.HEIC").write_bytes(b"?")
    (info,) = DatasetList().below([tmp_path])
    assert info.images == 0 and "save them as PNG or JPEG" in info.problems[0]


def test_held_out_images_of_somewhere_else_are_refused(tmp_path: Path) -> None:
    save_images(tmp_path / "sets" / "cat", "a.png")
    save_images(tmp_path / "other", "b.png")
    (tmp_path / "sets" / "cat" / "dataset.toml").write_text('held_out = "../../other"\n')
    (info,) = DatasetList().below([tmp_path / "sets"])
    assert info.held_out is None and "inside the dataset" in info.problems[0]
