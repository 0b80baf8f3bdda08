"""A base that takes less memory while something beside it is trained: its weights in fewer bits, or elsewhere.

Owns: which layers of a base are kept how. Refuses to know: kinds of weights (`frozen_kinds`), how blocks
travel (`streaming`), runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import torch
from torch import nn

from studio.families import frozen_kinds, offload
from studio.families.base import Base
from studio.families.frozen_weight import Held, frozen
from studio.families.streaming import Stream

NARROW = 16
"""Layers with fewer channels on a side are kept as they are: at the edge of the network an error counts
most, and there they hold next to nothing."""


@dataclass(frozen=True)
class Frozen:
    """How the weights of a base that does not learn are kept."""

    weights: str = "full"
    """A kind of `frozen_kinds.KINDS`, for denoiser and text encoders."""
    stream: bool = False
    """The denoiser's weights stay in main memory and are uploaded block by block."""
    offload: bool = False
    """Text encoders and VAE are kept off the device: in main memory, or for a CPU in a file on disk."""

    @property
    def changes(self) -> bool:
        """Whether anything is other than as it is loaded."""
        return self != FULL


FULL = Frozen()
"""As it is loaded."""


def freeze(base: Base, wanted: Frozen, device: torch.device) -> None:
    """Keeps the weights of a base, which was loaded into main memory, as `wanted`, and moves it to `device`.

    Raises UnavailableError where a kind of weights does not work there.
    """
    base.device, base.weights = device, wanted.weights
    device = torch.empty(0, device=device).device  # with its number, as tensors say it
    kind = frozen_kinds.find(wanted.weights, device)
    away = Stream(device) if wanted.offload and device.type != "cpu" else None
    blocks = Stream(device) if wanted.stream else None
    for part in (base.denoiser, *base.text_encoders, base.vae):
        stream = blocks if part is base.denoiser else away
        own = frozen_kinds.KINDS["full"] if part is base.vae else kind
        if own.name != "full" or stream is not None:
            for layer, packed in _layers(part, own.name != "full"):
                _freeze_layer(layer, own if packed else frozen_kinds.KINDS["full"], stream, device)
        if stream is not None:
            stream.seal()
        _to_device(part, device)
    if wanted.offload and device.type == "cpu":
        _to_disk([*base.text_encoders, base.vae])


def _layers(part: nn.Module, packed: bool) -> Iterator[tuple[nn.Module, bool]]:
    """The layers whose weights are frozen, and whether in fewer bits."""
    for layer in part.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d):
            yield layer, packed and min(layer.weight.shape[:2]) >= NARROW


def _freeze_layer(
    layer: nn.Module, kind: frozen_kinds.Kind, stream: Stream | None, device: torch.device
) -> None:
    weight = layer._parameters["weight"]
    assert weight is not None
    if kind.name == "full" and stream is None:
        return
    parts = kind.pack(weight.detach())
    held: Held
    if stream is None:
        held = partial(_same, tuple(part.to(device) for part in parts))
    else:
        held = stream.add(parts)
    layer._parameters["weight"] = frozen(kind, held, weight, device)


def _same(parts: frozen_kinds.Parts) -> frozen_kinds.Parts:
    return parts


def _to_device(part: nn.Module, device: torch.device) -> None:
    """What is left: biases, norms, embeddings, narrow layers. Frozen weights say they are there already."""
    for module in part.modules():
        for tensors in (module._parameters, module._buffers):
            for name, tensor in tensors.items():
                if tensor is not None and tensor.device != device:
                    moved = tensor.to(device)
                    tensors[name] = (
                        nn.Parameter(moved, requires_grad=False)
                        if isinstance(tensor, nn.Parameter)
                        else moved
                    )


def _to_disk(parts: list[nn.Module]) -> None:
    plain = [
        parameter
        for part in parts
        for parameter in part.parameters()
        if type(parameter) is nn.Parameter
    ]
    offload.offload_to_disk(plain, always=True)
