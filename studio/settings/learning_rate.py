"""The learning rate over a run: pure functions of the step.

Owns: the schedules, warm-up, and the text form `1e-3:100, 1e-4:1000, 1e-5` that web UIs use.
Refuses to know: optimizers. The curves are those of `diffusers.optimization.get_scheduler`; only
the warm-up starts with its first step at 1/warm-up, where diffusers spends that step at rate zero.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from studio.settings.training import TrainSettings

Schedule = Literal["constant", "linear", "cosine", "cosine-restarts", "polynomial", "listed"]
Listed = tuple[tuple[float, int | None], ...]
"""Rates with the last step (1-based) that uses them; None: to the end."""


def rate_factor(step: int, train: TrainSettings) -> float:
    """Multiplier of the learning rate at 1-based `step`."""
    warm = min(1.0, step / train.warmup) if train.warmup else 1.0
    if train.schedule == "listed":
        return warm * listed_rate(parse_rates(train.rates), step) / train.learning_rate
    if warm < 1 or step == train.warmup:
        return warm
    progress = (step - 1 - train.warmup) / max(1, train.steps - train.warmup)
    return train.final_rate + (1 - train.final_rate) * _curve(progress, train)


def _curve(progress: float, train: TrainSettings) -> float:
    if train.schedule == "linear":
        return max(0.0, 1.0 - progress)
    if train.schedule == "cosine":
        return 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
    if train.schedule == "cosine-restarts":
        if progress >= 1:
            return 0.0
        return 0.5 * (1 + math.cos(math.pi * (train.cycles * progress % 1.0)))
    if train.schedule == "polynomial":
        return max(0.0, 1.0 - progress) ** train.power
    return 1.0


def parse_rates(text: str) -> Listed:
    """`1e-3:100, 1e-4:1000, 1e-5` → each rate with the step up to which it holds.

    The last may leave its step out. Raises ValueError in plain words.
    """
    parts = [part.strip() for part in text.split(",")]
    found: list[tuple[float, int | None]] = []
    for place, part in enumerate(parts):
        rate_text, colon, step_text = part.partition(":")
        try:
            rate, until = float(rate_text), int(step_text) if colon else None
        except ValueError:
            raise ValueError(f"“{part}” is not a rate and a step; {_FORM}") from None
        if not 0 < rate <= 10:
            raise ValueError(f"the rate “{rate_text.strip()}” must be above 0 and at most 10")
        if until is None and place < len(parts) - 1:
            raise ValueError(f"“{part}” names no step, and is not the last; {_FORM}")
        if until is not None and until <= (found[-1][1] or 0 if found else 0):
            raise ValueError(f"the step of “{part}” must be later than the one before it")
        found.append((rate, until))
    return tuple(found)


def listed_rate(rates: Sequence[tuple[float, int | None]], step: int) -> float:
    """The rate in force at 1-based `step`; after the last step named, the last rate goes on."""
    for rate, until in rates:
        if until is None or step <= until:
            return rate
    return rates[-1][0]


_FORM = "write them like 1e-3:100, 1e-4:1000, 1e-5"
