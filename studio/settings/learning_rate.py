"""The learning rate over a run: pure functions of the step.

Owns: the curves and the warm-up. Refuses to know: optimizers, how schedules are written
(`rate_schedule`). The curves are those of `diffusers.optimization.get_scheduler`; only the warm-up
starts with its first step at 1/warm-up, where diffusers spends that step at rate zero.
"""

from __future__ import annotations

import math

from studio.settings.rate_schedule import listed_rate, parse_rates
from studio.settings.training import TrainSettings


def rate_factor(step: int, train: TrainSettings) -> float:
    """Multiplier of the learning rate at 1-based `step`."""
    warm = min(1.0, step / train.warmup_steps) if train.warmup_steps else 1.0
    if train.schedule == "listed":
        return warm * listed_rate(parse_rates(train.rates), step) / train.learning_rate
    if warm < 1 or step == train.warmup_steps:
        return warm
    progress = (step - 1 - train.warmup_steps) / max(1, train.steps - train.warmup_steps)
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
