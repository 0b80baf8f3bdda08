"""Writes of a run that must not be lost: when the disk refuses, the run pauses and tries again.

Owns: that pause, and what is said of it. Refuses to know: what is written.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from studio.core.errors import StorageError
from studio.runs.control import Control
from studio.runs.events import RunLog
from studio.runs.records import Event, Message
from studio.runtime.device_lock import DeviceLock

T = TypeVar("T")


class Durable:
    """The log of one run on the trainer's thread, which holds the device."""

    def __init__(self, run: RunLog, control: Control, lock: DeviceLock) -> None:
        self.run, self.control, self.lock = run, control, lock

    def do(self, write: Callable[[], T]) -> T:
        """Does `write`; when the disk refuses, the run pauses, and tries again on Continue.

        Raises the StorageError when the run is stopped instead.
        """
        while True:
            try:
                return write()
            except StorageError as error:
                self.control.give("pause")
                self._tell_paused(error)
                with self.lock.released():
                    self.control.wait_while_paused()
                if self.control.stop:
                    raise
                self.run.tell(state="running", reason=None, remedy=None)

    def event(self, event: Event) -> None:
        """Appends an event."""
        self.do(lambda: self.run.event(event))

    def update(self, **facts: Any) -> None:
        """Changes the run's state."""
        self.do(lambda: self.run.update(**facts))

    def say(self, level: str, text: str) -> None:
        """Appends a sentence for people."""
        self.event(Message(level=level, text=text))

    def _tell_paused(self, error: StorageError) -> None:
        """To the page from memory: the disk that refused may not take this either."""
        safe = self.run.state.last_checkpoint
        error.safe = f"The last checkpoint, step {safe}, is intact." if safe else None
        remedy = "Free some space, then Continue." if error.full else "Mend that, then Continue."
        self.run.tell(state="paused", reason=error.sentence(), remedy=remedy)
