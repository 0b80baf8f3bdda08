"""Whole models in the original one-file layout ⇄ state dicts of diffusers' parts.

Owns: fused attention matrices, and the reshapes between both. Where the text encoders are says the
architecture's row. Refuses to know: configs beyond the layout's numbers, loading models, hubs.

Parts are "unet", "vae" and the architecture's text encoders.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from studio.architectures import ARCHITECTURES
from studio.architectures.record import Architecture, TextEncoder
from studio.core.errors import MismatchError
from studio.formats import ldm_names, openclip_names, safetensors_file

if TYPE_CHECKING:
    import torch

State = Mapping[str, "torch.Tensor"]

UNET, VAE = "model.diffusion_model.", "first_stage_model."
CONFIGS = "studio.configs"
"""Metadata key of files the studio writes: the exact configuration of every part, as JSON."""
V_PREDICTION, ZERO_TERMINAL = "v_pred", "ztsnr"
"""Empty tensors by which web UIs tell a model that predicts v, whose noise ends at zero signal."""


def text_parts(kind: Architecture) -> dict[str, TextEncoder]:
    """Part → the text encoder that the layout has a place for."""
    named = zip(kind.text_names, kind.text_encoders, strict=True)
    return {name: encoder for name, encoder in named if encoder.single_file}


def known(kind: Architecture) -> bool:
    """Whether an architecture has a layout of one file here."""
    return bool(text_parts(kind))


def require(kind: Architecture) -> None:
    """Raises MismatchError for an architecture that has no layout of one file here."""
    if not known(kind):
        raise MismatchError(
            f"The studio writes no single file of {kind.title}, whose layout it does not know",
            remedy="Save it as a diffusers folder.",
        )


def to_single_file(
    parts: Mapping[str, State], kind: Architecture, unet: ldm_names.UNetLayout, vae_blocks: int = 4
) -> dict[str, torch.Tensor]:
    """One state dict with the original names; MismatchError for a parameter it has no name for."""
    import torch

    whole: dict[str, torch.Tensor] = {}
    for name, tensor in parts["unet"].items():
        whole[UNET + _known(ldm_names.diffusers_to_ldm_unet(name, unet), name)] = tensor
    for name, tensor in parts["vae"].items():
        theirs = _known(ldm_names.diffusers_to_ldm_vae(name, vae_blocks), name)
        wide = ldm_names.is_vae_attention(name) and tensor.dim() == 2
        whole[VAE + theirs] = tensor[:, :, None, None] if wide else tensor
    for part, encoder in text_parts(kind).items():
        prefix = encoder.single_file
        for name, tensor in parts[part].items():
            if name.endswith("position_ids"):
                continue
            if not encoder.openclip:
                whole[prefix + ldm_names.with_text_model(name)] = tensor
                continue
            place = openclip_names.clip_to_openclip(name)
            if place is None:
                raise _unknown(name)
            if place.third is None:
                whole[prefix + place.name] = tensor.T if place.transposed else tensor
                continue
            size = tensor.shape[0]
            fused = whole.setdefault(
                prefix + place.name,
                torch.empty(3 * size, *tensor.shape[1:], dtype=tensor.dtype, device=tensor.device),
            )
            fused[place.third * size : (place.third + 1) * size] = tensor
    return whole


class Piece(NamedTuple):
    """What one tensor of a file is (or holds a third of) in diffusers' layout."""

    part: str
    name: str
    third: int | None = None
    """0, 1, 2: which part of a fused q, k, v matrix."""
    transposed: bool = False
    flattened: bool = False
    """A 1×1 convolution in the file, a linear layer here."""

    def of(self, tensor: torch.Tensor) -> torch.Tensor:
        """This piece of the file's tensor; a view where that is possible."""
        if self.third is not None:
            tensor = tensor.chunk(3)[self.third]
        if self.flattened:
            tensor = tensor.reshape(tensor.shape[:2])
        return tensor.T if self.transposed else tensor


def from_single_file(
    whole: State, unet: ldm_names.UNetLayout, vae_blocks: int = 4
) -> tuple[dict[str, dict[str, torch.Tensor]], list[str]]:
    """The parts by name, and the names that belong to none of them (training leftovers, EMA)."""
    parts: dict[str, dict[str, torch.Tensor]] = {}
    rest: list[str] = []
    for name, tensor in whole.items():
        found = pieces(name, unet, vae_blocks)
        if not found and name not in (V_PREDICTION, ZERO_TERMINAL):
            rest.append(name)
        for piece in found:
            parts.setdefault(piece.part, {})[piece.name] = piece.of(tensor)
    return parts, sorted(rest)


def pieces(name: str, unet: ldm_names.UNetLayout, vae_blocks: int = 4) -> list[Piece]:
    """What a tensor of this name holds: nothing known, one piece, or three of a fused matrix."""
    if name.startswith(UNET):
        ours = ldm_names.ldm_to_diffusers_unet(name.removeprefix(UNET), unet)
        return [Piece("unet", ours)] if ours else []
    if name.startswith(VAE):
        ours = ldm_names.ldm_to_diffusers_vae(name.removeprefix(VAE), vae_blocks)
        flattened = ours is not None and ldm_names.is_vae_attention(ours)
        return [Piece("vae", ours, flattened=flattened)] if ours else []
    for kind in ARCHITECTURES.values():
        for part, encoder in text_parts(kind).items():
            if not name.startswith(encoder.single_file) or name.endswith("position_ids"):
                continue
            theirs = name.removeprefix(encoder.single_file)
            if not encoder.openclip:
                return [Piece(part, ldm_names.with_text_model(theirs))]
            names = openclip_names.openclip_to_clip(theirs)
            if len(names) == 3:
                return [Piece(part, ours, third) for third, ours in enumerate(names)]
            return [Piece(part, ours, transposed=theirs == "text_projection") for ours in names]
    return []


def architecture_of(names: Iterable[str]) -> Architecture | None:
    """The architecture of a file in the original layout, by its last text encoder."""
    names = list(names)
    for kind in ARCHITECTURES.values():
        *_, last = text_parts(kind).values() or [None]
        if last and any(name.startswith(last.single_file) for name in names):
            return kind
    return None


def write(
    path: str | Path,
    parts: Mapping[str, State],
    kind: Architecture,
    unet: ldm_names.UNetLayout,
    *,
    vae_blocks: int = 4,
    metadata: Mapping[str, str] | None = None,
    markers: Iterable[str] = (),
) -> Path:
    """Writes a one-file checkpoint (safetensors) that every Stable Diffusion program loads.

    `markers` are written as tensors without a number (`V_PREDICTION`, `ZERO_TERMINAL`).
    """
    import torch

    require(kind)
    whole = to_single_file(parts, kind, unet, vae_blocks)
    whole |= {name: torch.empty(0) for name in markers}
    return safetensors_file.write(path, whole, metadata)


def _known(theirs: str | None, name: str) -> str:
    if theirs is None:
        raise _unknown(name)
    return theirs


def _unknown(name: str) -> MismatchError:
    return MismatchError(
        "This model has a part that the one-file layout has no name for",
        where=name,
        remedy="Save it as a diffusers folder.",
    )
