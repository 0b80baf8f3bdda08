"""What a layout of a dataset is made of: folders, with how often their images count.

Owns: `Part`, `Layout`, kohya's way of naming folders, and which folder a foreign path means.
Refuses to know: the layouts themselves.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path

MOST_REPEATS = 200
"""A larger number in front of a folder's name is a year or a date (docs/decisions.md)."""
_NUMBERED = re.compile(r"^(\d{1,9})_(.*)$", re.DOTALL)


@dataclass(frozen=True)
class Part:
    """A folder whose own images belong to a dataset."""

    folder: Path
    repeats: int | None = None
    """How often each of them counts; None leaves it to `dataset.toml`."""
    words: str | None = None
    """What the folder calls its subject: trigger, then class word."""
    named: bool = False
    """Whether the images' names are their captions."""
    several: bool = False
    """Whether each line of a caption is one of several captions."""


@dataclass
class Layout:
    """The parts of a dataset, in order, and what a person should know of how they were found."""

    parts: list[Part] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    known: set[Path] = field(default_factory=set)
    """Files and folders that were read, or that a note speaks of."""


def repeats_of(name: str) -> tuple[int, str | None] | None:
    """(repeats, words) of kohya's “10_sks dog”, or None for any other name.

    A number that cannot be meant as repeats counts once and its words name nothing.
    """
    match = _NUMBERED.match(name)
    if match is None:
        return None
    number = int(match[1])
    return (number, match[2].strip() or None) if number <= MOST_REPEATS else (1, None)


def inside(root: Path, text: str) -> Path | None:
    """The folder inside `root` that a path written by another program means, or None.

    Paths are often of another machine: then the end of the path is looked for below `root`.
    """
    parts = [part for part in text.replace("\\", "/").split("/") if part not in ("", ".")]
    if not parts or ".." in parts:
        return root if not parts else None
    for start in range(len(parts)):
        place = root.joinpath(*parts[start:])
        if os.path.isdir(place) and place.resolve().is_relative_to(root.resolve()):
            return place
    return root if parts[-1] == root.resolve().name else None
