"""Commands from pages and the command line to the run on the trainer's thread.

Owns: the flags and the waiting while paused. Refuses to know: what a run does with them.
"""

from __future__ import annotations

import threading


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

    def give(self, command: str) -> None:
        """pause, continue, stop, leave, save or sample."""
        with self._condition:
            if command == "continue":
                self.pause = False
            else:
                setattr(self, command, True)
                self.stop = self.stop or command == "leave"
            self._condition.notify_all()

    def wait_while_paused(self) -> None:
        """Returns when the pause ends, or a stop is wanted."""
        with self._condition:
            while self.pause and not self.stop:
                self._condition.wait()
