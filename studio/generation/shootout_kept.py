"""A shootout's record while somebody works on it: in memory and on disk.

Owns: that nothing told is lost to a disk that refuses for a while, and that one program at a time works on
it. Refuses to know: what is told.
"""

from __future__ import annotations

import threading
from pathlib import Path

from studio.compare.shootout.record import (
    FILE,
    Shootout,
    TrainingRecord,
    read_shootout,
    write_shootout,
)
from studio.core import locks
from studio.core.errors import BusyError, StorageError
from studio.runs.events import no_lock

LOCK = ".lock"


class Kept:
    """A shootout's record in memory and on disk. A disk that refuses is asked again at the next word."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._stamp = folder, _stamp(folder)
        self.record = read_shootout(folder)
        self._stale = False
        self._lock = threading.Lock()

    def tell(self, **facts: object) -> Shootout:
        """Changes the record."""
        with self._lock:
            changed = self.record.changed(**facts)
            self._stale = self._stale or changed != self.record
            self.record = changed
            return self._flushed()

    def training(self, row: TrainingRecord) -> None:
        """Changes one of its trainings."""
        with self._lock:
            changed = self.record.with_training(row)
            self._stale = self._stale or changed != self.record
            self.record = changed
            self._flushed()

    @property
    def unwritten(self) -> bool:
        """Whether the disk lacks something that was told."""
        return self._stale

    def flush(self) -> bool:
        """Asks the disk again, once nobody works on it here any more; False when it still refuses.
        What another program has written since is newer, and stays."""
        with self._lock:
            self._stale = self._stale and _stamp(self.folder) == self._stamp
            self._flushed()
            return not self._stale

    def _flushed(self) -> Shootout:
        if self._stale:
            try:
                write_shootout(self.folder, self.record)
                self._stale, self._stamp = False, _stamp(self.folder)
            except StorageError:  # it is told from memory until the disk takes it
                pass
        return self.record


def hold(folder: Path) -> locks.Lock:
    """The lock of who works on a shootout. BusyError when another program has it, StorageError where
    there can be none."""
    try:
        lock = locks.take(folder / LOCK)
    except OSError as error:
        raise no_lock(error, folder, "shootout") from error
    if lock is None:
        raise BusyError(
            "This shootout is going on in another window or process",
            where=folder,
            remedy="Watch it there, or pause it first.",
        )
    return lock


def _stamp(folder: Path) -> tuple[int, int] | None:
    """What changes when the record is written; None where there is none."""
    try:
        found = (folder / FILE).stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns
