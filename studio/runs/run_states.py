"""What ended runs say of themselves, remembered: a thousand of them are listed without being read.

Owns: the memory and when it holds. Refuses to know: what a state means, who is asked for it.

A state is remembered by its file's size and time of change, and only once that is a while ago: a
file that was written again in the same instant would look unchanged.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from studio.core import atomic
from studio.core.errors import StorageError
from studio.core.text import read_json
from studio.runs.events import STATE
from studio.runs.records import RunState

SETTLED = 2.0  # seconds
WORTH_WRITING = 25  # new ones; fewer are read again as fast as the memory is
LAYOUT = 1


class RunStates:
    """States by the name of the run's folder; safe to ask from several threads."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._known: dict[str, tuple[int, int, RunState]] | None = None
        self._new = 0
        self._lock = threading.Lock()

    def of(self, folder: Path, read: Callable[[], RunState]) -> RunState:
        """The state of a run: what is remembered, or else what `read` says."""
        try:
            status = (folder / STATE).stat()
        except OSError:
            return read()
        stamp = (status.st_mtime_ns, status.st_size)
        with self._lock:
            if self._known is None:
                self._known = self._read()
            known = self._known.get(folder.name)
        if known is not None and known[:2] == stamp:
            return known[2]
        state = read()
        if state.ended and time.time() - status.st_mtime > SETTLED:
            with self._lock:
                self._known[folder.name] = (*stamp, state)
                self._new += 1
        return state

    def save(self, only: Collection[str]) -> None:
        """Writes what is new for the next start, if it is worth it; the runs that are gone go."""
        with self._lock:
            if self._known is None or self._new < WORTH_WRITING:
                return
            self._known = {name: self._known[name] for name in self._known.keys() & set(only)}
            self._new = 0
            runs = {
                name: [time_ns, size, state.as_json()]
                for name, (time_ns, size, state) in self._known.items()
            }
        try:
            text = json.dumps({"layout": LAYOUT, "runs": runs}, ensure_ascii=False)
            atomic.write_text(self._file, text)
        except StorageError:  # all of it can be read again
            pass

    def _read(self) -> dict[str, tuple[int, int, RunState]]:
        try:
            found: Any = read_json(self._file)
            if found["layout"] != LAYOUT:
                return {}
            known = {
                str(name): (int(time_ns), int(size), RunState.read(state))
                for name, (time_ns, size, state) in found["runs"].items()
            }
            return {name: entry for name, entry in known.items() if entry[2].ended}
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return {}
