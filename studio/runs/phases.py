"""What a run does besides its steps, for whoever looks: before the first one, between them, at the end.

Owns: the words, and that the state has them from the beginning of such a phase to its end. Refuses to
know: what is done there.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from studio.core.errors import Interrupted
from studio.runs.control import Control
from studio.runs.events import RunLog
from studio.runs.pace import Pace

VALIDATION, SAMPLES, SCORING = "validation", "samples", "scoring this save"
EACH_IMAGE = "the loss of each image"
FINISHING = "writing and checking the file"
EVERY = 25  # images between two words of them


class Phases:
    """Tells them into the state of one run: twice for each phase, never for a step."""

    def __init__(self, run: RunLog, control: Control, pace: Pace) -> None:
        self.run, self.control, self.pace = run, control, pace

    @contextmanager
    def during(self, what: str, step: int | None = None, **told: Any) -> Iterator[None]:
        """Inside, the run says that it does this (and what else is `told`) instead of steps."""
        text = f"{what} before the first step" if step == 0 else what
        self.run.tell(doing=text, **told)
        try:
            yield
        finally:
            self.run.tell(doing=None)

    def preparing(self, text: str) -> None:
        """What is done before the first step, where nothing is counted."""
        self.run.tell(preparing=text, prepared=None, eta=None)

    def read(self, done: int, total: int) -> None:
        """Images that were read. Raises Interrupted once a stop is wanted."""
        if self.control.stop:
            raise Interrupted("Stopped while reading the images")
        if done == total or done % EVERY == 0:
            self._counted("Read", done, total, "images")

    def looked(self, done: int, total: int) -> None:
        """Images that were looked at. Raises Interrupted once a stop is wanted."""
        if self.control.stop:
            raise Interrupted("Stopped while looking at the images")
        self._counted("Looked at", done, total, "images")

    def generated(self, done: int, total: int) -> None:
        """Class images that were generated."""
        self._counted("Generated", done, total, "class images")

    def _counted(self, did: str, done: int, total: int, what: str) -> None:
        """For the bar and the time left."""
        left = self.pace.left(f"{did} {what}", done, total)
        text = f"{did} {done} of {total} {what}"
        self.run.tell(preparing=text, prepared=(done, total), eta=left)
