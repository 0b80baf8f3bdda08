"""Zips among what arrives: unpacked beside the datasets while they are read, where nothing in them is believed.

Owns: what of an archive is taken, the limits that are kept while it streams, and the reason why
each other part is not. One bad member does not cost the others. Refuses to know: what a dataset is.

Layout of archives: PKWARE's APPNOTE, 4.3.
"""

from __future__ import annotations

import shutil
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from studio.core import temporaries
from studio.core.atomic import make_folder, write_with
from studio.core.counts import counted
from studio.core.errors import StorageError
from studio.core.names import composed, printable, same_name
from studio.core.refused_names import why_refused
from studio.formats.dataset import HELD_OUT
from studio.formats.layout_parts import repeats_of
from studio.formats.masks import holds_masks
from studio.library.arrivals import Arrival, LeftOut, why_unused

MOST_ENTRIES = 100_000
MOST_DIRECTORY = 32 << 20
MOST_OF_ONE = 512 << 20
MOST_BYTES = 32 << 30
RATIO, SMALL = 200, 8 << 20
"""How many times larger than its packed form a member may be, once it is larger than `SMALL`."""
SPARE = 256 << 20
"""Bytes that stay free on the disk."""
BLOCK = 1 << 20
_DAMAGED = "it is damaged or cut off"


def is_zip(name: str) -> bool:
    """Whether a file of this name is unpacked when it arrives."""
    return PurePosixPath(name).suffix.lower() == ".zip"


@contextmanager
def unpacked(
    arrivals: Sequence[Arrival], beside: Path, left_out: list[LeftOut]
) -> Iterator[list[Arrival]]:
    """The arrivals with what is in their zips in place of these, for as long as the block lasts.

    What is not taken is added to `left_out` with the reason. StorageError where the disk refuses.
    """
    zips = [arrival for arrival in arrivals if is_zip(arrival.name)]
    if not zips:
        yield list(arrivals)
        return
    make_folder(beside)
    with temporaries.folder(beside / "unpacked") as place:
        found = [arrival for arrival in arrivals if not is_zip(arrival.name)]
        limit = _Room(place)
        for number, arrival in enumerate(zips):
            found += _Archive(arrival, place / str(number), limit, left_out).taken()
        yield _below_what_they_share(found) if len(zips) == len(arrivals) == 1 else found


class _Room:
    """How many bytes may still be written, over all archives of one import."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.left = min(MOST_BYTES, shutil.disk_usage(place).free - SPARE)

    def take(self, size: int) -> bool:
        self.left -= size
        return self.left >= 0


@dataclass
class _Archive:
    """One zip."""

    arrival: Arrival
    place: Path
    room: _Room
    left_out: list[LeftOut]

    def taken(self) -> list[Arrival]:
        """Its members that were unpacked."""
        try:
            if why := _unreadable(self.arrival.file):
                return self._refused(why)
            with zipfile.ZipFile(self.arrival.file) as archive:
                return self._members(archive)
        except (zipfile.BadZipFile, zlib.error, EOFError, struct.error, ValueError, OverflowError):
            return self._refused(_DAMAGED)
        except RuntimeError:  # so are its words for a way to pack that zipfile does not know
            return self._refused("it is packed in a way that is not known here")

    def _refused(self, why: str) -> list[Arrival]:
        self.left_out.append(LeftOut(self.arrival.name, why))
        return []

    def _members(self, archive: zipfile.ZipFile) -> list[Arrival]:
        infos = [info for info in archive.infolist() if not info.is_dir()]
        if why := _overlapping(infos):
            return self._refused(why)
        found: list[Arrival] = []
        names: set[str] = set()
        for info in infos:
            name = composed(info.filename)
            why = _why_not(info, name)
            if why is None and same_name(name) in names:
                why = "the archive holds two files of this name"
            if why is None:
                names.add(same_name(name))
                why = self._extract(archive, info, self.place / str(len(found)))
            if why is not None:
                shown = printable(info.orig_filename[:200])
                self.left_out.append(LeftOut(f"{self.arrival.name}: {shown}", why))
            else:
                found.append(Arrival(name, self.place / str(len(found))))
        return found

    def _extract(self, archive: zipfile.ZipFile, info: zipfile.ZipInfo, target: Path) -> str | None:
        """Unpacks one member block by block; the reason where it cannot be."""
        most = info.file_size
        if not self.room.take(most):
            self.room.left += most
            raise StorageError(
                "There is not enough room to unpack this archive",
                where=self.arrival.name,
                why=f"It takes more than the {max(0, self.room.left) / 1e6:,.0f} MB that may be used.",
                remedy="Free some space, or import it in parts.",
                safe="Nothing was imported.",
            )
        why: list[str] = []

        def fill(temporary: Path) -> None:
            left = most
            try:
                with archive.open(info) as source, open(temporary, "wb") as file:
                    while block := source.read(min(BLOCK, left + 1)):
                        left -= len(block)
                        if left < 0:
                            break
                        file.write(block)
            except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, struct.error):
                why.append(_DAMAGED)
                return
            if left:
                why.append("it has another size than the archive claims, as in a zip bomb")

        write_with(target, fill)
        if not why:
            return None
        self.room.left += most
        target.unlink(missing_ok=True)
        return why[0]


def _why_not(info: zipfile.ZipInfo, name: str) -> str | None:
    """Why a member is not unpacked, by what the archive's list says of it."""
    if name.startswith("__MACOSX/"):
        return "a hidden file of the system"
    if why := why_refused(info.orig_filename) or why_refused(name):
        return why
    kind = info.external_attr >> 28  # the type in a Unix mode; 0 where another system packed it
    if kind not in (0, 0o10):
        return "it is a link or a device, not a file"
    if is_zip(name):
        return "an archive inside of an archive: unpack it first"
    if why := why_unused(name):
        return why
    if info.flag_bits & 1:
        return "it asks for a password"
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "it is packed in a way that is not known here"
    if info.file_size > MOST_OF_ONE:
        return f"it claims {info.file_size / 1e6:,.0f} MB, more than any image has"
    if info.file_size > max(SMALL, RATIO * info.compress_size):
        return f"{counted(info.compress_size, 'byte')} claim to hold {info.file_size:,}, as in a zip bomb"
    return None


def _overlapping(infos: Sequence[zipfile.ZipInfo]) -> str | None:
    reached = 0
    for info in sorted(infos, key=lambda one: one.header_offset):
        if info.header_offset < reached:
            return "its files lie on top of each other, as in a zip bomb"
        reached = info.header_offset + 30 + info.compress_size
    return None


def _unreadable(path: Path) -> str | None:
    """Why an archive's list of files is not even read: it is none, or it is endless."""
    try:
        with open(path, "rb") as source:
            size = source.seek(0, 2)
            source.seek(max(0, size - 65_600))
            tail = source.read()
    except OSError as error:
        return f"it cannot be read: {error.strerror}"
    end = tail.rfind(b"PK\5\6")
    if end < 0 or len(tail) - end < 22:
        return "it is no zip, or it is cut off" if size else "it is empty"
    count, length = struct.unpack("<HI", tail[end + 10 : end + 16])
    long = tail.rfind(b"PK\6\6", 0, end)
    if long >= 0 and len(tail) - long >= 56:
        count, length = struct.unpack("<QQ", tail[long + 32 : long + 48])
    if count > MOST_ENTRIES or length > MOST_DIRECTORY:
        return f"it lists {counted(count, 'file')}, far more than a dataset has"
    return None


def _below_what_they_share(arrivals: list[Arrival]) -> list[Arrival]:
    """Without the folders that hold all of them, as far as their names say nothing: a zip of a folder
    is that folder."""
    parts = [PurePosixPath(arrival.name).parts for arrival in arrivals]
    shared = 0
    while parts and all(len(one) > shared + 1 and one[shared] == parts[0][shared] for one in parts):
        if _says_something(parts[0][shared]):
            break
        shared += 1
    return [
        Arrival(str(PurePosixPath(*names[shared:])), arrival.file)
        for names, arrival in zip(parts, arrivals, strict=True)
    ]


def _says_something(folder: str) -> bool:
    return repeats_of(folder) is not None or holds_masks(folder) or folder == HELD_OUT
