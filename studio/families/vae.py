"""Another VAE for a base: from one file (original or diffusers' names) or from a folder.

Owns: reading a VAE alone, and refusing one that does not fit. Refuses to know: devices, bases
beyond their VAE's configuration.

The scale of latents belongs to the denoiser that was trained on them, so it stays the base's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from studio.core import memory
from studio.core.counts import counted
from studio.core.errors import FileError, MismatchError, MissingError
from studio.core.tables import read_table
from studio.families import infer_config, part_files, single_file_loader
from studio.families.single_file_kind import NotABase, Shapes
from studio.formats import ldm_names, single_file_layout, tensor_source


def load(path: Path, own: Mapping[str, Any]) -> nn.Module:
    """The VAE at `path` in fp32; `own` is the configuration of the VAE it replaces.

    Raises MissingError, FileError when it is no VAE, MismatchError when it is one of another shape.
    """
    if not path.exists():
        raise MissingError("This VAE is not there", where=path, remedy="Choose another VAE.")
    folder = path / "vae" if (path / "vae").is_dir() else path
    files = part_files.part_weights(folder)[0] if path.is_dir() else [path]
    if not files:
        raise FileError("This folder holds no VAE", where=path, remedy="Choose another VAE.")
    shapes, _ = tensor_source.outline(files[0])
    names, config = _layout(files[0], shapes)
    stated = read_table(folder / "config.json") if path.is_dir() else {}
    _check(path, config, stated, own)
    same = ("norm_num_groups", "act_fn", "scaling_factor", "shift_factor", "sample_size")
    config |= {key: own[key] for key in same if own.get(key) is not None}
    config |= {key: stated[key] for key in ("norm_num_groups", "act_fn") if key in stated}
    from diffusers import AutoencoderKL

    try:
        with torch.device("meta"):
            made = AutoencoderKL(**config)
    except Exception as error:  # the library raises nearly any type for a strange configuration
        if memory.is_full(error):
            raise
        raise FileError("This VAE cannot be made from its file", where=path) from error

    def pieces(name: str) -> list[single_file_layout.Piece]:
        ours = names.get(name)
        if ours is None:
            return []
        flattened = ldm_names.is_vae_attention(ours) and len(shapes[name]) == 4
        return [single_file_layout.Piece("vae", ours, flattened=flattened)]

    single_file_loader.read_into(files, {"vae": (made, torch.float32)}, pieces)
    return made


def _layout(path: Path, shapes: Shapes) -> tuple[dict[str, str], dict[str, Any]]:
    """Name in the file → diffusers' name, and the configuration that the shapes tell."""
    prefix = (
        single_file_layout.VAE if any(n.startswith(single_file_layout.VAE) for n in shapes) else ""
    )
    if any(name.startswith("encoder.down_blocks.") for name in shapes):
        blocks = sum(f"encoder.down_blocks.{i}.resnets.0.conv1.weight" in shapes for i in range(16))
        to_original = {
            name: ldm_names.diffusers_to_ldm_vae(ldm_names.vae_today(name), blocks)
            for name in shapes
        }
        names = {name: ldm_names.vae_today(name) for name in shapes}
        original = {theirs: shapes[name] for name, theirs in to_original.items() if theirs}
    else:
        original = {n.removeprefix(prefix): s for n, s in shapes.items() if n.startswith(prefix)}
        blocks = sum(f"encoder.down.{i}.block.0.conv1.weight" in original for i in range(16))
        found = {n: ldm_names.ldm_to_diffusers_vae(n, blocks) for n in original}
        names = {prefix + name: ours for name, ours in found.items() if ours}
    try:
        return names, infer_config.vae_config(original, "")
    except NotABase as reason:
        raise FileError(
            "This file holds no VAE of a Stable Diffusion model",
            where=path,
            remedy="Choose a VAE, for example vae-ft-mse-840000-ema-pruned.safetensors.",
        ) from reason


def _check(
    path: Path, config: Mapping[str, Any], stated: Mapping[str, Any], own: Mapping[str, Any]
) -> None:
    given = (config["latent_channels"], 2 ** (len(config["block_out_channels"]) - 1))
    wanted = (own["latent_channels"], 2 ** (len(own["block_out_channels"]) - 1))
    scale = stated.get("scaling_factor", own["scaling_factor"])
    why = None
    if given != wanted:
        why = (
            f"It has {counted(given[0], 'channel')} at 1/{given[1]} of the size, the base's "
            f"own has {wanted[0]} at 1/{wanted[1]}."
        )
    elif abs(scale - own["scaling_factor"]) > 1e-4:
        why = f"Its latents are scaled by {scale:g}, this base's by {own['scaling_factor']:g}."
    if why:
        raise MismatchError(
            "This VAE does not fit this base",
            where=path,
            why=why,
            remedy="Choose one that was made for this kind of base, or none.",
        )
