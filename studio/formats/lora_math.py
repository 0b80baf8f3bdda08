"""ΔW of every adapter kind, as pure functions of the file's tensors and the base weight.

Owns: the arithmetic of LoRA, LoCon, LoHa, LoKr, DoRA, IA3, GLoRA, OFT, BOFT, full and norm files.
Refuses to know: files, names, strengths, models, what only PEFT has (`lora_math_peft`).

Letters: W base weight [out, in, k…], r rank, b block size. All results are fp32 on W's device.
Sources: LoRA arXiv:2106.09685 · LoHa arXiv:2108.06098 · LyCORIS arXiv:2309.14859 · DoRA
arXiv:2402.09353 · IA3 arXiv:2205.05638 · GLoRA arXiv:2306.07967 · OFT arXiv:2306.07280 · BOFT
arXiv:2311.06243. Where programs differ, the LyCORIS library's file meaning is followed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from studio.core.counts import counted
from studio.core.errors import MismatchError

if TYPE_CHECKING:
    import torch

Tensors = Mapping[str, "torch.Tensor"]


def low_rank(t: Tensors) -> torch.Tensor:
    """up @ down, [out, in, k…]; with a `mid` (CP convolution) Σ mid[i, j, k…] up[:, i] down[j, :]."""
    import torch

    up, down = t["up"].float(), t["down"].float()
    up = up.reshape(up.shape[0], -1)
    if "mid" in t:
        down = down.reshape(down.shape[0], -1)
        return torch.einsum("ij...,oi,jc->oc...", t["mid"].float(), up, down)
    return (up @ down.reshape(down.shape[0], -1)).reshape(up.shape[0], *down.shape[1:])


def low_rank_norm(t: Tensors) -> float | None:
    """‖up · down‖ without building it, by ‖BA‖² = ⟨BᵀB, AAᵀ⟩; None with a `mid` between them."""
    if "mid" in t:
        return None
    up, down = t["up"].float().flatten(1), t["down"].float().flatten(1)
    square = float(((up.T @ up) * (down @ down.T)).sum())
    return math.sqrt(max(square, 0.0))


def hadamard(t: Tensors) -> torch.Tensor:
    """LoHa: (w1_a w1_b) ⊙ (w2_a w2_b), each factor in Tucker form when t1, t2 are there."""
    import torch

    factors = []
    for n in "12":
        a, b = t[f"hada_w{n}_a"].float(), t[f"hada_w{n}_b"].float()
        if f"hada_t{n}" in t:
            factors.append(torch.einsum("ij...,jc,io->oc...", t[f"hada_t{n}"].float(), b, a))
        else:
            product = a.reshape(-1, a.shape[1]) @ b.reshape(b.shape[0], -1)
            factors.append(product.reshape(a.shape[0], *b.shape[1:]))
    return factors[0] * factors[1]


def kronecker(t: Tensors) -> torch.Tensor:
    """LoKr: w1 ⊗ w2, each full or a product of two, w2 in Tucker form when t2 is there."""
    import torch

    w1 = _full(t, "lokr_w1")
    if "lokr_t2" in t and "lokr_w2" not in t:
        a, b = t["lokr_w2_a"].float(), t["lokr_w2_b"].float()
        w2 = torch.einsum("ij...,jc,io->oc...", t["lokr_t2"].float(), b, a)
    else:
        w2 = _full(t, "lokr_w2")
    w1 = w1.reshape(*w1.shape, *[1] * (w2.dim() - w1.dim()))
    return torch.kron(w1, w2.contiguous())


def generalized(t: Tensors, base: torch.Tensor) -> torch.Tensor:
    """GLoRA: W a1 a2 + b1 b2 (LyCORIS ≥ 3), or W a2 a1 + b2 b1 in files of before."""
    import torch

    a1, a2, b1, b2 = (t[part].float().flatten(1) for part in ("a1", "a2", "b1", "b2"))
    out, inputs = base.shape[:2]
    # Today b1 is [out, r] and b2 [r, in·k…]; the old files have them the other way round.
    if b1.shape[0] != out or a1.shape[0] != inputs or a2.shape[1] != inputs:
        a1, a2, b1, b2 = a2, a1, b2, b1
        mid_shape = t["b1"].shape
    else:
        mid_shape = t["b2"].shape
    if "bm" in t:
        added = torch.einsum("ij...,oi,jc->oc...", t["bm"].float(), b1, b2)
    else:
        added = (b1 @ b2).reshape(out, *mid_shape[1:])
    turned = torch.einsum("oi...,ij->oj...", base.float(), a1 @ a2)
    return turned + added.reshape(turned.shape)


def scaled_channels(t: Tensors, base: torch.Tensor) -> torch.Tensor:
    """IA3: W times one number per input channel (on_input) or per output channel."""
    axis = 1 if bool(t["on_input"].any()) else 0
    factors = t["weight"].float().flatten()
    shape = [1] * base.dim()
    shape[axis] = factors.numel()
    return base.float() * factors.reshape(shape)


def cayley(blocks: torch.Tensor, constraint: float) -> torch.Tensor:
    """Rotations R = (I + Q)(I − Q)⁻¹ with Q = B − Bᵀ, its norm limited to `constraint` if > 0."""
    import torch

    q = blocks.float() - blocks.float().transpose(-1, -2)
    if constraint > 0:
        norm = torch.linalg.vector_norm(q) + 1e-8
        if norm > constraint:
            q = q * constraint / norm
    eye = torch.eye(q.shape[-1], device=q.device)
    return (eye + q) @ torch.linalg.inv(eye - q)


def rotation(t: Tensors, base: torch.Tensor, alpha: float | None) -> torch.Tensor:
    """OFT: blocks of output channels turned by R; then rows times `rescale` if there.

    `alpha` is the constraint per output channel. `oft_diag` (oldest files) stores R itself.
    """
    import torch

    blocks = t["oft_blocks"] if "oft_blocks" in t else t["oft_diag"]
    out = base.shape[0]
    r = cayley(blocks, (alpha or 0.0) * out) if "oft_blocks" in t else blocks.float()
    weight = base.float().reshape(r.shape[0], r.shape[1], -1)
    turned = torch.einsum("knm,knx->kmx", r, weight).reshape(base.shape)
    return _rescaled(t, turned) - base.float()


def butterfly(t: Tensors, base: torch.Tensor, alpha: float | None) -> torch.Tensor:
    """BOFT: `m` rounds of rotations, round i mixing channels 2^i · b/2 apart; then `rescale`."""
    import torch

    r = cayley(t["oft_blocks"], (alpha or 0.0) * base.shape[0])
    size = r.shape[-1]
    weight = base.float().flatten(1)
    columns = weight.shape[1]
    for i, round_ in enumerate(r):
        apart = 2**i * (size // 2)
        # [c, 2, apart] → [c, apart, 2]: channels that are `apart` from each other become neighbours
        mixed = weight.reshape(-1, 2, apart, columns).transpose(1, 2).reshape(-1, size, columns)
        mixed = torch.einsum("bij,bjx->bix", round_, mixed)
        weight = mixed.reshape(-1, apart, 2, columns).transpose(1, 2).reshape(-1, columns)
    return _rescaled(t, weight.reshape(base.shape)) - base.float()


def weight_decomposed(
    delta: torch.Tensor, base: torch.Tensor, scale: torch.Tensor, per_output: bool | None
) -> torch.Tensor:
    """DoRA: m · (W + ΔW) / ‖W + ΔW‖ − W.

    The norm runs over everything but the output axis, or everything but the input axis: programs
    differ. `per_output` None decides by the shape of `scale` ([out, 1, …] or [1, in, …]).
    """
    import torch

    merged = base.float() + delta
    out, inputs = merged.shape[:2]
    if per_output is None:
        per_input_shape = scale.dim() > 1 and scale.shape[0] == 1 and scale.shape[1] == inputs
        per_output = not per_input_shape or inputs == 1
    count = out if per_output else inputs
    if scale.numel() != count:
        raise MismatchError(
            "A weight-decomposed (DoRA) part does not fit its layer",
            why=f"It has {counted(scale.numel(), 'magnitude')}, "
            f"the layer has {counted(count, 'channel')}.",
            remedy="Use the base model the adapter was made for.",
        )
    axes = [axis for axis in range(merged.dim()) if axis != (0 if per_output else 1)]
    norm = torch.linalg.vector_norm(merged, dim=axes, keepdim=True)
    magnitude = scale.float().reshape(norm.shape)
    return merged * (magnitude / (norm + torch.finfo(torch.float32).eps)) - base.float()


def to_shape(delta: torch.Tensor, base: torch.Tensor) -> torch.Tensor:
    """A 1×1 convolution and a linear layer hold the same numbers; anything else must fit."""
    if delta.numel() != base.numel() or delta.shape[:1] != base.shape[:1]:
        raise MismatchError(
            "This adapter was made for a layer of another size",
            why=f"Its change has shape {_shape(delta)}, the layer has {_shape(base)}.",
            remedy="Use the base model the adapter was made for.",
        )
    return delta.reshape(base.shape)


def _full(t: Tensors, name: str) -> torch.Tensor:
    if name in t:
        return t[name].float()
    a, b = t[f"{name}_a"].float(), t[f"{name}_b"].float()
    return (a @ b.reshape(b.shape[0], -1)).reshape(a.shape[0], *b.shape[1:])


def _rescaled(t: Tensors, weight: torch.Tensor) -> torch.Tensor:
    if "rescale" not in t:
        return weight
    return weight * t["rescale"].float().reshape(-1, *[1] * (weight.dim() - 1))


def _shape(tensor: torch.Tensor) -> str:
    return " × ".join(map(str, tensor.shape)) or str(math.prod(tensor.shape))
