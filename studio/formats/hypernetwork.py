"""Hypernetwork files of A1111's web UI (`.pt`), and a safetensors twin with the same content.

Owns: the file's keys and defaults, the order of layers in its Sequential, and checking that every
tensor has the shape that order asks for.
Refuses to know: neural network modules (`studio.adapters` builds them from `sequence`), training.

Source: A1111's modules/hypernetworks/hypernetwork.py. Per width there are two networks, for K and
for V, applied as x + strength · network(x).
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.core import atomic
from studio.core.budget import check_text
from studio.core.counts import counted
from studio.core.errors import FileError
from studio.core.text import parse_json
from studio.formats import pickles, safetensors_file
from studio.formats.hypernetwork_facts import TWIN_FORMAT, width_of
from studio.formats.hypernetwork_layers import (
    OVER_THE_BATCH,
    Layer,
    acts,
    expected_shapes,
    flag,
    refusal,
    sequence,
)
from studio.formats.sniff import Content, sniff

if TYPE_CHECKING:
    import torch

__all__ = [
    "HypernetworkFile", "Layer", "expected_shapes", "from_object", "read", "sequence",
    "write_optimizer", "write_pt", "write_safetensors",
]  # fmt: skip

MAX_WIDTH = 16_384
MAX_WIDTHS = 64

State = dict[str, "torch.Tensor"]


@dataclass
class HypernetworkFile:
    """A whole file as plain data; `networks`: width → (state for K, state for V).

    State keys are `linear.<index>.weight|bias`. `activation` is a lower-cased class name of
    torch's activations, "linear" for none; "swish" means Hardswish.
    """

    path: Path
    networks: dict[int, tuple[State, State]]
    layer_structure: list[float] = field(default_factory=lambda: [1, 2, 1])
    activation: str = "linear"
    is_layer_norm: bool = False
    weight_initialization: str = "Normal"
    use_dropout: bool = False
    dropout_structure: list[float] | None = None
    last_layer_dropout: bool = False
    activate_output: bool = True
    name: str = ""
    step: int = 0
    sd_checkpoint: str | None = None
    sd_checkpoint_name: str | None = None
    optional_info: str | None = None

    @property
    def mixes_the_batch(self) -> bool:
        """Whether an image depends on those generated together with it."""
        return self.activation.lower() in OVER_THE_BATCH and any(
            layer.kind == "activation" for layer in self.sequence()
        )

    def sequence(self) -> list[Layer]:
        """The layers of each network in order; the same for every width."""
        return sequence(
            self.layer_structure,
            self.activation,
            is_layer_norm=self.is_layer_norm,
            dropout=self.dropouts(),
            activate_output=self.activate_output,
        )

    def dropouts(self) -> list[float]:
        """Dropout probability after each place of the structure; the file's, or the old default."""
        if self.dropout_structure is not None:
            return self.dropout_structure
        places = len(self.layer_structure)
        if not self.use_dropout or places < 3:
            return [0.0] * places
        last = 0.3 if self.last_layer_dropout else 0.0
        return [0.0, *[0.3] * (places - 3), last, 0.0]


def read(path: str | Path, content: Content | None = None) -> HypernetworkFile:
    """Reads a `.pt` or its safetensors twin; FileError when tensors are missing or misshapen.

    `content` is what `sniff` said of it, where it was asked already.
    """
    path = Path(path)
    if (content or sniff(path)) == "safetensors":
        return _checked(_from_twin(path))
    return _checked(from_object(path, pickles.read_pt(path)))


def write_pt(path: str | Path, file: HypernetworkFile) -> Path:
    """Writes A1111's `.pt` in the layout its safe loader accepts."""
    _checked(file)
    value: dict[Any, Any] = dict(file.networks)
    settings = _settings(file)
    settings["activation_func"] = settings.pop("activation")
    return pickles.write_pt(path, {**value, **settings})


def write_optimizer(path: str | Path, name: str, state: Mapping[str, Any]) -> Path:
    """Writes `<path>.optim` beside the `.pt` at `path`, which must be there: its hash is inside.

    `name` is the class of torch.optim, `state` its state dict. A1111 takes the state only when the
    hash (the first ten digits of the `.pt`'s SHA-256) is right.
    """
    path = Path(path)
    value = {
        "optimizer_name": name,
        "hash": atomic.sha256(path)[:10],
        "optimizer_state_dict": dict(state),
    }
    return pickles.write_pt(path.with_name(path.name + ".optim"), value)


def write_safetensors(
    path: str | Path, file: HypernetworkFile, metadata: Mapping[str, str] | None = None
) -> Path:
    """Writes the twin: keys `<width>.k.linear.<n>.weight`, settings as JSON in the metadata."""
    _checked(file)
    tensors = {
        f"{width}.{part}.{key}": tensor
        for width, states in file.networks.items()
        for part, state in zip("kv", states, strict=True)
        for key, tensor in state.items()
    }
    settings = {"format": TWIN_FORMAT, "hypernetwork": json.dumps(_settings(file))}
    return safetensors_file.write(path, tensors, {**(metadata or {}), **settings})


def from_object(path: Path, value: Any) -> HypernetworkFile:
    """Builds the record from an unpickled A1111 dictionary, filling in its defaults."""
    if not isinstance(value, dict):
        raise _broken(path, "It holds no table.")
    networks: dict[int, tuple[State, State]] = {}
    for key, states in value.items():
        if (width := width_of(key, states)) is None:
            continue
        if not isinstance(states, (tuple, list)) or len(states) != 2:
            raise _broken(path, f"Width {width} has no two networks.")
        networks[width] = (_state(path, states[0]), _state(path, states[1]))
    return _with_settings(path, networks, {**value, "activation": value.get("activation_func")})


def _from_twin(path: Path) -> HypernetworkFile:
    tensors, metadata = safetensors_file.read_tensors(path)
    try:
        stated = metadata.get("hypernetwork", "null")
        check_text(stated, values=10_000)
        settings = parse_json(stated)
    except ValueError:
        settings = None
    if not isinstance(settings, dict):
        raise _broken(path, "Its header does not describe a hypernetwork.")
    networks: dict[int, tuple[State, State]] = {}
    for name, tensor in tensors.items():
        width, part, key = (*name.split(".", 2), "", "")[:3]
        if not (width.isdecimal() and width.isascii() and len(width) < 9) or part not in ("k", "v"):
            raise _broken(path, f"It has a tensor called {name[:60]!a}.")
        networks.setdefault(int(width), ({}, {}))["kv".index(part)][key] = tensor
    return _with_settings(path, networks, settings)


def _with_settings(
    path: Path, networks: dict[int, tuple[State, State]], value: Mapping[Any, Any]
) -> HypernetworkFile:
    dropout = _numbers(path, value.get("dropout_structure"), "dropout structure", 0.0, 0.999)
    structure = _numbers(path, value.get("layer_structure"), "layer structure", 1e-3, 64.0)
    if structure is not None and len(structure) < 2:
        raise _broken(path, "Its layer structure has no layers.")
    places, output = structure or [1, 2, 1], flag(value.get("activate_output"), True)
    activation = value.get("activation") if acts(places, output) else None
    if activation is not None and (why := refusal(activation)):
        raise _broken(path, why)
    step = value.get("step")
    return HypernetworkFile(
        path,
        networks,
        layer_structure=places,
        activation=activation or "linear",
        is_layer_norm=flag(value.get("is_layer_norm"), False),
        weight_initialization=_text(value.get("weight_initialization")) or "Normal",
        use_dropout=any(dropout) if dropout else flag(value.get("use_dropout"), False),
        dropout_structure=dropout,
        last_layer_dropout=flag(value.get("last_layer_dropout"), False),
        activate_output=output,
        name=_text(value.get("name")) or path.stem,
        step=step if type(step) is int else 0,
        sd_checkpoint=_text(value.get("sd_checkpoint")),
        sd_checkpoint_name=_text(value.get("sd_checkpoint_name")),
        optional_info=_text(value.get("optional_info")),
    )


def _state(path: Path, value: Any) -> State:
    import torch

    if not isinstance(value, dict) or not all(
        isinstance(key, str) and isinstance(tensor, torch.Tensor) for key, tensor in value.items()
    ):
        raise _broken(path, "One of its networks is no table of tensors.")
    # The oldest files had two attributes instead of a Sequential.
    old = {"linear1.": "linear.0.", "linear2.": "linear.1."}
    return {old.get(key[:8], key[:8]) + key[8:]: tensor for key, tensor in value.items()}


def _checked(file: HypernetworkFile) -> HypernetworkFile:
    if not file.networks:
        raise _broken(file.path, "It holds no networks.")
    if len(file.networks) > MAX_WIDTHS:
        raise _broken(file.path, f"It holds networks for {counted(len(file.networks), 'width')}.")
    if why := refusal(file.activation):
        raise _broken(file.path, why)
    layers = file.sequence()
    first, last = file.layer_structure[0], file.layer_structure[-1]
    for width, states in file.networks.items():
        if not 1 <= width <= MAX_WIDTH:
            raise _broken(file.path, f"A width of {width} is not possible.")
        if not int(width * first) == int(width * last) == width:
            raise _broken(
                file.path,
                f"Its layer structure begins with {first:g} and ends with {last:g} times the width; "
                "what a network changes it takes and gives back at its own width.",
            )
        expected = expected_shapes(layers, width)
        for part, state in zip("KV", states, strict=True):
            found = {key: tuple(tensor.shape) for key, tensor in state.items()}
            if found != expected:
                odd = sorted(
                    key
                    for key in found.keys() | expected.keys()
                    if found.get(key) != expected.get(key)
                )
                raise _broken(
                    file.path,
                    f"At width {width} ({part}) the tensor {odd[0][:60]!a} has shape "
                    f"{found.get(odd[0])}, its settings ask for {expected.get(odd[0])}.",
                )
            if not all(bool(tensor.isfinite().all()) for tensor in state.values()):
                raise _broken(file.path, f"At width {width} it holds NaN or infinity.")
    return file


def _settings(file: HypernetworkFile) -> dict[str, Any]:
    names = (
        "step", "name", "layer_structure", "activation", "is_layer_norm", "weight_initialization",
        "use_dropout", "dropout_structure", "last_layer_dropout", "activate_output",
        "sd_checkpoint", "sd_checkpoint_name", "optional_info",
    )  # fmt: skip
    return {name: getattr(file, name) for name in names}


def _numbers(path: Path, value: Any, what: str, low: float, high: float) -> list[float] | None:
    if value is None:
        return None
    value = value.tolist() if hasattr(value, "tolist") else value  # an array of numpy's
    good = isinstance(value, (list, tuple)) and len(value) <= 64
    if not good or not all(
        type(n) in (int, float) and math.isfinite(n) and low <= n <= high for n in value
    ):
        raise _broken(path, f"Its {what} makes no sense.")
    return list(value)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _broken(path: Path, why: str) -> FileError:
    return FileError(
        "This is not a usable hypernetwork",
        where=path,
        why=why,
        remedy="Check that it is a hypernetwork made by A1111's web UI or the studio.",
    )
