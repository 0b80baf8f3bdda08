"""Commands from pages and the command line to the run on the trainer's thread.

Owns: the flags and the waiting while paused. Refuses to know: what a run does with them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Control:
    """Thread-safe commands; the loop reads them at step boundaries."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self.pause = False
        self.stop = False
        self.leave = False
        """With `stop`: what is unfinished is saved to go on with, and makes no file in the library."""
        self.save = False
        self.sample = False
        self._forward: Callable[[str], None] | None = None

    def give(self, command: str) -> None:
        """pause, continue, stop, leave, save or sample."""
        with self._condition:
            if command == "continue":
                self.pause = False
            else:
                setattr(self, command, True)
                self.stop = self.stop or command == "leave"
            self._condition.notify_all()
            if self._forward:
                self._forward(command)

    @contextmanager
    def forwarded(self, to: Callable[[str], None]) -> Iterator[None]:
        """Inside, commands are passed on too, those that were given before at once."""
        with self._condition:
            self._forward = to
            for command in ("pause", "save", "sample", "leave" if self.leave else "stop"):
                if getattr(self, command):
                    to(command)
        try:
            yield
        finally:
            with self._condition:
                self._forward = None

    def wait_while_paused(self) -> None:
        """Returns when the pause ends, or a stop is wanted."""
        with self._condition:
            while self.pause and not self.stop:
                self._condition.wait()
