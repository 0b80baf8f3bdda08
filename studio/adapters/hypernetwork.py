"""Hypernetworks on a base: small networks in front of K and V of every attention of their width.

Owns: building the networks and hooking them into the denoiser. Refuses to know: the file's layout
(`studio.formats.hypernetwork`), training.

Per width there are two networks; each changes what K or V is computed from: x + strength · MLP(x).
Q is untouched, both halves of the guidance are changed, and several files feed one into the next.
Source: A1111's modules/hypernetworks.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from studio.adapters import diagnosis
from studio.adapters.base import Adapter, Attachment, Report
from studio.core.counts import counted
from studio.core.errors import FileError, MismatchError
from studio.formats import hypernetwork
from studio.formats.hypernetwork import HypernetworkFile, Layer
from studio.formats.hypernetwork_layers import ACTIVATIONS, batch_warning, refusal

if TYPE_CHECKING:
    from studio.families.base import Base
    from studio.formats.sniff import Content


class HypernetworkAdapter(Adapter):
    """One hypernetwork file."""

    kind = "hypernetwork"

    def __init__(self, file: HypernetworkFile) -> None:
        self.file = file
        self.path = file.path
        self.name = file.path.stem
        tensors = [
            t for states in file.networks.values() for state in states for t in state.values()
        ]
        self.size = sum(tensor.numel() * tensor.element_size() for tensor in tensors)
        self.info = {
            "dialect": "a1111",
            "widths": sorted(file.networks),
            "structure": file.layer_structure,
            "activation": file.activation,
            "step": file.step,
            "mixes_the_batch": file.mixes_the_batch,
        }

    @staticmethod
    def read(path: str | Path, content: Content | None = None) -> HypernetworkAdapter:
        """See `Adapter.read`."""
        return HypernetworkAdapter(hypernetwork.read(path, content))

    def attach(self, work: Attachment, strength: float, text_strength: float) -> Report:
        """See `Adapter.attach`. `text_strength` has no meaning here: only the denoiser is touched."""
        base = work.base
        found = attentions(base)
        widths = {width for width, _, _ in found}
        strange = sorted(set(self.file.networks) - widths)
        # A file may hold widths for several families, but it must know this base's text width
        # if it holds any that this base does not have; else it was made for another base.
        if strange and diagnosis.base_text_width(base) not in self.file.networks:
            raise MismatchError(
                "This hypernetwork does not fit this base",
                where=self.path,
                why=f"It changes attention over {diagnosis.listed(sorted(self.file.networks))} "
                f"numbers; “{base.name}” ({base.architecture.title}) has attention over "
                f"{diagnosis.listed(sorted(widths))}.",
                remedy="Use it with a base of its own kind, or take it off the stack.",
            )
        networks = {
            width: tuple(
                network(self.file, width, part).to(base.device, base.dtype) for part in (0, 1)
            )
            for width in self.file.networks
            if width in widths and strength != 0
        }
        matched = 0
        for width, key, value in found:
            if width not in self.file.networks:
                continue
            matched += 1
            for module, part in ((key, 0), (value, 1)):
                if width in networks:
                    work.hook(module, partial(_stand, module, networks[width][part], strength))
        unmatched = [f"width {width}" for width in strange]
        message = f"It acts on {counted(matched, 'attention layer')}."
        if self.file.mixes_the_batch:
            message += f" {batch_warning(self.file.activation)}"
        return Report(self.path, self.kind, matched, unmatched, message)


def network(file: HypernetworkFile, width: int, part: int) -> nn.Sequential:
    """The network for K (`part` 0) or V (1) at `width`, fp32, in eval mode, without gradients."""
    made = blank_network(file, width)
    state = {
        key.removeprefix("linear."): tensor for key, tensor in file.networks[width][part].items()
    }
    with torch.inference_mode(False), torch.no_grad():
        made.load_state_dict({key: tensor.float() for key, tensor in state.items()})
    return made.eval().requires_grad_(False)


def blank_network(file: HypernetworkFile, width: int) -> nn.Sequential:
    """A network of the file's structure at `width` with torch's own first values, fp32."""
    return nn.Sequential(*(_module(layer, width, file) for layer in file.sequence()))


def _module(layer: Layer, width: int, file: HypernetworkFile) -> nn.Module:
    if layer.kind == "linear":
        return nn.Linear(int(width * layer.inputs), int(width * layer.outputs))
    if layer.kind == "layer_norm":
        return nn.LayerNorm(int(width * layer.outputs))
    if layer.kind == "dropout":
        return nn.Dropout(layer.p)
    return _activation(file)


def _activation(file: HypernetworkFile) -> nn.Module:
    if why := refusal(file.activation):
        raise FileError(
            "This hypernetwork asks for an activation it cannot have", where=file.path, why=why
        )
    name = file.activation.lower()
    if name in ("softmax", "softmin", "logsoftmax"):
        # What torch takes where a file of A1111's names no dimension: of three the first, which is
        # the images of a batch, conditioned and unconditioned ones alike.
        made: nn.Module = getattr(nn, ACTIVATIONS[name])(dim=0)
    else:
        made = getattr(nn, ACTIVATIONS[name])()
    return made


def attentions(base: Base) -> list[tuple[int, nn.Module, nn.Module]]:
    """(width of the input of K and V, K, V) of every attention of the denoiser."""
    return [
        (int(module.to_k.in_features), module.to_k, module.to_v)
        for module in base.denoiser.modules()
        if isinstance(getattr(module, "to_k", None), nn.Linear)
        and isinstance(getattr(module, "to_v", None), nn.Linear)
    ]


def _stand(module: nn.Module, made: nn.Module, strength: float, factor: float) -> Any:
    return in_front(module, made, strength * factor)()


def in_front(module: nn.Module, made: nn.Module, strength: float) -> Callable[[], Any]:
    """A function that puts `made` in front of `module` and returns the handle that takes it off."""

    dtype = next(made.parameters()).dtype

    def change(_: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        given = inputs[0]
        changed = made(given.to(dtype)).to(given.dtype)  # trained in fp32 before a bf16 base
        return (given + strength * changed, *inputs[1:])

    return lambda: module.register_forward_pre_hook(change)
