"""When a training has stopped getting better: the rule, on what its saves have scored.

Owns: the rule and its words. Refuses to know: how a save is scored, torch, the loop.

Every save scores the same few prompts with the same noise, so saves are compared by paired differences,
as in `racing`. A save counts as better when it is closer to the held-out reference images than the best
so far by more than chance (one-sided, `RISK`), and its images are no copies. Slow progress adds up: the
best so far stays the one to beat until somebody has clearly beaten it. Everything follows from the scores,
so a run that continues from a checkpoint decides as one without the break.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from studio.compare.selection.racing import Values, above_zero
from studio.core.counts import counted

RISK = 0.05


@dataclass(frozen=True)
class Save:
    """What the images of a save scored, one value each."""

    step: int
    likeness: tuple[float, ...]
    copies: tuple[float, ...] = ()
    """Cosines to the nearest training image."""


class EarlyStop:
    """Hears every save; knows the best, and when enough of them were no better."""

    def __init__(self, patience: int, natural: float | None = None) -> None:
        """`patience` saves without a better one are waited for; `natural` is how close held-out images
        are to their nearest training image."""
        self.patience, self.natural = patience, natural
        self._saves: dict[int, Save] = {}

    def add(self, save: Save) -> None:
        """The scores of a save; the same step again, or one before it, takes back what came after."""
        self._saves = {step: one for step, one in self._saves.items() if step < save.step}
        self._saves[save.step] = save

    @property
    def best(self) -> int | None:
        """The step to use; None before the first save."""
        return self._walk()[0]

    @property
    def since(self) -> int:
        """Saves after the best."""
        return self._walk()[1]

    @property
    def enough(self) -> bool:
        """Whether the run should end."""
        return bool(self._saves) and 0 < self.patience <= self.since

    def reason(self) -> str:
        """Why it ends, for people."""
        best, since = self._walk()
        return (
            f"Stopped early: {counted(since, 'save')} in a row {'was' if since == 1 else 'were'} not "
            f"clearly closer to the held-out images than step {best}, so that checkpoint is the "
            "run's file."
        )

    def _walk(self) -> tuple[int | None, int]:
        best: Save | None = None
        since = 0
        for save in self._saves.values():
            if best is None or self._better(save, best):
                best, since = save, 0
            else:
                since += 1
        return (best.step if best else None), since

    def _better(self, save: Save, best: Save) -> bool:
        difference = _values(save.likeness) - _values(best.likeness)
        return above_zero(difference, RISK) and not self._copied(save)

    def _copied(self, save: Save) -> bool:
        if self.natural is None or not save.copies:
            return False
        return above_zero(_values(save.copies) - self.natural, RISK)


def _values(found: tuple[float, ...]) -> Values:
    return np.asarray(found, dtype=np.float64)
