"""Which files are being looked into, noted on disk: what a killed program was reading when it ended.

Owns: the notes, one file for each process, and whose notes count. Refuses to know: how a file is
read. A note is flushed to the system and not to the disk: it has to outlive the process only.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from studio.core import atomic
from studio.core.errors import StudioError
from studio.core.text import parse_json, printable


class Suspects:
    """Files that a process was reading when it ended; safe to ask from several threads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._own = folder / f"{os.getpid()}.log"
        self._left: set[str] | None = None
        self._logs: list[Path] = []
        self._reading = 0
        self._lock = threading.Lock()

    def __contains__(self, path: Path) -> bool:
        with self._lock:
            if self._left is None:
                self._left = self._find()
            return printable(path) in self._left

    @contextmanager
    def reading(self, path: Path) -> Iterator[None]:
        """While inside, this process is known to read `path`. Without a disk, nothing is known."""
        name = json.dumps(printable(path))  # one line, whatever the name is made of
        self._note(f"+{name}", 1)
        try:
            yield
        finally:
            self._note(f"-{name}", -1)

    def settle(self) -> None:
        """Forgets what ended processes left; what became of their files is kept elsewhere by now."""
        with self._lock:
            logs, self._logs = self._logs, []
            for log in logs if self._reading else [*logs, self._own]:
                with contextlib.suppress(OSError):
                    log.unlink(missing_ok=True)

    def _note(self, line: str, change: int) -> None:
        with self._lock:
            self._reading += change
            with contextlib.suppress(StudioError, OSError):
                atomic.append_line(self._own, line)

    def _find(self) -> set[str]:
        left: set[str] = set()
        with contextlib.suppress(OSError):
            for log in sorted(self._folder.glob("*.log")):
                # a number may have gone to a new process: our own is certainly new
                if log != self._own and _lives(log.stem):
                    continue
                left |= _unfinished(log)
                self._logs.append(log)
        return left


def _unfinished(log: Path) -> set[str]:
    begun: set[str] = set()
    for line in log.read_bytes()[: 1 << 24].split(b"\n"):
        try:
            name = parse_json(line[1:])
        except ValueError:  # torn by the end of the process
            continue
        if isinstance(name, str):
            begun.add(name) if line[:1] == b"+" else begun.discard(name)
    return begun


def _lives(number: str) -> bool:
    try:
        os.kill(int(number), 0)
    except (ProcessLookupError, ValueError, OverflowError):
        return False
    except PermissionError:
        return True
    return True
