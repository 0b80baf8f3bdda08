"""Any LoRA-like change as one that every program applies alike: whole weights, or an ordinary LoRA.

Owns: ΔW of each module against its base weight, taken as it is (`diff`) or split into two factors by
singular values, and how far the split is off. Refuses to know: files, bases, where weights are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from studio.formats.lora_module import LoraModule

if TYPE_CHECKING:
    import torch

WeightOf = Callable[[LoraModule], "torch.Tensor"]
# Up to this size singular values are exact; beyond it a randomised range finder is as good and fast.
_EXACT = 512


@dataclass(frozen=True)
class Plain:
    """The modules, and ‖made − wanted‖ / ‖wanted‖ over all of them together."""

    modules: list[LoraModule]
    error: float


def as_weights(modules: Iterable[LoraModule], weight_of: WeightOf) -> Plain:
    """Every change in full, `diff` in half precision: exact but for that rounding."""
    made, wanted_square, off_square = [], 0.0, 0.0
    for module in modules:
        delta = module.delta(weight_of(module).detach())
        kept = delta.half()
        made.append(_like(module, "diff", {"diff": kept}, None))
        wanted_square += float(delta.square().sum())
        off_square += float((kept.float() - delta).square().sum())
    return Plain(made, _share(off_square, wanted_square))


def as_low_rank(modules: Iterable[LoraModule], weight_of: WeightOf, rank: int) -> Plain:
    """The nearest update of this rank to every change (Eckart & Young 1936), in half precision.

    A layer smaller than the rank gets its own size.
    """
    made, wanted_square, off_square = [], 0.0, 0.0
    for module in modules:
        delta = module.delta(weight_of(module).detach())
        down, up = _factors(delta.flatten(1), rank)
        change = up.float() @ down.float()
        wanted_square += float(delta.square().sum())
        off_square += float((change - delta.flatten(1)).square().sum())
        window = [1] * (delta.dim() - 2)
        parts = {
            "down": down.reshape(-1, *delta.shape[1:]), "up": up.reshape(*up.shape, *window),
        }  # fmt: skip
        made.append(_like(module, "lora", parts, float(len(down))))
    return Plain(made, _share(off_square, wanted_square))


def _factors(matrix: torch.Tensor, rank: int) -> tuple[torch.Tensor, torch.Tensor]:
    """down [r, in] and up [out, r] in fp16, the singular values shared evenly between both."""
    import torch

    rank = min(rank, *matrix.shape)
    if min(matrix.shape) <= _EXACT:
        u, values, vh = torch.linalg.svd(matrix, full_matrices=False)
    else:
        devices = [matrix.device] if matrix.is_cuda else []
        with torch.random.fork_rng(devices=devices):
            torch.manual_seed(0)
            q = min(rank + 16, *matrix.shape)
            u, values, v = torch.svd_lowrank(matrix, q=q, niter=6)
        vh = v.T
    root = values[:rank].clamp(min=0).sqrt()
    return (root[:, None] * vh[:rank]).half(), (u[:, :rank] * root).half()


def _like(
    module: LoraModule, kind: str, parts: dict[str, torch.Tensor], alpha: float | None
) -> LoraModule:
    tensors = {part: tensor.cpu() for part, tensor in parts.items()}
    return LoraModule(module.component, module.name, module.spelling, kind, tensors, alpha)  # type: ignore[arg-type]


def _share(off_square: float, wanted_square: float) -> float:
    return math.sqrt(off_square / wanted_square) if wanted_square else 0.0
