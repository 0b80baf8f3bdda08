"""ΔW of the kinds that PEFT has alone or computes its own way, as pure functions.

Owns: the arithmetic of AdaLoRA, VeRA, HRA, and of PEFT's IA3, OFT and BOFT, which turn inputs where
LyCORIS turns outputs. Refuses to know: files, names, strengths, models.

Letters and results as in `lora_math`. Sources: the PEFT library, whose files these are; AdaLoRA
arXiv:2303.10512 · VeRA arXiv:2310.11454 · HRA arXiv:2405.17484 · OFT arXiv:2306.07280 · BOFT
arXiv:2311.06243 · IA3 arXiv:2205.05638.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from studio.formats.lora_math import low_rank

if TYPE_CHECKING:
    import torch

Tensors = Mapping[str, "torch.Tensor"]


def adaptive(t: Tensors) -> torch.Tensor:
    """AdaLoRA: up · diag(values) · down; PEFT divides by r + 1e-5 where LoRA divides by r."""
    down = t["down"].float()
    rank = down.shape[0]
    values = t["values"].float().reshape(rank, *[1] * (down.dim() - 1))
    return low_rank({"up": t["up"], "down": down * values}) * (rank / (rank + 1e-5))


def vector_based(t: Tensors, base: torch.Tensor) -> torch.Tensor:
    """VeRA: diag(b) B diag(d) A; A and B are the file's, cut to the layer's size."""
    b, d = t["vera_lambda_b"].float(), t["vera_lambda_d"].float()
    first = t["vera_A"].float()[:, : base[0].numel()]
    second = t["vera_B"].float()[: base.shape[0]]
    return (b[:, None] * second) @ (d[:, None] * first)


def rescaled_channels(t: Tensors, base: torch.Tensor, settings: Mapping[str, Any]) -> torch.Tensor:
    """PEFT's IA3: W ⊙ l − W, with l per output, or per input of a layer called feed-forward."""
    factors = t["ia3_l"].float()
    shape = [1] * base.dim()
    shape[1 if per_input(factors, base.shape, settings) else 0] = factors.numel()
    return base.float() * (factors.reshape(shape) - 1)


def rescaled_bias(
    factors: torch.Tensor, bias: torch.Tensor, shape: Sequence[int], settings: Mapping[str, Any]
) -> torch.Tensor | None:
    """Change of the bias of a layer whose outputs PEFT's IA3 scales; None where it scales inputs."""
    if per_input(factors, shape, settings):
        return None
    return bias.float() * (factors.flatten().to(bias.device) - 1)


def per_input(factors: torch.Tensor, shape: Sequence[int], settings: Mapping[str, Any]) -> bool:
    """Whether PEFT's IA3 scales the inputs: linear layers show it, convolutions may only state it."""
    if factors.dim() == 2:
        return factors.shape[0] == 1 and shape[0] != 1
    if shape[0] == shape[1]:
        return bool(settings.get("feedforward", False))
    return factors.numel() == shape[1]


def input_rotation(t: Tensors, base: torch.Tensor, settings: Mapping[str, Any]) -> torch.Tensor:
    """PEFT's OFT: blocks of inputs turned by R, made from the numbers above a skew-symmetric diagonal.

    R is a Cayley transform, (I − Q)(I + Q)⁻¹ turned round, or as PEFT does today (also where nothing
    is stated) its Neumann series of `num_cayley_neumann_terms`. One block may serve all inputs.
    """
    import torch

    vectors = t["oft_R"].float()
    size = (1 + math.isqrt(1 + 8 * vectors.shape[1])) // 2
    rows, columns = torch.triu_indices(size, size, 1, device=vectors.device)
    q = vectors.new_zeros(len(vectors), size, size)
    q[:, rows, columns] = vectors
    q = q - q.transpose(-1, -2)
    if settings.get("coft"):
        limit = float(settings.get("eps", 6e-5)) / math.sqrt(len(q))
        norm = torch.linalg.vector_norm(q, dim=(1, 2), keepdim=True)
        q = torch.where(norm <= limit, q, limit * q / norm)
    if settings.get("use_cayley_neumann", True):
        r = _neumann(q, int(settings.get("num_cayley_neumann_terms", 5)))
    else:
        eye = torch.eye(size, device=q.device)
        r = (eye - q) @ torch.linalg.inv(eye + q)
    weight = base.float().reshape(base.shape[0], -1, size)
    if len(r) != weight.shape[1]:
        if len(r) != 1:
            raise ValueError("the blocks do not cover the inputs")
        r = r.expand(weight.shape[1], size, size)
    return torch.einsum("okc,kjc->okj", weight, r).reshape(base.shape) - base.float()


def _neumann(q: torch.Tensor, terms: int) -> torch.Tensor:
    """I + 2Q + 2Q² + … + Qⁿ⁻¹, whose last power is counted once, as PEFT sums it."""
    import torch

    total = torch.eye(q.shape[-1], device=q.device).expand_as(q).clone()
    if terms < 2:
        return total
    if terms == 2:
        return total + 2 * q
    power = q @ q
    total = total + 2 * q + 2 * power
    for _ in range(3, min(terms, 64) - 1):
        power = power @ q
        total = total + 2 * power
    return total + power @ q


def input_butterfly(t: Tensors, base: torch.Tensor) -> torch.Tensor:
    """PEFT's BOFT: `m` rounds of rotations of the inputs, then one factor per output."""
    import torch

    blocks = t["boft_R"].float()
    rounds, _, size, _ = blocks.shape
    skew = 0.5 * (blocks - blocks.transpose(-1, -2))
    eye = torch.eye(size, device=blocks.device)
    r = (eye - skew) @ torch.linalg.inv(eye + skew)
    weight = base.float().flatten(1).T
    inputs, outputs = weight.shape
    for i, round_ in enumerate(r):
        order = _butterfly_order(inputs, size, i, rounds).to(weight.device)
        mixed = torch.empty_like(weight)
        mixed[order] = weight
        mixed = (round_ @ mixed.reshape(-1, size, outputs)).reshape(inputs, outputs)
        weight = mixed[order]
    factors = t["boft_s"].float().reshape(-1, 1)
    return (weight.T * factors).reshape(base.shape) - base.float()


def _butterfly_order(inputs: int, size: int, round_: int, rounds: int) -> torch.Tensor:
    """In spans of size · 2^round_ channels: half blocks at even places first, then those at odd ones."""
    import torch

    channels = torch.arange(inputs)
    if rounds == 1:
        return channels
    halves = channels.reshape(-1, 2 ** (round_ + 1), size // 2)
    return torch.cat([halves[:, 0::2], halves[:, 1::2]], dim=1).flatten()


def reflections(t: Tensors, base: torch.Tensor, settings: Mapping[str, Any]) -> torch.Tensor:
    """HRA: W times a chain of Householder reflections, their vectors made orthogonal if stated."""
    import torch

    vectors = t["hra_u"].float()
    weight = base.float().reshape(base.shape[0], -1)
    done: list[torch.Tensor] = []
    for vector in vectors.T:
        if settings.get("apply_GS"):
            for before in done:
                vector = vector - (before @ vector) * before
        vector = vector / torch.linalg.vector_norm(vector)
        done.append(vector)
        weight = weight - 2 * torch.outer(weight @ vector, vector)
    return weight.reshape(base.shape) - base.float()
