"""A shootout's record while somebody works on it: in memory and on disk.

Owns: that nothing told is lost to a disk that refuses for a while. Refuses to know: what is told.
"""

from __future__ import annotations

import threading
from pathlib import Path

from studio.compare.shootout.record import (
    Shootout,
    TrainingRecord,
    read_shootout,
    write_shootout,
)
from studio.core.errors import StorageError


class Kept:
    """A shootout's record in memory and on disk. A disk that refuses is asked again at the next word."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.record = folder, read_shootout(folder)
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

    def _flushed(self) -> Shootout:
        if self._stale:
            try:
                write_shootout(self.folder, self.record)
                self._stale = False
            except StorageError:  # it is told from memory until the disk takes it
                pass
        return self.record
