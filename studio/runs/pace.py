"""How long something that is counted will still take, from how long it has taken so far.

Owns: that sum. Refuses to know: what is counted.
"""

from __future__ import annotations

import time
from collections.abc import Callable


class Pace:
    """Everything between two counts is in the mean: of steps, their samples and measurements too."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._what, self._done, self._since = "", 0, 0.0

    def left(self, what: str, done: int, total: int) -> float | None:
        """Seconds until `total`; None at the first count of `what`, which is where it begins."""
        now = self._clock()
        if what != self._what or done < self._done:
            self._what, self._done, self._since = what, done, now
        if done == self._done:
            return None
        return round((now - self._since) / (done - self._done) * (total - done), 1)

    def again(self) -> None:
        """After a pause: what is counted next begins anew."""
        self._what = ""
