"""Comparisons as zips: out and in again whole, and nothing else gets in."""

from __future__ import annotations

import io
import os
import stat
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from studio.compare.archive import opening as reading
from studio.compare.archive.export import archive_size, export, pieces
from studio.compare.archive.opening import open_archive
from studio.compare.record import Comparison, read_comparison
from studio.compare.report.about import read_about, write_about
from studio.compare.report.report import write_report
from studio.core.errors import FileError, InputError, MissingError, StorageError
from tests import failpoint
from tests.compare.made import column, make

SECRET = b"somebody's own"


@pytest.fixture
def comparison(tmp_path: Path) -> Comparison:
    """Two columns with images, a report, a question, votes, tensors; and what is no part of it."""
    made = make(
        tmp_path / "from" / "20260131-120000-shapes", [column("a"), column("b", 0.1)], seeds=[1, 2]
    )
    folder = Path(made.folder)
    write_about(folder, "Which one?", "")
    write_report(folder)
    (folder / "votes.jsonl").write_text('{"vote": 1}\n')
    import numpy as np
    from safetensors.numpy import save_file

    save_file({"c0": np.zeros((4, 8), np.float32)}, folder / "features.safetensors")
    (folder / ".studio-tmp-x").write_text("half")
    (folder / "wallet.dat").write_bytes(SECRET)
    (folder / "notes.json").symlink_to(folder / "wallet.dat")
    return made


@pytest.fixture
def zipped(comparison: Comparison, tmp_path: Path) -> Path:
    return export(comparison.folder, tmp_path / "shapes.zip")


@pytest.fixture
def into(tmp_path: Path) -> Path:
    folder = tmp_path / "into"
    folder.mkdir()
    return folder


def content(folder: Path) -> dict[str, bytes]:
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()
    }


def test_it_comes_back_whole(comparison: Comparison, zipped: Path, into: Path) -> None:
    opened = open_archive(zipped, into)
    assert opened.id == "20260131-120000-shapes" and opened.left_out == ()
    there, here = content(Path(comparison.folder)), content(into / opened.id)
    strange = {
        "report.html",
        "report.md",
        "report.csv",
        "sheet.png",
        ".studio-tmp-x",
        "wallet.dat",
        "notes.json",
    }
    assert here == {name: data for name, data in there.items() if name not in strange}
    again = read_comparison(into / opened.id)
    assert again.as_json() == comparison.as_json() | {"id": opened.id}
    assert read_about(again.folder).question == "Which one?"
    assert SECRET not in zipped.read_bytes()


def test_a_name_that_is_taken_gets_a_number(zipped: Path, into: Path) -> None:
    names = [open_archive(zipped, into).id for _ in range(3)]
    assert names == [
        "20260131-120000-shapes",
        "20260131-120000-shapes-2",
        "20260131-120000-shapes-3",
    ]


def test_what_is_sent_block_by_block_is_the_same_archive(
    comparison: Comparison, into: Path, tmp_path: Path
) -> None:
    sent = tmp_path / "sent.zip"
    blocks = list(pieces(comparison.folder))
    sent.write_bytes(b"".join(blocks))
    assert max(map(len, blocks)) < 1 << 20
    assert 0.7 < sent.stat().st_size / archive_size(comparison.folder) < 1.05
    with zipfile.ZipFile(sent) as archive:
        assert archive.testzip() is None
    assert open_archive(sent, into).id == "20260131-120000-shapes"


def test_a_killed_comparison_and_one_of_an_old_studio_travel_too(
    tmp_path: Path, into: Path
) -> None:
    make(tmp_path / "killed", [column("a")], finished=False)
    old = Path(__file__).parents[1] / "fixtures/workspace-2026-11/comparisons/20261129-211230-two"
    for folder in (tmp_path / "killed", old):
        opened = open_archive(export(folder, tmp_path / "x.zip"), into)
        before, after = read_comparison(folder), read_comparison(into / opened.id)
        assert after.cells == before.cells and after.columns == before.columns and after.cells


def test_an_archive_that_was_packed_again_elsewhere_is_understood(
    zipped: Path, into: Path, tmp_path: Path
) -> None:
    """Without the folder around it, by a Mac's Finder, with a stranger's file."""
    with zipfile.ZipFile(zipped) as archive:
        files = {info.filename.partition("/")[2]: archive.read(info) for info in archive.infolist()}
    again = tmp_path / "my shapes.zip"
    with zipfile.ZipFile(again, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.mkdir("cells")
        for name, data in files.items():
            archive.writestr(name, data)
        archive.writestr("__MACOSX/._comparison.json", b"\0\1")
        archive.writestr(".DS_Store", b"\0\1")
        archive.writestr("virus.exe", b"MZ")
    opened = open_archive(again, into)
    assert (opened.id, opened.left_out) == ("my-shapes", ("virus.exe",))
    assert not list((into / opened.id).glob("virus*"))


def rewritten(zipped: Path, change: Callable[[zipfile.ZipFile], None], drop: str = "\0") -> Path:
    """The archive with something added, and without the files whose name holds `drop`."""
    target = zipped.with_name("hostile.zip")
    with zipfile.ZipFile(zipped) as before, zipfile.ZipFile(target, "w") as after:
        for info in before.infolist():
            if drop not in info.filename:
                after.writestr(info, before.read(info))
        change(after)
    return target


TOP = "20260131-120000-shapes"


def add(name: str, data: bytes = b"{}", mode: int = 0) -> Callable[[zipfile.ZipFile], None]:
    def change(archive: zipfile.ZipFile) -> None:
        info = zipfile.ZipInfo(name)
        info.external_attr = mode << 16
        archive.writestr(info, data)

    return change


HOSTILE: dict[str, tuple[Callable[[zipfile.ZipFile], None], str, str]] = {
    "out": (add(f"{TOP}/../../escaped.json"), "\0", "leads out"),
    "absolute": (add("/tmp/escaped.json"), "\0", "not one inside"),
    "backslash": (add(f"{TOP}\\..\\..\\escaped.json"), "\0", "not one inside"),
    "drive": (add("C:/escaped.json"), "\0", "not one inside"),
    "device": (add(f"{TOP}/con.json"), "\0", "device on Windows"),
    "control": (add(f"{TOP}/a\u202eb.json"), "\0", "cannot be seen"),
    "link": (add(f"{TOP}/votes2.json", b"/etc/passwd", stat.S_IFLNK | 0o777), "\0", "a link"),
    "pipe": (add(f"{TOP}/votes2.json", b"", stat.S_IFIFO | 0o600), "\0", "a link or a device"),
    "twice": (add(f"{TOP}/Votes.jsonl"), "\0", "Two of its files"),
    "no image": (add(f"{TOP}/cells/c9.png", b"<html>not an image</html>"), "\0", "not what its name says"),
    "no tensors": (add(f"{TOP}/more.safetensors", b"x" * 64), "\0", "not what its name says"),
    "no json": (add(f"{TOP}/more.json", b"[" * 5000), "\0", "not what its name says"),
    "no comparison": (add("x/y.txt"), ".json", "Neither"),
    "two of them": (add("other/comparison.json"), "\0", "several"),
    "unreadable": (add(f"{TOP}/comparison.json", b'{"columns": 3}'), ".json", "cannot be read"),
    "grid": (
        add(f"{TOP}/comparison.json", b'{"prompts": ["a"], "columns": [{"name": "a"}], "seeds": ['
            + b",".join(b"%d" % n for n in range(250_000)) + b"]}"),
        ".json", "a grid of 250,000",
    ),
    "cells": (
        add(f"{TOP}/comparison.json", b'{"prompts": ["a"], "columns": [{"name": "a"}], "seeds": [1], "cells": '
            b'[{"column": 0, "prompt": 0, "seed": 1, "file": "../../other/cells/x.png"}]}'),
        ".json", "an image of its own",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE)
def test_what_could_do_harm_is_refused_and_nothing_is_left(
    case: str, zipped: Path, into: Path
) -> None:
    change, drop, why = HOSTILE[case]
    outside = set(into.parent.iterdir())
    with pytest.raises(FileError) as error:
        open_archive(rewritten(zipped, change, drop), into)
    assert why in str(error.value) and error.value.safe == "Nothing was written."
    assert list(into.iterdir()) == [] and set(into.parent.iterdir()) - outside <= {
        zipped.with_name("hostile.zip")
    }


def test_bombs_are_seen_before_anything_is_unpacked(zipped: Path, into: Path) -> None:
    def bomb(archive: zipfile.ZipFile) -> None:
        archive.writestr(f"{TOP}/more.jsonl", b"\0" * (65 << 20), zipfile.ZIP_DEFLATED)

    with pytest.raises(FileError, match="zip bomb"):
        open_archive(rewritten(zipped, bomb), into)
    data = bytearray(zipped.read_bytes())
    places = [n for n in range(len(data)) if data[n : n + 4] == b"PK\1\2"]
    first = data[places[0] + 42 : places[0] + 46]
    for place in places:  # every file is the first one
        data[place + 42 : place + 46] = first
    zipped.write_bytes(data)
    with pytest.raises(FileError):
        open_archive(zipped, into)
    assert list(into.iterdir()) == []


def test_a_directory_of_a_million_files_is_never_read(zipped: Path, into: Path) -> None:
    data = bytearray(zipped.read_bytes())
    data[-12:-10] = struct.pack("<H", 65_000)
    zipped.write_bytes(data)
    with pytest.raises(FileError, match="65,000 files"):
        open_archive(zipped, into)


def test_a_password_and_a_strange_packing_are_refused(zipped: Path, into: Path) -> None:
    for offset, value in ((8, 1), (10, 12)):  # flags, method in the directory's entries
        data = bytearray(zipped.read_bytes())
        place = data.find(b"PK\1\2")
        data[place + offset] = value
        zipped.with_name("odd.zip").write_bytes(data)
        with pytest.raises(FileError):
            open_archive(zipped.with_name("odd.zip"), into)
    assert list(into.iterdir()) == []


def test_cut_and_damaged_archives_are_refused(zipped: Path, into: Path) -> None:
    data = zipped.read_bytes()
    broken = zipped.with_name("broken.zip")
    middle = data.find(b"IDAT", data.find(b"cells/")) + 40
    for damaged in (
        data[: len(data) // 2], data[:60], data[:-30], data[:middle] + b"\xff\0\xff" + data[middle + 3 :],
        data[:4] + b"\0" * 400, b"", b"<!doctype html><html>log in</html>", b"Rar!\x1a\x07\0" + data,
    ):  # fmt: skip
        broken.write_bytes(damaged)
        with pytest.raises(FileError):
            open_archive(broken, into)
    assert list(into.iterdir()) == []
    with pytest.raises(MissingError):
        open_archive(zipped.with_name("none.zip"), into)


def test_every_torn_byte_is_refused_or_harmless(zipped: Path, into: Path, everything: bool) -> None:
    data = zipped.read_bytes()
    start = data.find(b"PK\1\2")
    for place in range(start, len(data), 1 if everything else 61):
        changed = bytearray(data)
        changed[place] ^= 0xFF
        zipped.write_bytes(changed)
        try:
            opened = open_archive(zipped, into)
        except (FileError, StorageError):
            continue
        assert set(content(into / opened.id)) <= {
            name.partition("/")[2] for name in zipfile.ZipFile(io.BytesIO(data)).namelist()
        }


def test_a_full_disk_leaves_nothing_behind(
    zipped: Path, into: Path, comparison: Comparison, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def refuse(operation: str, path: Path) -> None:
        seen.append(operation)
        if len(seen) > 9:
            raise OSError(28, "No space left on device")

    failpoint.reached = refuse
    try:
        with pytest.raises(StorageError):
            open_archive(zipped, into)
        before = zipped.read_bytes()
        with pytest.raises(StorageError):
            export(comparison.folder, zipped)
    finally:
        failpoint.reached = None
    assert list(into.iterdir()) == [] and zipped.read_bytes() == before
    monkeypatch.setattr(reading, "SPARE", 1 << 60)
    with pytest.raises(StorageError, match="not enough room"):
        open_archive(zipped, into)


def test_a_zip_is_not_written_where_it_makes_no_sense(
    comparison: Comparison, tmp_path: Path
) -> None:
    folder = Path(comparison.folder)
    for target in (folder / "x.zip", tmp_path):
        with pytest.raises(InputError):
            export(folder, target)
    with pytest.raises(MissingError):
        export(tmp_path / "from", tmp_path / "x.zip")


def test_a_file_that_vanishes_while_it_is_sent_is_left_out(
    comparison: Comparison, into: Path, tmp_path: Path
) -> None:
    sent = pieces(comparison.folder)
    first = next(sent)
    os.unlink(Path(comparison.folder) / "votes.jsonl")
    (tmp_path / "sent.zip").write_bytes(first + b"".join(sent))
    assert "votes.jsonl" not in content(into / open_archive(tmp_path / "sent.zip", into).id)
