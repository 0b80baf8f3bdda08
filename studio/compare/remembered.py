"""Comparisons that were read, as long as their files have not changed.

The page asks for one comparison with every batch of small images, and for the list of all: reading a
large one takes a second. What was read is known by its files' times, sizes and numbers.

Owns: what is remembered, and how much. Refuses to know: how a comparison is read, who asks.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from studio.compare.record import COMPARISON_FILE, PROGRESS_FILE, Comparison, read_comparison
from studio.core.errors import MissingError
from studio.core.paths import entries

Found = TypeVar("Found")
MOST_WHOLE, MOST_LISTED = 4, 2000
NOT_THERE = "none none"
"""The stamp of a folder that holds no comparison."""


def stamp_of(folder: Path) -> str:
    """Another one whenever a comparison has got images, was measured or has ended."""
    found = []
    for name in (PROGRESS_FILE, COMPARISON_FILE):
        try:
            facts = (folder / name).stat()
        except OSError:
            found.append("none")
        else:
            found.append(f"{facts.st_mtime_ns}-{facts.st_size}-{facts.st_ino}")
    return " ".join(found)


class Remembered(Generic[Found]):
    """What `read` finds in folders; the `most` that were asked for last."""

    def __init__(self, read: Callable[[Path], Found], most: int) -> None:
        self._read, self._most = read, most
        self._known: OrderedDict[Path, tuple[str, Found]] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, folder: Path) -> Found:
        """What is there now. Errors as `read` raises them; they are not remembered."""
        stamp = stamp_of(folder)  # first: what is written meanwhile makes another one
        with self._lock:
            known = self._known.get(folder)
            if known is not None and known[0] == stamp:
                self._known.move_to_end(folder)
                return known[1]
        found = self._read(folder)
        with self._lock:
            self._known[folder] = (stamp, found)
            self._known.move_to_end(folder)
            while len(self._known) > self._most:
                self._known.popitem(last=False)
        return found


@dataclass(frozen=True)
class Summary:
    """A comparison as a list shows it."""

    id: str
    name: str
    created: float | None
    columns: tuple[str, ...]
    prompts: int
    seeds: int

    @classmethod
    def of(cls, comparison: Comparison) -> Summary:
        """Of one that was read."""
        return cls(
            comparison.id, comparison.name, comparison.created,
            tuple(column.name for column in comparison.columns),
            len(comparison.prompts), len(comparison.seeds),
        )  # fmt: skip


class RememberedComparisons:
    """The comparisons below a folder: single ones whole, and a line of each."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._whole = Remembered(read_comparison, MOST_WHOLE)
        self._listed = Remembered(lambda folder: Summary.of(read_comparison(folder)), MOST_LISTED)

    def one(self, folder: Path) -> Comparison:
        """One by its folder. MissingError when it is none."""
        return self._whole.of(folder)

    def all(self) -> list[Summary]:
        """Every one, newest first; folders that are none are passed over."""
        found = []
        for folder in entries(self._root):
            if folder.name.startswith(".") or stamp_of(folder) == NOT_THERE:
                continue
            try:
                found.append(self._listed.of(folder))
            except (MissingError, OSError):
                continue
        return sorted(found, key=lambda one: (one.created or 0.0, one.id), reverse=True)
