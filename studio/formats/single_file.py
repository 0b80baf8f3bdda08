"""Whole models in the original one-file layout ⇄ state dicts of diffusers' parts.

Owns: the prefixes of each family's file, fused attention matrices, and the reshapes between both.
Refuses to know: configs beyond the layout's numbers, loading models, hubs.

Parts are "unet", "vae", "text_encoder" and, for SDXL, "text_encoder_2".
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from studio.errors import MismatchError
from studio.formats import ldm_names, safetensors_file

if TYPE_CHECKING:
    import torch

Family = Literal["sd1", "sd2", "sdxl"]
State = Mapping[str, "torch.Tensor"]

UNET, VAE = "model.diffusion_model.", "first_stage_model."
CONFIGS = "studio.configs"
"""Metadata key of files the studio writes: the exact configuration of every part, as JSON."""
# Part → (prefix, whether it is named as OpenCLIP names it).
_TEXT: dict[Family, dict[str, tuple[str, bool]]] = {
    "sd1": {"text_encoder": ("cond_stage_model.transformer.", False)},
    "sd2": {"text_encoder": ("cond_stage_model.model.", True)},
    "sdxl": {
        "text_encoder": ("conditioner.embedders.0.transformer.", False),
        "text_encoder_2": ("conditioner.embedders.1.model.", True),
    },
}


def to_single_file(
    parts: Mapping[str, State], family: Family, unet: ldm_names.UNetLayout, vae_blocks: int = 4
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
    for part, (prefix, openclip) in _TEXT[family].items():
        for name, tensor in parts[part].items():
            if name.endswith("position_ids"):
                continue
            if not openclip:
                whole[prefix + ldm_names.with_text_model(name)] = tensor
                continue
            place = ldm_names.clip_to_openclip(name)
            if place is None:
                raise _unknown(name)
            if place.third is None:
                whole[prefix + place.name] = tensor.T if place.transposed else tensor
                continue
            size = tensor.shape[0]
            fused = whole.setdefault(
                prefix + place.name, torch.empty(3 * size, *tensor.shape[1:], dtype=tensor.dtype)
            )
            fused[place.third * size : (place.third + 1) * size] = tensor
    return whole


def from_single_file(
    whole: State, unet: ldm_names.UNetLayout, vae_blocks: int = 4
) -> tuple[dict[str, dict[str, torch.Tensor]], list[str]]:
    """The parts by name, and the names that belong to none of them (training leftovers, EMA)."""
    parts: dict[str, dict[str, torch.Tensor]] = {}
    rest: list[str] = []
    for name, tensor in whole.items():
        places = _places(name, tensor, unet, vae_blocks)
        if not places:
            rest.append(name)
        for part, ours, piece in places:
            parts.setdefault(part, {})[ours] = piece
    return parts, sorted(rest)


def guess_family(names: Mapping[str, object]) -> Family | None:
    """The family of an original-layout file by its text encoders' prefixes."""
    found: dict[Family, str] = {
        "sdxl": "conditioner.embedders.1.model.",
        "sd2": "cond_stage_model.model.",
        "sd1": "cond_stage_model.transformer.",
    }
    for family, prefix in found.items():
        if any(name.startswith(prefix) for name in names):
            return family
    return None


def write(
    path: str | Path,
    parts: Mapping[str, State],
    family: Family,
    unet: ldm_names.UNetLayout,
    *,
    vae_blocks: int = 4,
    metadata: Mapping[str, str] | None = None,
) -> Path:
    """Writes a one-file checkpoint (safetensors) that every Stable Diffusion program loads."""
    whole = to_single_file(parts, family, unet, vae_blocks)
    return safetensors_file.write(path, whole, metadata)


def _places(
    name: str, tensor: torch.Tensor, unet: ldm_names.UNetLayout, vae_blocks: int
) -> list[tuple[str, str, torch.Tensor]]:
    """(part, diffusers name, tensor) for one original tensor; three for a fused matrix."""
    if name.startswith(UNET):
        ours = ldm_names.ldm_to_diffusers_unet(name.removeprefix(UNET), unet)
        return [("unet", ours, tensor)] if ours else []
    if name.startswith(VAE):
        ours = ldm_names.ldm_to_diffusers_vae(name.removeprefix(VAE), vae_blocks)
        if ours and ldm_names.is_vae_attention(ours):
            tensor = tensor.reshape(tensor.shape[:2])
        return [("vae", ours, tensor)] if ours else []
    for family in _TEXT.values():
        for part, (prefix, openclip) in family.items():
            if not name.startswith(prefix) or name.endswith("position_ids"):
                continue
            if not openclip:
                return [(part, name.removeprefix(prefix), tensor)]
            names = ldm_names.openclip_to_clip(name.removeprefix(prefix))
            if names == ["text_projection.weight"] and name.endswith("text_projection"):
                tensor = tensor.T
            pieces = tensor.chunk(len(names)) if names else ()
            return [(part, ours, piece) for ours, piece in zip(names, pieces, strict=True)]
    return []


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
