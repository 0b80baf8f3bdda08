"""Zips that arrive: what is good in them is imported, everything else is named, and memory stays small."""

from __future__ import annotations

import io
import stat
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from studio.core.errors import DatasetError, StorageError
from studio.formats.dataset import read_captions
from studio.library import unpacking
from studio.library.importing import Imported, import_files

MOST_MEMORY = 24 << 20  # bytes of Python's own, whatever an archive claims


def png(colour: tuple[int, int, int] = (200, 0, 0)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), colour).save(buffer, "PNG")
    return buffer.getvalue()


def packed(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def good(archive: zipfile.ZipFile) -> None:
    archive.writestr("good.png", png())
    archive.writestr("good.txt", "a good image")


def bomb(archive: zipfile.ZipFile) -> None:
    archive.writestr("bomb.png", bytes(64 << 20))


def giant(archive: zipfile.ZipFile) -> None:
    archive.writestr("giant.png", b"x")
    archive.filelist[-1].file_size = 600 << 20
    archive.filelist[-1].compress_size = 590 << 20


def absolute(archive: zipfile.ZipFile) -> None:
    archive.writestr("/etc/absolute.png", png())


def above(archive: zipfile.ZipFile) -> None:
    archive.writestr("../../above.png", png())


def drive(archive: zipfile.ZipFile) -> None:
    archive.writestr("C:/drive.png", png())


def backslash(archive: zipfile.ZipFile) -> None:
    info = zipfile.ZipInfo("x")
    info.filename = "..\\back.png"
    archive.writestr(info, png())


def link(archive: zipfile.ZipFile) -> None:
    info = zipfile.ZipInfo("link.png")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    archive.writestr(info, "/etc/passwd")


def pipe(archive: zipfile.ZipFile) -> None:
    info = zipfile.ZipInfo("pipe.png")
    info.external_attr = (stat.S_IFIFO | 0o666) << 16
    archive.writestr(info, "")


def nested(archive: zipfile.ZipFile) -> None:
    archive.writestr("inner.zip", b"PK\5\6" + bytes(18))


def twice(archive: zipfile.ZipFile) -> None:
    archive.writestr("Twice.png", png())
    archive.writestr("twice.png", png((0, 0, 9)))


def program(archive: zipfile.ZipFile) -> None:
    archive.writestr("setup.exe", b"MZ")


def squeezed(archive: zipfile.ZipFile) -> None:
    archive.writestr("squeezed.png", png(), zipfile.ZIP_LZMA)


MEMBERS: dict[Callable[[zipfile.ZipFile], None], tuple[str, str]] = {
    bomb: ("bomb.png", "zip bomb"),
    giant: ("giant.png", "629 MB"),
    absolute: ("/etc/absolute.png", "not one inside"),
    above: ("../../above.png", "leads out"),
    drive: ("C:/drive.png", "not one inside"),
    backslash: ("..\\back.png", "not one inside"),
    link: ("link.png", "a link or a device"),
    pipe: ("pipe.png", "a link or a device"),
    nested: ("inner.zip", "inside of an archive"),
    twice: ("twice.png", "two files of this name"),
    program: ("setup.exe", "neither an image nor a caption"),
    squeezed: ("squeezed.png", "not known here"),
}  # fmt: skip


def imported(path: Path, tmp_path: Path) -> Imported:
    return import_files([path], tmp_path / "datasets", "in")


def why(info: Imported, name: str) -> str:
    return next(one.why for one in info.left_out if one.name.endswith(name))


@pytest.mark.parametrize("bad", MEMBERS)
def test_a_bad_member_is_named_and_the_good_ones_arrive(
    bad: Callable[[zipfile.ZipFile], None], tmp_path: Path
) -> None:
    path = tmp_path / "given.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        good(archive)
        bad(archive)
    outside = set(tmp_path.parent.rglob("*"))
    tracemalloc.start()
    info = imported(path, tmp_path)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    name, said = MEMBERS[bad]
    assert said in why(info, name)
    assert read_captions(info.path)[info.path / "good.png"] == "a good image"
    assert most < MOST_MEMORY
    assert list((tmp_path / "datasets").iterdir()) == [info.path], "nothing else is left there"
    new = set(tmp_path.parent.rglob("*")) - outside
    assert all(one.is_relative_to(tmp_path / "datasets") for one in new)


def changed(path: Path, change: Callable[[bytearray], None]) -> Path:
    data = bytearray(path.read_bytes())
    change(data)
    path.write_bytes(data)
    return path


def locked(data: bytearray) -> None:
    """Says in both places that the first member asks for a password."""
    data[6] |= 1
    data[data.index(b"PK\1\2") + 8] |= 1


def bad_sum(data: bytearray) -> None:
    at = data.index(b"PK\1\2") + 16
    data[at : at + 4] = b"\1\2\3\4"


def lies_about_size(data: bytearray) -> None:
    at = data.index(b"PK\1\2") + 24
    data[at : at + 4] = struct.pack("<I", 5)


@pytest.mark.parametrize(
    "change, said",
    [(locked, "password"), (bad_sum, "damaged"), (lies_about_size, "another size|damaged")],
)
def test_a_member_that_is_not_what_the_list_says(
    change: Callable[[bytearray], None], said: str, tmp_path: Path
) -> None:
    import re

    path = tmp_path / "given.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("bad.png", png((0, 9, 0)))
        good(archive)
    info = imported(changed(path, change), tmp_path)
    assert re.search(said, why(info, "bad.png"))
    assert info.images == 1


def cut(data: bytearray) -> None:
    del data[len(data) // 2 :]


def empty(data: bytearray) -> None:
    data.clear()


def text(data: bytearray) -> None:
    data[:] = b"this is no archive"


def endless(data: bytearray) -> None:
    at = data.rindex(b"PK\5\6")
    data[at + 8 : at + 16] = struct.pack("<HHI", 65_000, 65_000, 900 << 20)


def stacked(data: bytearray) -> None:
    """Every member of the list lies where the first one lies."""
    at = -1
    while (at := data.find(b"PK\1\2", at + 1)) >= 0:
        data[at + 42 : at + 46] = bytes(4)


@pytest.mark.parametrize(
    "change, said",
    [
        (cut, "cut off"),
        (empty, "empty"),
        (text, "no zip"),
        (endless, "far more than a dataset has"),
        (stacked, "on top of each other"),
    ],
)
def test_an_archive_that_cannot_be_opened_is_named_beside_good_files(
    change: Callable[[bytearray], None], said: str, tmp_path: Path
) -> None:
    path = changed(
        packed(tmp_path / "bad.zip", **{"1.png": png(), "2.png": png((1, 1, 1))}), change
    )
    (tmp_path / "good.png").write_bytes(png())
    info = import_files([path, tmp_path / "good.png"], tmp_path / "datasets", "in")
    assert said in why(info, "bad.zip")
    assert info.images == 1
    with pytest.raises(DatasetError, match="no image") as caught:
        imported(path, tmp_path)
    assert said in (caught.value.why or "")


def test_a_zip_of_a_folder_is_that_folder_and_its_layout_is_kept(tmp_path: Path) -> None:
    path = packed(
        tmp_path / "x.zip",
        **{
            "my set/10_sks dog/1.png": png(),
            "my set/10_sks dog/1.txt": b"a sks dog runs",
            "my set/held_out/a.png": png((0, 0, 7)),
            "__MACOSX/my set/._1.png": b"\0\5\x16\7",
        },
    )
    info = imported(path, tmp_path)
    assert [(item.path.name, item.caption, item.repeats) for item in info.items] == [
        ("1.png", "a sks dog runs", 10)
    ]
    assert info.held_out == info.path / "held_out"
    assert "hidden file" in why(info, "._1.png")
    only = packed(tmp_path / "y.zip", **{"10_sks dog/1.png": png()})
    assert [item.repeats for item in imported(only, tmp_path).items] == [10]


def test_an_archive_of_many_images_is_streamed(tmp_path: Path) -> None:
    path = tmp_path / "many.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for k in range(4):
            archive.writestr(f"{k}.png", png((k, k, k)) + bytes(16 << 20))
    tracemalloc.start()
    info = imported(path, tmp_path)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert info.images == 4 and most < MOST_MEMORY


def test_a_disk_without_room_says_so_before_it_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full:
        free = unpacking.SPARE + 10

    monkeypatch.setattr(unpacking.shutil, "disk_usage", lambda place: Full)
    path = packed(tmp_path / "x.zip", **{"1.png": png()})
    with pytest.raises(StorageError, match="not enough room") as caught:
        imported(path, tmp_path)
    assert caught.value.remedy
    assert list((tmp_path / "datasets").iterdir()) == []
