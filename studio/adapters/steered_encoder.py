"""The text encoder that an aesthetic direction steers: which one it is, and copies of it that learn.

Owns: finding it by the direction's width (an encoder's own projection, or the CLIP's beside the
base), and standing in for its weights for a while. Refuses to know: files, what is optimised.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from studio.adapters.diagnosis import listed
from studio.clip.encoders import text_side
from studio.clip.folder import find_clip, find_clips
from studio.core.counts import counted
from studio.core.errors import MismatchError, UnavailableError

if TYPE_CHECKING:
    from studio.families.base import Base


@dataclass(frozen=True)
class Tower:
    """The text encoder that a direction steers, and how its pooled output becomes features."""

    index: int
    projection: Tensor
    """[width, hidden], fp32, on the base's device."""
    start: dict[str, Tensor] | None = None
    """Weights that tuning starts from; None: the base's own."""
    missing: list[nn.Module] = field(default_factory=list)
    """Last layers that the CLIP has and the base's encoder was cut off before."""


def find_tower(base: Base, width: int, encoder: str, source: Path | str) -> Tower:
    """The width decides: an encoder's own projection, or the one of the CLIP beside the base."""
    hidden = [int(found.config.hidden_size) for found in base.text_encoders]
    own = [_own_projection(found) for found in base.text_encoders]
    for index, weight in enumerate(own):
        if encoder == "checkpoint" and weight is not None and len(weight) == width:
            return Tower(index, weight.to(base.device, torch.float32))
    clips = [clip for clip in find_clips(base.path, base.text_widths) if clip.text_width in hidden]
    for clip in clips:
        if clip.width == width:
            return _from_clip(base, hidden.index(clip.text_width), text_side(base, clip), encoder)
    known = {len(weight) for weight in own if weight is not None} | {clip.width for clip in clips}
    if width in known:  # by an encoder's own projection
        raise UnavailableError(
            "The CLIP's own text encoder is not there",
            where=base.path,
            why="The setting “Text encoder” is “paper”.",
            remedy="Set it to “checkpoint”, or put the full CLIP into the base's folder “clip”.",
        )
    if not known or width in hidden:
        find_clip(base.path, width, base.text_widths)  # raises, and says where to get it
    fitting = (
        f"can be steered by directions {listed(sorted(known))} wide, those of its own CLIP"
        if known
        else f"has text {listed(hidden)} wide, which the CLIP beside it does not know"
    )
    raise MismatchError(
        "This aesthetic embedding does not fit this base",
        where=source,
        why=f"Its direction is {counted(width, 'number')} wide; "
        f"“{base.name}” ({base.architecture.title}) {fitting}.",
        remedy="Make one from images with this base, or take it off the stack.",
    )


def _from_clip(base: Base, index: int, side: Any, encoder: str) -> Tower:
    """Uses a CLIP's projection; its text weights and missing layers as far as they are wanted."""
    own, theirs = transformer_of(base.text_encoders[index]), transformer_of(side)
    missing = theirs.encoder.layers[len(own.encoder.layers) :]
    return Tower(
        index,
        side.text_projection.weight.detach().to(base.device, torch.float32),
        dict(theirs.named_parameters()) if encoder == "paper" else None,
        [copy.deepcopy(layer).to(base.device) for layer in missing],
    )


def _own_projection(encoder: Any) -> Tensor | None:
    projection = getattr(encoder, "text_projection", None)
    return projection.weight.detach() if projection is not None else None


def transformer_of(encoder: Any) -> Any:
    """The layers themselves, without a projection around them."""
    return getattr(encoder, "text_model", encoder)


def copies(transformer: nn.Module, start: dict[str, Tensor] | None) -> dict[str, nn.Parameter]:
    """fp32 copies of every weight, or of another's weights of the same names, ready to learn."""
    copies = {}
    for name, parameter in transformer.named_parameters():
        source = parameter if start is None else start.get(name)
        if source is None or source.shape != parameter.shape:
            raise MismatchError(
                "The text encoder of the CLIP beside this base is built differently",
                why=f"Their “{name}” do not have one shape.",
                remedy="Set “Text encoder” of the aesthetic embedding to “checkpoint”.",
            )
        made = source.detach().to(parameter.device, torch.float32, copy=True)
        copies[name] = nn.Parameter(made)
    return copies


@contextmanager
def standing_in(transformer: nn.Module, copies: Mapping[str, nn.Parameter]) -> Iterator[None]:
    """Inside, the module computes with the copies; afterwards its own parameters are back."""
    places = []
    for name, made in copies.items():
        owner, _, parameter = name.rpartition(".")
        module = transformer.get_submodule(owner)
        places.append((module._parameters, parameter, module._parameters[parameter], made))
    try:
        for parameters, parameter, _, made in places:
            parameters[parameter] = made
        yield
    finally:
        for parameters, parameter, own, _ in places:
            parameters[parameter] = own


@contextmanager
def completed(transformer: Any, missing: Sequence[nn.Module]) -> Iterator[None]:
    """Inside, the encoder has its CLIP's last layers too: features are read behind them.

    They stay frozen, because nobody reads the text behind them.
    """
    layers = transformer.encoder.layers
    count = len(layers)
    try:
        layers.extend(missing)
        yield
    finally:
        del layers[count:]
