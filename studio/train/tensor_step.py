"""The optimizer's step for one tensor: its gradient clipped, its new weights rounded.

Owns: the step of a tensor alone, in the same arithmetic and with the same state as the step of all
together. Refuses to know: where the gradient comes from, when the step is taken.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from studio.train.rounding import StochasticRounding

TINY = 1e-6
"""Added to a norm that is divided by, as in `torch.nn.utils.clip_grad_norm_`."""


class NotFiniteError(Exception):
    """A loss or a gradient is NaN or infinite; the loop says it in words."""

    def __init__(self, loss: float) -> None:
        super().__init__(loss)
        self.loss = loss


class Scratch:
    """fp32 memory for one tensor, lent to one after another: no pages are asked for anew."""

    def __init__(self, tensors: Sequence[Tensor]) -> None:
        self.most = max(tensor.numel() for tensor in tensors)
        self.memory: Tensor | None = None  # until somebody asks

    def copy(self, tensor: Tensor) -> Tensor:
        """The tensor in fp32, lying in memory as it does; until the next copy."""
        if self.memory is None:
            self.memory = torch.empty(self.most, device=tensor.device)
        lent = self.memory.as_strided(tensor.size(), tensor.stride())
        return lent.copy_(tensor)


class TensorSteps:
    """Steps of single tensors, which are numbered as in the optimizer's groups.

    `limit` clips each tensor's own gradient norm, 0 does not; with `rounding` the weights are
    bf16, and the optimizer sees them in fp32.
    """

    def __init__(
        self, optimizer: Optimizer, limit: float, rounding: StochasticRounding | None
    ) -> None:
        self.optimizer, self.limit, self.rounding = optimizer, limit, rounding
        self.owners = [
            number for number, group in enumerate(optimizer.param_groups) for _ in group["params"]
        ]
        self.parameters: list[Tensor] = [
            p for group in optimizer.param_groups for p in group["params"]
        ]
        self.wide, self.gradients = Scratch(self.parameters), Scratch(self.parameters)

    def begin(self, step: int) -> None:
        """Makes ready for step `step`."""
        if self.rounding:
            self.rounding.begin(step)

    def precise(self, place: int, gradient: Tensor) -> Tensor:
        """A gradient in the precision in which its step is taken; until the next one."""
        wanted = torch.float32 if self.rounding else self.parameters[place].dtype
        if gradient.dtype == wanted:
            return gradient
        if wanted == torch.float32:
            return self.gradients.copy(gradient)
        return gradient.to(wanted)

    @staticmethod
    def check(norm: Tensor) -> None:
        """Raises NotFiniteError for the norm of a gradient that may not be used."""
        if not math.isfinite(float(norm)):
            raise NotFiniteError(0.0)

    @torch.no_grad()
    def take(self, place: int, gradient: Tensor, norm: Tensor, factor: float = 1.0) -> None:
        """One tensor's step with a `precise` gradient of norm `norm`; `factor` clips all alike."""
        if self.limit:
            factor = min(1.0, self.limit / (float(norm) + TINY))
        if factor < 1:
            gradient.mul_(factor)
        # asked for anew: loading a state replaces the optimizer's groups
        group, parameter = self.optimizer.param_groups[self.owners[place]], self.parameters[place]
        if self.rounding is None:
            self._step(group, parameter, gradient)
            return
        own = parameter.data
        parameter.data = self.wide.copy(own)
        try:
            self._step(group, parameter, gradient)
            self.rounding.into(own, parameter.data, place)
        finally:
            parameter.data = own

    def _step(self, group: dict[str, Any], parameter: Tensor, gradient: Tensor) -> None:
        parameter.grad = gradient
        try:
            with _alone(self.optimizer, group, parameter):
                self.optimizer.step()
        finally:
            parameter.grad = None


@contextmanager
def _alone(optimizer: Optimizer, group: dict[str, Any], parameter: Tensor) -> Iterator[None]:
    """Inside, the optimizer has this one tensor, with its state and its group's rate."""
    groups, tensors = optimizer.param_groups, group["params"]
    optimizer.param_groups, group["params"] = [group], [parameter]
    try:
        yield
    finally:
        optimizer.param_groups, group["params"] = groups, tensors


def total_norm(norms: Sequence[Tensor]) -> Tensor:
    """The norm of all gradients from the norms of each."""
    if not norms:
        return torch.zeros(())
    return torch.linalg.vector_norm(torch.stack(list(norms)))
