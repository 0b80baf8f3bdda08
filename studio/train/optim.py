"""Optimizers by name, and their state as plain tensors.

Owns: the table of optimizers, flattening their state for a file without pickle.
Refuses to know: what the parameters are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from studio.errors import SettingsError, UnavailableError
from studio.methods.base import Group


def _adamw(groups: list[dict[str, Any]]) -> Optimizer:
    return torch.optim.AdamW(groups, fused=True)


def _adamw_8bit(groups: list[dict[str, Any]]) -> Optimizer:
    try:
        from bitsandbytes.optim import AdamW8bit
    except (ImportError, RuntimeError, OSError) as error:
        raise UnavailableError(
            "The 8-bit optimizer is not available here",
            why="The library bitsandbytes is not installed or does not run on this machine.",
            remedy="Choose the optimizer adamw, or see `python studio.py doctor`.",
        ) from error
    optimizer: Optimizer = AdamW8bit(groups)
    return optimizer


OPTIMIZERS: dict[str, Callable[[list[dict[str, Any]]], Optimizer]] = {
    "adamw": _adamw,
    "adamw-8bit": _adamw_8bit,
}


def make_optimizer(name: str, groups: Sequence[Group]) -> Optimizer:
    """The optimizer over the trainable's groups; `base_lr` of each group is its full rate."""
    if name not in OPTIMIZERS:
        raise SettingsError(
            f"There is no optimizer “{name}”", remedy=f"Use {', '.join(OPTIMIZERS)}."
        )
    return OPTIMIZERS[name](
        [
            {
                "params": group.parameters,
                "lr": group.learning_rate,
                "base_lr": group.learning_rate,
                "weight_decay": group.weight_decay,
            }
            for group in groups
        ]
    )


def set_factor(optimizer: Optimizer, factor: float) -> float:
    """Sets every group's rate to its full rate times `factor`; returns the first group's."""
    for group in optimizer.param_groups:
        group["lr"] = group["base_lr"] * factor
    return float(optimizer.param_groups[0]["lr"])


def optimizer_state(optimizer: Optimizer) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The state as (`<parameter>.<name>` → tensor, the same for plain numbers)."""
    tensors: dict[str, Tensor] = {}
    numbers: dict[str, Any] = {}
    for parameter, values in optimizer.state_dict()["state"].items():
        for name, value in values.items():
            (tensors if isinstance(value, Tensor) else numbers)[f"{parameter}.{name}"] = value
    return tensors, numbers


def load_optimizer_state(
    optimizer: Optimizer, tensors: dict[str, Tensor], numbers: dict[str, Any]
) -> None:
    """Puts back what `optimizer_state` gave."""
    state: dict[int, dict[str, Any]] = {}
    for key, value in {**tensors, **numbers}.items():
        parameter, _, name = key.partition(".")
        state.setdefault(int(parameter), {})[name] = value
    whole = optimizer.state_dict()
    optimizer.load_state_dict({"state": state, "param_groups": whole["param_groups"]})
