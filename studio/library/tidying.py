"""Clearing away what nobody needs any more: temporaries of dead processes, uploads of closed pages.

Owns: when that happens, and how several studios on one workspace keep out of each other's way.
Refuses to know: what temporaries are for. Everything it removes is the studio's own.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import stat
import threading
import time
from pathlib import Path

from studio.core import locks, temporaries
from studio.core.paths import Workspace, entries

log = logging.getLogger(__name__)
UPLOADS = "uploads"
PLACES = (
    "datasets", "bases", "vae", "adapters", "runs", "outputs", "comparisons", "grids", "stacks",
    "styles", "cache", "logs",
)  # fmt: skip
IDLE_SECONDS = 24 * 3600
"""An upload that nobody has touched for so long belongs to no open page."""
AGAIN_SECONDS = 3600.0


class Tidying:
    """Tidies one workspace, in the background."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._present: locks.Lock | None = None
        self._last = 0.0
        self._lock = threading.Lock()

    def start(self) -> threading.Thread:
        """Begins; returns the thread."""
        thread = threading.Thread(target=self.tidy, args=(time.time(),), name="tidy", daemon=True)
        thread.start()
        return thread

    def again(self) -> None:
        """Begins anew where the last time was long ago: a page may be open for weeks."""
        if time.monotonic() - self._last > AGAIN_SECONDS:
            self.start()

    def tidy(self, now: float) -> None:
        """Everything once. What the system refuses stays for the next time."""
        with self._lock:
            self._last = time.monotonic()
            try:
                count = sum(temporaries.sweep(self._workspace.root / name) for name in PLACES)
                count += self._empty_uploads(now)
            except OSError:
                log.info("the workspace could not be tidied", exc_info=True)
                return
        if count:
            log.info("%d things that dead processes and closed pages left were removed", count)

    def close(self) -> None:
        """This studio has no page any more."""
        with self._lock:
            if self._present is not None:
                self._present.release()
                self._present = None

    def _empty_uploads(self, now: float) -> int:
        """All that is older than this studio when it is the only one here; else what lies idle."""
        cache = self._workspace.root / "cache"
        if not cache.is_dir():
            return 0
        place = cache / ".present"
        alone = False
        if self._present is None:
            with contextlib.suppress(OSError):  # no locks, or no room: then age decides
                lock = locks.take(place)
                alone = lock is not None
                if lock is not None:
                    count = self._remove(cache / UPLOADS, now)
                    lock.release()
                self._present = locks.take(place, shared=True)
        return count if alone else self._remove(cache / UPLOADS, now - IDLE_SECONDS)

    def _remove(self, folder: Path, before: float) -> int:
        count = 0
        for entry in entries(folder):
            with contextlib.suppress(OSError):
                if _touched(entry) < before:
                    if entry.is_dir() and not entry.is_symlink():
                        shutil.rmtree(entry, ignore_errors=True)
                    else:
                        entry.unlink()
                    count += 1
        return count


_status = os.stat


def _touched(path: Path) -> float:
    """When something at or below `path` was last written, or a file read (looking into a folder,
    as this does, counts as reading it)."""
    times = []
    for inner in [path, *path.rglob("*")] if path.is_dir() and not path.is_symlink() else [path]:
        status = _status(inner, follow_symlinks=False)
        read = 0.0 if stat.S_ISDIR(status.st_mode) else status.st_atime
        times.append(max(status.st_mtime, status.st_ctime, read))
    return max(times)
