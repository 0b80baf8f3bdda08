"""From losses to changed weights: how gradients are clipped and when the optimizer's step is taken.

Owns: the ways in which a step is taken, and which one a trainable asks for. Refuses to know: the
loop, methods, where a loss comes from.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor
from torch.optim import Optimizer

from studio.methods.base import Trainable, check_one_by_one
from studio.settings.training import RunConfig
from studio.train.fused import FusedBackward
from studio.train.rounding import StochasticRounding
from studio.train.tensor_step import TensorSteps, total_norm


class Update(Protocol):
    """One way of taking a step: `begin`, `backward` of every loss, `norm`, then `apply`."""

    torn: bool
    """True once a step was broken off when some tensors had taken it: these weights are lost."""

    def begin(self, step: int) -> None:
        """Makes ready for step `step`."""

    def backward(self, loss: Tensor, last: bool) -> None:
        """Adds the gradients of a loss; `last` says that no other follows in this step.

        Raises NotFiniteError where that is known already.
        """

    def norm(self) -> Tensor:
        """The norm of all gradients before clipping."""

    def apply(self) -> None:
        """Takes the step, where it is not taken yet."""

    def discard(self) -> None:
        """Drops the gradients."""

    @property
    def gradient_bytes(self) -> int:
        """Memory of the gradients that were there at once in the last step."""


class AllAtOnce:
    """All gradients, then clipping by the norm of all, then the step: before every number is known to
    be finite, nothing changes."""

    def __init__(self, optimizer: Optimizer, parameters: Sequence[Tensor], limit: float) -> None:
        self.optimizer, self.parameters, self.limit = optimizer, list(parameters), limit
        self.torn, self.gradient_bytes = False, 0

    def begin(self, step: int) -> None:
        """Nothing is needed."""

    def backward(self, loss: Tensor, last: bool) -> None:
        loss.backward()

    def norm(self) -> Tensor:
        self.gradient_bytes = sum(p.grad.nbytes for p in self.parameters if p.grad is not None)
        return torch.nn.utils.clip_grad_norm_(self.parameters, self.limit or float("inf"))

    def apply(self) -> None:
        self.optimizer.step()
        self.discard()

    def discard(self) -> None:
        self.optimizer.zero_grad(set_to_none=True)


class OneByOne(AllAtOnce):
    """All gradients, then one tensor after another takes its step: for clipping and rounding that
    look at one tensor at a time."""

    def __init__(
        self, optimizer: Optimizer, parameters: Sequence[Tensor], limit: float, steps: TensorSteps
    ) -> None:
        super().__init__(optimizer, parameters, limit)
        self.steps = steps

    def begin(self, step: int) -> None:
        self.steps.begin(step)

    def norm(self) -> Tensor:
        if self.steps.limit:  # clipped later, each by its own
            self.gradient_bytes = sum(p.grad.nbytes for p in self.parameters if p.grad is not None)
            found = [p.grad for p in self.parameters if p.grad is not None]
            return total_norm([torch.linalg.vector_norm(gradient) for gradient in found])
        return super().norm()

    def apply(self) -> None:
        self.torn = True
        for place, parameter in enumerate(self.parameters):
            if parameter.grad is not None:
                gradient, parameter.grad = parameter.grad, None
                precise = self.steps.precise(place, gradient)
                self.steps.take(place, precise, torch.linalg.vector_norm(precise))
        self.torn = False


def update_of(trainable: Trainable, optimizer: Optimizer, config: RunConfig) -> Update:
    """The way in which this trainable wants its steps."""
    parameters = [tensor for group in trainable.groups for tensor in group.parameters]
    wanted, limit = trainable.gradients, config.train.clip_gradient_norm
    if not wanted.one_by_one:
        return AllAtOnce(optimizer, parameters, limit)
    check_one_by_one(config.train.optimizer)
    own = limit if wanted.clipping == "per-tensor" else 0.0
    rounding = None
    if wanted.stochastic:
        rounding = StochasticRounding(config.seed, parameters[0].device)
    steps = TensorSteps(optimizer, own, rounding)
    if wanted.fused:
        return FusedBackward(steps, trainable.leaves(), 0.0 if own else limit)
    return OneByOne(optimizer, parameters, limit, steps)
