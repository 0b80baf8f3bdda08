"""Who computes now: one device, one holder at a time, first come first served.

Owns: the turn. A training holds it for long and yields between steps, a comparison between batches,
so an image asked for meanwhile is generated after the current step or batch. Refuses to know: what the holders do.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from studio.core.errors import Interrupted


class DeviceLock:
    """A fair lock whose holder can let the others go first and come back."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._queue: list[object] = []
        self._names: dict[object, str] = {}
        self._closed = False

    @contextmanager
    def hold(self, name: str, *, unless_closed: bool = False) -> Iterator[None]:
        """Waits for the turn, keeps it inside the block. `name` is what others see. With `unless_closed`
        it raises Interrupted once the lock is closed, also while it waits."""
        self._enter(ticket := object(), name, unless_closed)
        try:
            yield
        finally:
            self._leave(ticket)

    @contextmanager
    def released(self) -> Iterator[None]:
        """Inside the block the current holder is without the device; afterwards it queues again."""
        with self._condition:
            ticket = self._queue[0]
            name = self._names[ticket]
            self._leave(ticket)
        try:
            yield
        finally:
            self._enter(ticket, name)

    def close(self) -> None:
        """From now on nobody begins who can be turned away; whoever holds it ends as it likes."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()

    def yield_to_others(self) -> None:
        """Lets everybody who waits now go first."""
        if self.wanted:
            with self.released():
                pass

    @property
    def wanted(self) -> bool:
        """Whether somebody waits."""
        with self._condition:
            return len(self._queue) > 1

    @property
    def holder(self) -> str | None:
        """What the device is doing."""
        with self._condition:
            return self._names[self._queue[0]] if self._queue else None

    def _enter(self, ticket: object, name: str, unless_closed: bool = False) -> None:
        with self._condition:
            self._queue.append(ticket)
            self._names[ticket] = name
            while not (unless_closed and self._closed):
                if self._queue[0] is ticket:
                    return
                self._condition.wait()
            self._leave(ticket)
        raise Interrupted("The studio is closing")

    def _leave(self, ticket: object) -> None:
        with self._condition:
            self._queue.remove(ticket)
            del self._names[ticket]
            self._condition.notify_all()
