"""How the numbers of a frozen weight may be kept: as they are, or in fewer bits.

Owns: one row per kind: what is stored of a weight, and the weight made of that again.
Refuses to know: modules, devices, who computes with it (`frozen_weight`).

int8 and fp8 (E4M3, Micikevicius et al. 2022) have one scale per output channel, which takes the
largest number of the channel to the largest of the kind. nf4 has the sixteen values of Dettmers et al.
2023 (QLoRA) and one scale per 64 numbers, packed as bitsandbytes does, whose kernel unpacks it on a GPU.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from studio.core.errors import UnavailableError

Parts = tuple[Tensor, ...]
NF4_BLOCK = 64
"""Numbers that share a scale."""
NF4 = (
    -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635,
    -0.18477343022823334, -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725,
    0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941,
    0.7229568362236023, 1.0,
)  # fmt: skip
"""Quantiles of a normal distribution with zero among them (QLoRA, appendix E)."""


@dataclass(frozen=True)
class Kind:
    """One way to keep a weight [out, in] or [out, in, k, k]."""

    name: str
    bits: float
    """Per number, scales counted in where they matter."""
    pack: Callable[[Tensor], Parts]
    unpack: Callable[[Parts, torch.Size, torch.dtype], Tensor]
    """The weight again, in the shape and precision asked for; on the device of the parts."""


def _as_it_is(weight: Tensor) -> Parts:
    return (weight,)


def _given_back(parts: Parts, shape: torch.Size, dtype: torch.dtype) -> Tensor:
    return parts[0]


def _scale(weight: Tensor, largest: float) -> Tensor:
    """One number per output channel [out], 1 for a channel of zeros."""
    tops = weight.float().flatten(1).abs().amax(1) / largest
    return torch.where(tops > 0, tops, torch.ones_like(tops))


def _broad(scale: Tensor, shape: torch.Size) -> Tensor:
    return scale.view(-1, *[1] * (len(shape) - 1))


def _to_int8(weight: Tensor) -> Parts:
    scale = _scale(weight, 127)
    numbers = (weight.float() / _broad(scale, weight.shape)).round_().clamp_(-127, 127)
    return numbers.to(torch.int8), scale


def _to_fp8(weight: Tensor) -> Parts:
    scale = _scale(weight, torch.finfo(torch.float8_e4m3fn).max)
    return (weight.float() / _broad(scale, weight.shape)).to(torch.float8_e4m3fn), scale


def _from_int8(parts: Parts, shape: torch.Size, dtype: torch.dtype) -> Tensor:
    numbers, scale = parts
    made = torch.empty(shape, dtype=dtype, device=numbers.device)
    return torch.mul(numbers, _broad(scale, shape), out=made)  # computed in fp32, rounded once


def _from_fp8(parts: Parts, shape: torch.Size, dtype: torch.dtype) -> Tensor:
    numbers, scale = parts
    return numbers.float().mul_(_broad(scale, shape)).to(dtype)


def _to_nf4(weight: Tensor) -> Parts:
    numbers = weight.float().flatten()
    numbers = functional.pad(numbers, (0, -len(numbers) % NF4_BLOCK)).view(-1, NF4_BLOCK)
    tops = numbers.abs().amax(1)
    values = torch.tensor(NF4, device=weight.device)
    nearest = torch.bucketize(
        numbers / torch.where(tops > 0, tops, torch.ones_like(tops))[:, None],
        (values[1:] + values[:-1]) / 2,
    )
    pairs = nearest.to(torch.uint8).view(-1, 2)
    return (pairs[:, 0] << 4) | pairs[:, 1], tops


def _from_nf4(parts: Parts, shape: torch.Size, dtype: torch.dtype) -> Tensor:
    packed, tops = parts
    values = torch.tensor(NF4, device=packed.device)
    if kernels := _four_bit_kernels(packed.device):
        state = kernels.QuantState(
            absmax=tops,
            shape=shape,
            code=values,
            blocksize=NF4_BLOCK,
            quant_type="nf4",
            dtype=dtype,
        )
        unpacked: Tensor = kernels.dequantize_4bit(packed[:, None], state)
        return unpacked
    places = torch.stack([packed >> 4, packed & 15], dim=1).flatten().int()
    numbers = values.index_select(0, places).view(-1, NF4_BLOCK).mul_(tops[:, None])
    return numbers.flatten()[: shape.numel()].view(shape).to(dtype)


def _four_bit_kernels(device: torch.device) -> Any:
    """bitsandbytes' on a GPU, where it is installed. On a CPU its own way goes through a compiler."""
    if device.type != "cuda" or find_spec("bitsandbytes") is None:
        return None
    from bitsandbytes import functional as kernels

    return kernels


KINDS = {
    kind.name: kind
    for kind in (
        Kind("full", 0, _as_it_is, _given_back),
        Kind("int8", 8, _to_int8, _from_int8),
        Kind("fp8", 8, _to_fp8, _from_fp8),
        Kind("nf4", 4.5, _to_nf4, _from_nf4),
    )
}
"""By the name that the setting `train.base_weights` has for it."""


def find(name: str, device: torch.device) -> Kind:
    """The kind of that name, tried once on the device. UnavailableError where it does not work."""
    kind = KINDS[name]
    weight = torch.linspace(-1, 1, 2 * NF4_BLOCK, device=device).view(2, NF4_BLOCK)
    try:
        again = kind.unpack(kind.pack(weight), weight.shape, torch.float32)
        reason = "" if bool(((again - weight).abs() < 0.2).all()) else "the numbers come back wrong"
    except Exception as error:  # whatever a library's missing kernel raises
        reason = str(error) or type(error).__name__
    if reason:
        raise UnavailableError(
            f"Base weights in {name} do not work on this device",
            where=str(device),
            why=reason,
            remedy="Choose int8, which works everywhere, or full.",
        )
    return kind
