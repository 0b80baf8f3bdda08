"""A comparison as one zip, written as it is read: nothing is kept in memory or copied aside.

Owns: the archive's layout: one folder, called like the comparison, with its files inside.
Refuses to know: reading it back (`archive`), pages. Imports no torch.

Images and tensors hardly shrink, so they are stored; texts are deflated.
"""

from __future__ import annotations

import io
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from studio.compare.archive.files import files_of
from studio.compare.record import read_comparison
from studio.core import atomic
from studio.core.errors import InputError
from studio.core.names import printable

BLOCK = 1 << 18
TEXTS = (".json", ".jsonl", ".toml", ".md", ".csv", ".html")
_OLDEST, _NEWEST = (1980, 1, 1, 0, 0, 0), (2107, 12, 31, 23, 59, 58)  # what a zip can say


def export(folder: str | Path, target: str | Path) -> Path:
    """Writes the comparison in `folder` to the zip `target`, whole or not at all.

    Raises MissingError when it is no comparison, InputError for a target that is no file's name or
    lies inside of it, StorageError when the disk refuses; an older file is then untouched.
    """
    folder, target = Path(folder), Path(target)
    read_comparison(folder)
    if target.is_dir():
        raise InputError(
            "A zip cannot be written over a folder", where=target, remedy="Name a file: shapes.zip."
        )
    if target.resolve().is_relative_to(folder.resolve()):
        raise InputError(
            "The zip would lie inside of what is zipped",
            where=target,
            remedy="Write it to another folder.",
        )

    def fill(temporary: Path) -> None:
        with open(temporary, "wb") as file:
            for _ in _written(folder, file):
                pass

    return atomic.write_with(target, fill)


def archive_size(folder: str | Path) -> int:
    """About how many bytes the archive has: that of its files."""
    return sum(path.stat().st_size for _, path in files_of(Path(folder)))


def pieces(folder: str | Path) -> Iterator[bytes]:
    """The archive, block by block, for whoever sends it on. Raises MissingError at once when
    `folder` is no comparison."""
    read_comparison(folder)
    return _pieces(Path(folder))


def _pieces(folder: Path) -> Iterator[bytes]:
    stream = _Stream()
    for _ in _written(folder, stream):
        if block := stream.taken():
            yield block
    yield stream.taken()


def _written(folder: Path, file: BinaryIO | _Stream) -> Iterator[None]:
    """Writes the archive into `file`; yields between blocks. A file that vanishes meanwhile is left
    out, one that shrinks ends where it ends."""
    top = printable(folder.name)
    with zipfile.ZipFile(file, "w", allowZip64=True) as archive:
        for name, path in files_of(folder):
            try:
                source = open(path, "rb")  # noqa: SIM115
            except OSError:
                continue
            with source:
                info = zipfile.ZipInfo(f"{top}/{name}", _moment(path))
                text = name.endswith(TEXTS)
                info.compress_type = zipfile.ZIP_DEFLATED if text else zipfile.ZIP_STORED
                info.external_attr = 0o644 << 16
                with archive.open(info, "w", force_zip64=_large(path)) as member:
                    while block := source.read(BLOCK):
                        member.write(block)
                        yield
            yield
    yield


class _Stream(io.RawIOBase):
    """What is written, until somebody takes it; it cannot be gone back in."""

    def __init__(self) -> None:
        self._held = bytearray()

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def write(self, data: object) -> int:
        self._held += memoryview(data)  # type: ignore[arg-type]
        return memoryview(data).nbytes  # type: ignore[arg-type]

    def taken(self) -> bytes:
        """What was written since it was last asked."""
        found = bytes(self._held)
        self._held.clear()
        return found


def _large(path: Path) -> bool:
    return path.stat().st_size > 1 << 30


def _moment(path: Path) -> tuple[int, int, int, int, int, int]:
    moment = time.localtime(path.stat().st_mtime)[:6]
    return max(_OLDEST, min(moment, _NEWEST))
