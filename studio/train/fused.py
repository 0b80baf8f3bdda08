"""Fused backward pass: each tensor takes its step as soon as its gradient is complete.

Owns: hooks on the network's leaves, and what is done when a gradient arrives: kept for later,
measured, or used. Refuses to know: the loop, optimizers, methods.

The gradient is freed at once, so hardly more than one is there at a time (Lv et al. 2023, “Full
Parameter Fine-tuning for Large Language Models with Limited Resources”). Where several losses make one
step, those before the last have no step to take: their gradients are kept until the last arrives.
The norm of all gradients is known only afterwards, so clipping by it runs the backward pass twice.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor

from studio.train.tensor_step import TINY, NotFiniteError, TensorSteps, total_norm

Arrived = Callable[[int, Tensor], None]


class FusedBackward:
    """Takes the step while `backward` of the last loss runs.

    `leaves` are where gradients appear, one for each tensor of `steps`; `limit` clips by the norm
    of all gradients, 0 does not.
    """

    def __init__(self, steps: TensorSteps, leaves: Sequence[Tensor], limit: float) -> None:
        self.steps, self.leaves, self.limit = steps, list(leaves), limit
        self.torn, self.gradient_bytes = False, 0
        self._kept: dict[int, Tensor] = {}
        self._norms: dict[int, Tensor] = {}
        self._arrived: Arrived = self._keep
        self._kept_bytes = 0
        for place, leaf in enumerate(self.leaves):
            leaf.register_post_accumulate_grad_hook(partial(self._hear, place))

    def begin(self, step: int) -> None:
        self.steps.begin(step)
        self.gradient_bytes = 0

    def backward(self, loss: Tensor, last: bool) -> None:
        value = float(loss.detach())
        if not math.isfinite(value):
            raise NotFiniteError(value)
        if not last:
            self._run(loss, self._keep)
            return
        self.factor = 1.0
        self._norms = {}
        if self.limit:
            self._run(loss, self._measure, again=True)
            length = self.norm()
            if not math.isfinite(float(length)):
                raise NotFiniteError(value)
            self.factor = min(1.0, float(self.limit / (length + TINY)))  # in the norm's precision
            self._norms = {}
        self._run(loss, self._take)
        self.torn = False

    def norm(self) -> Tensor:
        return total_norm([self._norms[place] for place in sorted(self._norms)])

    def apply(self) -> None:
        """Nothing is left to do."""

    def discard(self) -> None:
        self._kept = {}
        for leaf in self.leaves:
            leaf.grad = None

    def _run(self, loss: Tensor, arrived: Arrived, again: bool = False) -> None:
        """One backward pass; `again` says that another over the same graph follows."""
        self._arrived = arrived
        self._kept_bytes = sum(tensor.nbytes for tensor in self._kept.values())
        loss.backward(retain_graph=again)
        if arrived != self._keep:  # what only losses before this one reach
            for place in [place for place in self._kept if place not in self._norms]:
                arrived(place, torch.zeros_like(self.leaves[place]))

    def _hear(self, place: int, leaf: Tensor) -> None:
        """Called by autograd when the gradient of a leaf is complete."""
        gradient, leaf.grad = leaf.grad, None
        if gradient is not None:
            self._arrived(place, gradient)

    def _keep(self, place: int, gradient: Tensor) -> None:
        kept = self._kept.get(place)
        if kept is None:
            self._kept[place] = gradient.to(self.steps.parameters[place].dtype)
        else:
            kept.add_(gradient)

    def _measure(self, place: int, gradient: Tensor) -> None:
        self._norms[place] = torch.linalg.vector_norm(self._whole(place, gradient))

    def _take(self, place: int, gradient: Tensor) -> None:
        whole = self._whole(place, gradient)
        self._kept.pop(place, None)
        norm = torch.linalg.vector_norm(whole)
        self._norms[place] = norm
        self.steps.check(norm)
        self.torn = True
        self.steps.take(place, whole, norm, self.factor)
        parameter, leaf = self.steps.parameters[place], self.leaves[place]
        if leaf is not parameter:
            with torch.no_grad():
                leaf.copy_(parameter)

    def _whole(self, place: int, gradient: Tensor) -> Tensor:
        """What the losses of a step give together, in the precision of its step."""
        kept = self._kept.get(place)
        if kept is not None:
            gradient = gradient.to(kept.dtype) + kept
        self.gradient_bytes = max(self.gradient_bytes, self._kept_bytes + gradient.nbytes)
        return self.steps.precise(place, gradient)
