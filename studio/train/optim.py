"""Optimizers by name, and their state as plain tensors.

Owns: the table of optimizers, flattening their state for a file without pickle.
Refuses to know: what the parameters are.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from studio.core.errors import SettingsError, UnavailableError
from studio.methods.base import Group


def _adamw(groups: list[dict[str, Any]]) -> Optimizer:
    return torch.optim.AdamW(groups, fused=True)


def _eight_bit(name: str) -> Callable[[list[dict[str, Any]]], Optimizer]:
    def make(groups: list[dict[str, Any]]) -> Optimizer:
        try:
            from bitsandbytes import optim
        except (ImportError, RuntimeError, OSError) as error:
            raise UnavailableError(
                "The 8-bit optimizer is not available here",
                why="The library bitsandbytes is not installed or does not run on this machine.",
                remedy="Choose the optimizer adamw or lion, or see `python studio.py doctor`.",
            ) from error
        optimizer: Optimizer = getattr(optim, name)(groups)
        return optimizer

    return make


def _adafactor(groups: list[dict[str, Any]]) -> Optimizer:
    """Shazeer & Stern 2018 with a given rate, not one that follows the weights' size: what is
    trained here often starts at zero, and would hardly leave it."""
    from transformers.optimization import Adafactor

    return Adafactor(groups, lr=1.0, relative_step=False, scale_parameter=False)


def _lion(groups: list[dict[str, Any]]) -> Optimizer:
    from studio.train.lion import Lion

    return Lion(groups)


def _prodigy(groups: list[dict[str, Any]]) -> Optimizer:
    """Mishchenko & Defazio 2023, without the safeguard for warm-up: with it, a run of a few hundred
    steps is over before the rate is found."""
    if len({group["lr"] for group in groups}) > 1:
        raise SettingsError(
            "Prodigy finds one rate for everything that is trained",
            why="The text encoder has a learning rate of its own.",
            remedy="Leave the text learning rate empty, or choose another optimizer.",
        )
    from prodigyopt import Prodigy

    with contextlib.redirect_stdout(None):  # it announces its weight decay to the terminal
        optimizer: Optimizer = Prodigy(groups)
    return optimizer


OPTIMIZERS: dict[str, Callable[[list[dict[str, Any]]], Optimizer]] = {
    "adamw": _adamw,
    "adamw-8bit": _eight_bit("AdamW8bit"),
    "adafactor": _adafactor,
    "lion": _lion,
    "lion-8bit": _eight_bit("Lion8bit"),
    "prodigy": _prodigy,
}


GIVEN = ("lr", "base_lr", "weight_decay")  # of a group, by the settings: not part of its state


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
    """Sets every group's rate to its full rate times `factor`; returns the first group's.

    What Prodigy has found so far (`d`) is counted in what is returned.
    """
    for group in optimizer.param_groups:
        group["lr"] = group["base_lr"] * factor
    first = optimizer.param_groups[0]
    return float(first["lr"] * first.get("d", 1.0))


def optimizer_bytes(optimizer: Optimizer) -> int:
    """Memory of what an optimizer keeps."""
    kept = (value for values in optimizer.state.values() for _, value in _flat(values))
    return sum(value.nbytes for value in kept if isinstance(value, Tensor))


def optimizer_state(optimizer: Optimizer) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The state as (`<parameter>.<name>` → tensor, the same for plain numbers).

    Numbers that the optimizer keeps per group (Prodigy's rate) are called `group<index>.<name>`.
    """
    tensors: dict[str, Tensor] = {}
    numbers: dict[str, Any] = {}
    whole = optimizer.state_dict()
    parts = {str(parameter): values for parameter, values in whole["state"].items()}
    for index, group in enumerate(whole["param_groups"]):
        parts[f"group{index}"] = {
            name: value
            for name, value in group.items()
            if name not in GIVEN and type(value) in (int, float) and math.isfinite(value)
        }
    for part, values in parts.items():
        for name, value in _flat(values):
            (tensors if isinstance(value, Tensor) else numbers)[f"{part}.{name}"] = value
    return tensors, numbers


def _flat(values: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Names and values, tables inside as `<table>/<name>` (8-bit optimizers keep such)."""
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}/")
        else:
            yield prefix + name, value


def load_optimizer_state(
    optimizer: Optimizer, tensors: dict[str, Tensor], numbers: dict[str, Any]
) -> None:
    """Puts back what `optimizer_state` gave, bit for bit: libraries cast what they load to the precision
    of the weights, and bf16 weights have fp32 moments here."""
    state: dict[int, dict[str, Any]] = {}
    whole = optimizer.state_dict()
    for key, value in {**tensors, **numbers}.items():
        part, _, name = key.partition(".")
        if part.startswith("group"):
            whole["param_groups"][int(part.removeprefix("group"))][name] = value
        else:
            target = state.setdefault(int(part), {})
            *tables, last = name.split("/")
            for table in tables:
                target = target.setdefault(table, {})
            target[last] = value
    optimizer.load_state_dict({"state": state, "param_groups": whole["param_groups"]})
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    for place, saved in state.items():
        loaded = optimizer.state[parameters[place]]
        for name, value in _flat(saved):
            name = name.rpartition("/")[2]  # a library may keep a table open that it saved closed
            if isinstance(value, Tensor) and loaded[name].dtype != value.dtype:
                loaded[name] = value.to(loaded[name].device)
