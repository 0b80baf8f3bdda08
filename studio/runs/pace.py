"""How long something that is counted will still take, from how long it has taken so far.

Owns: that sum, and what a run's time limit makes of it. Refuses to know: what is counted.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from studio.core.counts import counted
from studio.settings.training import TrainSettings


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


def within_limit(train: TrainSettings, left: float | None, seconds: float) -> float | None:
    """Seconds left of a run that has trained for `seconds`: no more than its time limit leaves."""
    if left is None or not train.minutes:
        return left
    return min(left, max(0.0, round(60 * train.minutes - seconds, 1)))


def limit_reached(train: TrainSettings, step: int, complete: bool) -> str | None:
    """Why a run that is complete ended before its last step; None for one that did not."""
    if not train.minutes or not complete or step >= train.steps:
        return None
    minutes = counted(train.minutes, "minute")
    return f"Its time limit of {minutes} ended it at step {step} of {train.steps}."
