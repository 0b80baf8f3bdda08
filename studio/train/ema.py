"""The moving average of what is trained: steadier than the newest step.

Owns: the averaged copies and swapping them in. Refuses to know: methods, files.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor


class Ema:
    """One averaged copy per trained tensor: θ̄ ← d·θ̄ + (1 − d)·θ after each step.

    d = min(decay, (1 + step) / (10 + step)), so that a short run is not held back by its start.
    Averages of bf16 weights are fp32: a thousandth of a difference would be rounded away.
    """

    def __init__(self, parameters: Sequence[Tensor], decay: float) -> None:
        self.parameters, self.decay = list(parameters), decay
        self.averages = [
            parameter.detach().to(torch.float32, copy=True) for parameter in self.parameters
        ]

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Takes in the weights after step `step` (1-based)."""
        weight = 1 - min(self.decay, (1 + step) / (10 + step))
        for average, parameter in zip(self.averages, self.parameters, strict=True):
            average.lerp_(parameter.detach().to(average.dtype), weight)

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Inside, the trained tensors hold the averages; afterwards their own values again."""
        own = [parameter.data for parameter in self.parameters]
        try:
            for average, parameter in zip(self.averages, self.parameters, strict=True):
                parameter.data = average.to(parameter.dtype)
            yield
        finally:
            for values, parameter in zip(own, self.parameters, strict=True):
                parameter.data = values

    def state(self) -> dict[str, Tensor]:
        """The averages by place, for the resume record."""
        return {f"ema.{place}": average for place, average in enumerate(self.averages)}

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Puts back what `state` gave."""
        for name, average in self.state().items():
            average.copy_(state[name])
