"""Which files a comparison is made of, as far as its archive is concerned.

Owns: one row per kind of file: its names, how large one may be, and how it is seen that a file from
somebody else is one. Refuses to know: archives, and what the files mean. Imports no torch.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from studio.core import text
from studio.core.errors import StudioError
from studio.formats.images import image_header
from studio.formats.safetensors_header import read_header


@dataclass(frozen=True)
class Part:
    """A row. `check` raises StudioError or ValueError for a file that is no such thing."""

    names: re.Pattern[str]
    """Of the path below the comparison's folder."""
    most: int
    """Bytes of one file."""
    check: Callable[[Path], object]
    taken: bool = True
    """Whether it is read back; reports are made anew instead."""


PARTS = (
    Part(
        re.compile(r"(report\.(html|md|csv)|sheet\.png)"), 1 << 30, lambda path: None, taken=False
    ),
    Part(re.compile(r"[\w-]+\.json"), text.MOST_TEXT, text.read_json),
    Part(re.compile(r"[\w-]+\.(jsonl|toml)"), text.MOST_TEXT, text.read_text),
    Part(re.compile(r"[\w-]+(/[\w-]+)?/[^/]+\.(png|jpe?g|webp)"), 256 << 20, image_header),
    Part(re.compile(r"[\w-]+\.safetensors"), 8 << 30, read_header),
)


def part_of(name: str) -> Part | None:
    """The row of a path below the comparison's folder; None when no comparison has such a file."""
    if any(part.startswith(".") for part in name.split("/")):
        return None
    return next((part for part in PARTS if part.names.fullmatch(name)), None)


def files_of(folder: Path) -> Iterator[tuple[str, Path]]:
    """(path below the folder, file) of every file that belongs to a comparison, in a fixed order.
    Links are not followed."""
    for place, folders, files in os.walk(folder, followlinks=False):
        folders.sort()
        for name in sorted(files):
            path = Path(place) / name
            below = path.relative_to(folder).as_posix()
            if not path.is_symlink() and path.is_file() and part_of(below) is not None:
                yield below, path


def why_not(part: Part, path: Path) -> str | None:
    """Why a file is not what its name says, or None."""
    try:
        part.check(path)
    except (StudioError, ValueError) as error:
        return str(error)
    return None
