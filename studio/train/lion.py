"""Lion (Chen et al. 2023, “Symbolic Discovery of Optimization Algorithms”, algorithm 2).

Owns: one optimizer that moves every number by the same amount, in the direction of a sign; half of
AdamW's memory, and a rate three to ten times smaller. Refuses to know: what the parameters are.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch.optim import Optimizer


class Lion(Optimizer):
    """θ ← θ − lr · (sign(β₁ m + (1 − β₁) g) + λθ), then m ← β₂ m + (1 − β₂) g."""

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:
        """One step over all parameters that have a gradient."""
        for group in self.param_groups:
            learning = [p for p in group["params"] if p.grad is not None]
            if not learning:
                continue
            gradients = [p.grad for p in learning]
            for p in learning:
                if "exp_avg" not in self.state[p]:
                    self.state[p]["exp_avg"] = torch.zeros_like(p)
            moments = [self.state[p]["exp_avg"] for p in learning]
            first, second = group["betas"]
            direction = torch._foreach_lerp(moments, gradients, 1 - first)
            torch._foreach_sign_(direction)
            if group["weight_decay"]:
                torch._foreach_mul_(learning, 1 - group["lr"] * group["weight_decay"])
            torch._foreach_add_(learning, direction, alpha=-group["lr"])
            torch._foreach_lerp_(moments, gradients, 1 - second)
