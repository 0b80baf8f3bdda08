"""Folders that somebody generates into: they are not deleted meanwhile.

Owns: that, also between programs. What is deleted under a generation would come back as a folder with a
line or two in it. Refuses to know: what the folders hold, what happens to a lock (`core.locks`).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from studio.core import atomic, locks
from studio.core.errors import BusyError
from studio.core.locks import Lock


@contextmanager
def in_use(folder: Path) -> Iterator[None]:
    """Inside, `to_trash` refuses the folder."""
    lock, _ = _taken(folder)
    try:
        yield
    finally:
        if lock is not None:
            lock.release()


def to_trash(folder: Path, trash: Path, called: str) -> Path:
    """Moves a folder to the trash; returns where it went. BusyError while something is generated into
    it; `called` is what it holds, as in “This comparison”."""
    lock, held = _taken(folder)
    if held:
        raise BusyError(
            f"{called} is still being generated",
            where=folder.name,
            remedy="Cancel that first, or wait for its end.",
            safe="Nothing was deleted.",
        )
    try:
        return atomic.move_to_trash(folder, trash)
    finally:
        if lock is not None:
            lock.release()


def _taken(folder: Path) -> tuple[Lock | None, bool]:
    """The lock on the folder itself, and whether somebody else has it; none where there are no locks on
    folders."""
    if os.name == "nt":
        return None, False
    try:
        lock = locks.take(folder, create=False)
    except OSError:
        return None, False
    return lock, lock is None
