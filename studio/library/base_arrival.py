"""A base that is sent to the studio as one file: checked before it is sent, kept when it is whole.

Owns: what may come, and its way into the folder of bases. Refuses to know: the network, pages.

What is wrong with a file is mostly in its first bytes, so these are looked at alone before gigabytes are
sent. The file itself is written beside its place and takes it only when it is complete and a base; a
transfer that breaks off leaves nothing.
"""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterable
from pathlib import Path

from studio.core import atomic
from studio.core.counts import counted
from studio.core.errors import FileError, InputError, StorageError
from studio.core.paths import slug
from studio.families import infer_config
from studio.families.detect import file_recipe
from studio.families.single_file_kind import NotABase
from studio.formats.safetensors_header import MAX_HEADER_BYTES, MAX_TENSORS, header_of
from studio.formats.sniff import sniff_bytes, wrong_content

LARGEST = 16_000_000_000
"""Bytes of one file."""
LARGEST_HEAD = 6_000_000
"""Bytes of a file's beginning that are looked at before it is sent."""
SPARE = 500_000_000
"""Bytes of the disk that are left free."""
ENDING = ".safetensors"
KEPT = "Nothing was kept."


def check(bases: Path, name: str, size: int, head: bytes) -> None:
    """Raises what speaks against a file of `size` bytes that begins with `head` (nothing, where it was
    looked at before): InputError for its name or size, StorageError where there is no room, FileError
    for what is no base."""
    if not name.lower().endswith(ENDING):
        raise InputError(
            "Only .safetensors files can be sent",
            where=name[:200],
            remedy="Copy folders and .ckpt files into the folder of bases, or name their path.",
        )
    if size > LARGEST:
        raise InputError(
            "This file is too large to be sent",
            where=name,
            why=f"It has {size / 1e9:,.1f} GB; at most {LARGEST / 1e9:,.1f} GB are taken.",
            remedy="Copy it into the folder of bases, or name its path.",
        )
    free = shutil.disk_usage(bases).free
    if size + SPARE > free:
        error = StorageError(
            "There is not enough room on the disk for this file",
            where=name,
            why=f"It has {size / 1e9:,.1f} GB and {free / 1e9:,.1f} GB are free",
            remedy="Free some space, or name its path where it lies.",
        )
        error.full = True
        raise error
    if head:
        _check_head(name, size, head)


def keep(bases: Path, name: str, size: int, chunks: Iterable[bytes]) -> Path:
    """Writes a file of `size` bytes into the folder of bases, under a name that is free.

    Raises FileError for what is no base or has another size, StorageError, and what `chunks` raises.
    """

    def fill(temporary: Path) -> None:
        count = 0
        with open(temporary, "wb") as file:
            for chunk in chunks:
                count += len(chunk)
                if count > size:
                    break
                file.write(chunk)
        if count != size:
            raise FileError(
                "The file arrived incomplete",
                where=name,
                why=f"{count:,} of {counted(size, 'byte')} arrived.",
                remedy="Send it again.",
                safe=KEPT,
            )
        _check_base(temporary, name)

    stem = slug(Path(name).stem, "model")
    for count in range(1, 10_000):
        target = bases / (f"{stem}{ENDING}" if count == 1 else f"{stem}-{count}{ENDING}")
        if target.exists():
            continue
        return atomic.write_with(target, fill, exclusive=True)
    raise InputError(f"There are too many bases called “{stem}”", where=bases)


def _check_base(file: Path, name: str) -> None:
    try:
        file_recipe(file)
    except NotABase as reason:
        raise _no_base(name, str(reason)) from None
    except FileError as error:  # of a file that has another name for now
        error.where, error.safe = name, KEPT
        raise


def _check_head(name: str, size: int, head: bytes) -> None:
    content = sniff_bytes(head[:512])
    if content != "safetensors":
        raise wrong_content(name, content, "a safetensors file")
    if 8 + int.from_bytes(head[:8], "little") > len(head):
        return  # its header is longer than what was sent of it: looked at when all of it is here
    header = header_of(_Beginning(head, size), name, MAX_HEADER_BYTES, MAX_TENSORS)
    try:
        infer_config.recipe({k: v.shape for k, v in header.tensors.items()}, header.metadata, {})
    except NotABase as reason:
        raise _no_base(name, str(reason)) from None


def _no_base(name: str, why: str) -> FileError:
    return FileError(
        "This is not a base model that the studio can load",
        where=name,
        why=why,
        remedy="Send a whole model in one .safetensors file.",
        safe=KEPT,
    )


class _Beginning(io.BytesIO):
    """The beginning of a file of `size` bytes, which says that it is that long."""

    def __init__(self, head: bytes, size: int) -> None:
        super().__init__(head)
        self._size = size

    def seek(self, offset: int, whence: int = 0) -> int:
        """As of a file; only the end is elsewhere."""
        return self._size if whence == 2 else super().seek(offset, whence)
