"""Bases that lie elsewhere: by their path, or by their id on the hub; remembered, not copied.

Owns: the list on disk. What is not there now stays on it, because a drive that is unplugged comes back.
Refuses to know: what a base is, downloading.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path

from studio.core import atomic
from studio.core.names import path_of, printable
from studio.core.paths import Workspace
from studio.core.tables import read_table
from studio.families import hub

FILE = "added-bases.json"
Place = Path | str
"""A path, or a hub id."""


class AddedBases:
    """The list of one workspace, in the order in which they were added."""

    def __init__(self, workspace: Workspace) -> None:
        self._file = workspace.root / FILE
        self._lock = threading.Lock()
        self._read: tuple[tuple[int, int], list[Place]] | None = None

    def all(self) -> list[Place]:
        """Absolute paths and hub ids, as they are on disk now: another studio may have added one."""
        stamp = _stamp(self._file)
        if self._read is None or self._read[0] != stamp:
            found = read_table(self._file).get("bases")
            texts = found if isinstance(found, list) else []
            places = [_place(text) for text in texts if isinstance(text, str)]
            self._read = (stamp, list(dict.fromkeys(place for place in places if place)))
        return list(self._read[1])

    def add(self, place: Place) -> None:
        """Raises StorageError."""
        with self._lock:
            if place not in (known := self.all()):
                self._write([*known, place])

    def forget(self, place: Place) -> None:
        """Takes it off the list; its files stay. Raises StorageError."""
        with self._lock:
            self._write([other for other in self.all() if other != place])

    def _write(self, places: list[Place]) -> None:
        texts = [printable(place) if isinstance(place, Path) else place for place in places]
        atomic.write_json(self._file, {"version": 1, "bases": texts})


def _place(text: str) -> Place | None:
    if (path := path_of(text)).is_absolute():
        return path
    return text if hub.has_form(text) else None


def _stamp(path: Path) -> tuple[int, int]:
    try:
        status = os.stat(path)
    except OSError:
        return (0, 0)
    return (status.st_mtime_ns, status.st_size)
