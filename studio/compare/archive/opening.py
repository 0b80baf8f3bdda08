"""Opening a comparison that was zipped elsewhere, where nothing in the archive is believed.

Owns: the checks before anything is written, and where it goes: a folder of its own, filled beside
its place and put there in one step. Refuses to know: which files a comparison has
(`archive_files`), uploads, pages. Imports no torch.

Layout of archives: PKWARE's APPNOTE, 4.3.
"""

from __future__ import annotations

import shutil
import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from studio.compare.archive.files import Part, part_of, why_not
from studio.compare.record import COMPARISON_FILE, PROGRESS_FILE, Comparison, read_comparison
from studio.core import atomic
from studio.core.counts import counted
from studio.core.errors import FileError, InputError, MissingError, StorageError
from studio.core.names import composed, printable, same_name
from studio.core.paths import slug
from studio.core.refused_names import why_refused
from studio.formats.sniff import open_file, sniff_bytes, wrong_content

MOST_ENTRIES = 50_000
MOST_DIRECTORY = 16 << 20
MOST_BYTES = 16 << 30
MOST_PLACES = 200_000  # columns × prompts × seeds
MOST_COLUMNS = 1000
SPARE = 256 << 20
"""Bytes that stay free on the disk."""
RATIO, SMALL = 100, 64 << 20
"""How many times larger than the archive its files may be, once they are larger than `SMALL`."""
BLOCK = 1 << 20
REMEDY = "Ask for it to be exported again, with `studio.py compare --export` or the button Zip."
SAFE = "Nothing was written."


@dataclass(frozen=True)
class Opened:
    """A comparison that was read in."""

    id: str
    left_out: tuple[str, ...]
    """Files of the archive that no comparison has; reports, which are made anew, are not named."""


@dataclass(frozen=True)
class _Member:
    info: zipfile.ZipInfo
    name: str
    """Below the comparison's folder."""
    part: Part


def open_archive(file: str | Path, comparisons: str | Path) -> Opened:
    """Reads a zip into a new folder below `comparisons`, called as it was, or with a number where
    that name is taken. Raises MissingError, StorageError, and FileError for a file that is no
    archive of a comparison, damaged, or made to do harm; then nothing has been written.
    """
    path = Path(file)
    with open_file(path) as source:
        content = sniff_bytes(source.read(512))
        if content != "zip":
            raise wrong_content(path, content, "a zip of a comparison")
        _check_directory(path, source)
        try:
            with zipfile.ZipFile(source) as archive:
                return _opened(path, archive, Path(comparisons))
        except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
            # NotImplementedError, for a way to compress that is not known, is a RuntimeError
            why = "It is damaged, cut off, or packed in an unusual way."
            raise _refused(path, why) from error
        except (struct.error, ValueError, OverflowError) as error:
            raise _refused(path, "Its directory makes no sense.") from error


def _opened(path: Path, archive: zipfile.ZipFile, comparisons: Path) -> Opened:
    top, members, left_out = _members(path, archive.infolist())
    _check_sizes(path, [member.info for member in members], comparisons)
    for target in _free(comparisons, top or path.stem):
        try:
            with atomic.replacing(target, exclusive=True) as inside:
                for member in members:
                    _extract(path, archive, member, inside)
                _check_comparison(path, inside)
        except FileExistsError:
            continue
        return Opened(target.name, tuple(left_out))
    raise InputError("There are too many comparisons of this name", where=comparisons)


def _check_directory(path: Path, source: BinaryIO) -> None:
    """FileError for a directory that would be too long to read at all."""
    size = source.seek(0, 2)
    source.seek(max(0, size - 65_600))
    tail = source.read()
    source.seek(0)
    end = tail.rfind(b"PK\5\6")
    if end < 0 or len(tail) - end < 22:
        raise _refused(path, "It is cut off: its end, with the list of its files, is not there.")
    count, length = struct.unpack("<HI", tail[end + 10 : end + 16])
    long = tail.rfind(b"PK\6\6", 0, end)
    if long >= 0 and len(tail) - long >= 56:
        count, length = struct.unpack("<QQ", tail[long + 32 : long + 48])
    if count > MOST_ENTRIES or length > MOST_DIRECTORY:
        raise _refused(path, f"It lists {counted(count, 'file')}, far more than a comparison has.")


def _members(path: Path, infos: list[zipfile.ZipInfo]) -> tuple[str, list[_Member], list[str]]:
    """The folder they are in, the files of a comparison, and the names of all others."""
    files = [info for info in infos if not info.is_dir()]
    names = [composed(info.filename) for info in files]
    for info, name in zip(files, names, strict=True):
        _check_entry(path, info, name)
    top = _top(path, names)
    found: dict[str, _Member] = {}
    left_out = []
    for info, name in zip(files, names, strict=True):
        below = name.removeprefix(f"{top}/") if top else name
        part = part_of(below) if not top or name.startswith(f"{top}/") else None
        if part is None:
            if not _of_the_system(name):
                left_out.append(printable(name))
        elif part.taken:
            if same_name(below) in found:
                raise _refused(path, f"Two of its files are called “{printable(below)}”.")
            found[same_name(below)] = _Member(info, below, part)
    return top, list(found.values()), left_out


def _check_entry(path: Path, info: zipfile.ZipInfo, name: str) -> None:
    shown = printable(info.orig_filename[:100])
    if why := why_refused(name):
        raise _refused(path, f"It holds “{shown}”, and {why}.")
    kind = info.external_attr >> 28  # the type in a Unix mode; 0 where another system packed it
    if kind not in (0, 0o10):
        raise _refused(path, f"“{shown}” is a link or a device, not a file.")
    if info.flag_bits & 1:
        raise _refused(path, "It asks for a password, which the studio’s own archives never do.")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise _refused(path, f"“{shown}” is packed in a way that the studio does not use.")


def _top(path: Path, names: list[str]) -> str:
    """The folder that holds the comparison; empty when its files lie at the top."""
    places = {
        name.rpartition("/")[0]
        for name in names
        if name.rpartition("/")[2] in (COMPARISON_FILE, PROGRESS_FILE) and not _of_the_system(name)
    }
    if len(places) == 1:
        return places.pop()
    why = (
        "It holds several."
        if places
        else f"Neither {COMPARISON_FILE} nor {PROGRESS_FILE} is in it."
    )
    raise FileError(
        "This is not the archive of one comparison",
        where=path.name,
        why=why,
        remedy=REMEDY,
        safe=SAFE,
    )


def _check_sizes(path: Path, infos: list[zipfile.ZipInfo], comparisons: Path) -> None:
    packed, whole = path.stat().st_size, sum(info.file_size for info in infos)
    if whole > MOST_BYTES or whole > max(SMALL, RATIO * packed):
        raise _refused(
            path, f"Its {counted(packed, 'byte')} claim to hold {whole:,}, as a zip bomb does."
        )
    reached = 0
    for info in sorted(infos, key=lambda one: one.header_offset):
        if info.header_offset < reached:
            raise _refused(path, "Its files lie on top of each other, as in a zip bomb.")
        reached = info.header_offset + 30 + info.compress_size
    if whole + SPARE > shutil.disk_usage(comparisons).free:
        raise StorageError(
            "There is not enough room for this comparison",
            where=comparisons,
            why=f"Unpacked it has {whole / 1e6:,.0f} MB.",
            remedy="Free some space, then try again.",
            safe=SAFE,
        )


def _extract(path: Path, archive: zipfile.ZipFile, member: _Member, inside: Path) -> None:
    if member.info.file_size > member.part.most:
        raise _refused(path, f"“{printable(member.name)}” is larger than any such file.")
    target = inside / member.name

    def fill(temporary: Path) -> None:
        left = member.info.file_size
        with archive.open(member.info) as source, open(temporary, "wb") as file:
            while block := source.read(min(BLOCK, left + 1)):
                left -= len(block)
                if left < 0:
                    break
                file.write(block)
        if left:
            raise zipfile.BadZipFile("a file of another size than it claims")

    atomic.write_with(target, fill)
    if why := why_not(member.part, target):
        raise _refused(path, f"“{printable(member.name)}” is not what its name says. {why}")


def _check_comparison(path: Path, folder: Path) -> None:
    """FileError unless there is a comparison of a size that can be shown, with files of its own."""
    try:
        found = read_comparison(folder)
    except MissingError as error:
        raise _refused(path, "What it says of the comparison cannot be read.") from error
    if len(found.columns) > MOST_COLUMNS or _places(found) > MOST_PLACES:
        raise _refused(path, f"It claims a grid of {counted(_places(found), 'image')}.")
    for cell in found.cells:
        part = part_of(cell.file)
        if part is None or why_refused(cell.file):
            raise _refused(path, f"It calls “{printable(cell.file[:100])}” an image of its own.")


def _places(found: Comparison) -> int:
    grid = len(found.columns) * len(found.prompts) * len(found.seeds)
    return max(grid, len(found.cells))


def _free(comparisons: Path, name: str) -> list[Path]:
    stem = slug(name.rpartition("/")[2], "comparison")
    names = (stem, *(f"{stem}-{number}" for number in range(2, 1000)))
    return [comparisons / one for one in names if not (comparisons / one).exists()]


def _of_the_system(name: str) -> bool:
    """Whether some system put it there: hidden files, a Mac's second half of each file."""
    return any(part.startswith(".") or part == "__MACOSX" for part in name.split("/"))


def _refused(path: Path, why: str) -> FileError:
    return FileError(
        "This archive was not opened", where=path.name, why=why, remedy=REMEDY, safe=SAFE
    )
