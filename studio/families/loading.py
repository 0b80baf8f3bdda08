"""Finding and loading a base: a folder, one file, the starter that ships, or a name on the hub.

Owns: where a base comes from, its device and precision, and plain words when half of it is
missing. Refuses to know: what makes one family different from another.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from studio.architectures.record import Architecture
from studio.core.device import pick_device, pick_dtype
from studio.core.errors import FileError, MissingError
from studio.core.names import path_of
from studio.core.paths import STARTER
from studio.families import (
    detect,
    family,
    hub,
    infer_config,
    part_files,
    single_file_loader,
    stated_facts,
    vae,
    vocabulary,
    weights,
)
from studio.families.base import Base, Family
from studio.families.frozen import FULL, Frozen, freeze
from studio.families.libraries import broken_as, quietly
from studio.formats import ldm_names, single_file_layout


def load_base(
    path: str | Path,
    device: str = "auto",
    precision: str = "auto",
    *,
    vae: str | Path | None = None,
    vocabulary: Path | None = None,
    said: hub.Said | None = None,
    frozen: Frozen = FULL,
) -> Base:
    """Loads `starter`, a diffusers folder, one file, or a hub id (`owner/name`), frozen, eval mode.

    `vae` replaces the base's own (`families.vae`); `vocabulary` is one more folder where a
    one-file base may find its vocabulary; `said` hears how far a download is; `frozen` says how the
    weights are kept, which are then read into main memory first. Raises MissingError when it is not
    there, FileError when it is not a whole base of a known family, SettingsError or UnavailableError
    for the device.
    """
    target = pick_device(device)
    dtype = pick_dtype(target, precision)
    place = locate(path, half=dtype != torch.float32, said=said)
    info = detect.describe(place)
    if info.problems or info.family is None:
        raise FileError(
            "This is not a base model that the studio can load",
            where=place,
            why=" ".join(info.problems),
            remedy="Choose another base, or download this one again.",
        )
    first = torch.device("cpu") if frozen.changes else target
    base = family(info.family).load(place, first, dtype, vocabulary)
    if frozen.changes:
        freeze(base, frozen, target)
    return replaced_vae(base, vae) if vae else base


def locate(path: str | Path, half: bool = False, said: hub.Said | None = None) -> Path:
    """The folder or file that `path` means; downloads what is clearly a hub id and not here.

    `half` and `said` as in `hub.fetch`.
    """
    text = str(path).strip()
    if text == "starter":
        if not (STARTER / "model_index.json").is_file():
            raise MissingError(
                "The starter model is not there",
                where=STARTER,
                why="This copy of the studio is incomplete.",
                remedy="Clone the studio again, or build it: python -m studio.starter.build",
            )
        return STARTER
    folder = path_of(text).expanduser()
    if folder.exists():
        return folder.resolve()
    # “bases/mine” names a local folder that is gone; “somebody/model” a place on the hub.
    if hub.is_id(text):
        return hub.fetch(text, half, said)
    raise MissingError(
        "This base model is not there", where=text, remedy="Check the name, or choose another base."
    )


def load_parts(
    kind: Family,
    path: Path,
    device: torch.device,
    dtype: torch.dtype,
    extra_vocabulary: Path | None = None,
) -> Base:
    """Loads the parts of a folder or file, whose classes the family's architecture names.

    The VAE stays in fp32: in fp16 its activations overflow (SDXL's do), in bf16 colours band.
    """
    with ThreadPoolExecutor(1) as beside, quietly():
        # reading for the hash and reading for the model share the disk's cache
        hashing = beside.submit(part_files.base_hash, path)
        if path.is_file():
            parts = _from_file(kind.architecture, path, dtype, extra_vocabulary)
        else:
            parts = _from_folder(kind.architecture, path, dtype)
        digest = hashing.result()
    for part in (parts.denoiser, parts.vae, *parts.encoders):
        part.to(device).eval().requires_grad_(False)
    _check_widths(path, kind.architecture, parts)
    width = sum(encoder.config.hidden_size for encoder in parts.encoders)
    prediction = parts.prediction_type or single_file_loader.measured_prediction(
        parts.denoiser, width
    )
    return Base(
        family=kind,
        name=path.stem if path.is_file() else path.name,
        path=path,
        hash=digest,
        denoiser=parts.denoiser,
        vae=parts.vae,
        text_encoders=parts.encoders,
        tokenizers=parts.tokenizers,
        scheduler_config={**parts.scheduler, "prediction_type": prediction},
        device=device,
        dtype=dtype,
        prediction_type=prediction,
        native_size=parts.native_size or infer_config.native_size(kind.architecture, prediction),
        learning_rates=parts.learning_rates,
    )


@dataclass
class _Parts:
    """What a folder or a file gives; None where it is found out after loading."""

    denoiser: Any
    vae: Any
    encoders: list[Any]
    tokenizers: list[Any]
    scheduler: dict[str, Any]
    prediction_type: str | None
    native_size: int | None
    learning_rates: dict[str, tuple[float, float]]


def _from_folder(kind: Architecture, path: Path, dtype: torch.dtype) -> _Parts:
    import diffusers
    import transformers

    info = detect.describe(path)
    denoiser = getattr(diffusers, kind.denoiser.class_name)
    vae = getattr(diffusers, kind.latents.class_name)
    return _Parts(
        denoiser=_part(denoiser, path / kind.denoiser.name, dtype),
        vae=_part(vae, path / "vae", torch.float32),
        encoders=[
            _part(getattr(transformers, encoder.class_name), path / name, dtype)
            for name, encoder in zip(kind.text_names, kind.text_encoders, strict=True)
        ],
        tokenizers=[
            vocabulary.read(path / name, class_name=encoder.tokenizer)
            for name, encoder in zip(kind.tokenizer_names, kind.text_encoders, strict=True)
        ],
        scheduler=part_files.read_scheduler(path),
        prediction_type=info.prediction_type,
        native_size=info.native_size,
        learning_rates=stated_facts.learning_rates(path),
    )


def _from_file(
    kind: Architecture, path: Path, dtype: torch.dtype, extra_vocabulary: Path | None
) -> _Parts:
    recipe = detect.file_recipe(path)
    words = recipe.parts[kind.text_names[0]]
    # looked for first: without it, reading gigabytes is of no use
    folder = vocabulary.find(path, words["vocab_size"], extra_vocabulary)
    with _broken("The configuration", path):
        modules = single_file_loader.make(recipe)
    single_file_loader.fill(
        path,
        {name: (m, torch.float32 if name == "vae" else dtype) for name, m in modules.items()},
    )
    return _Parts(
        denoiser=modules.pop(kind.denoiser.name),
        vae=modules.pop("vae"),
        encoders=list(modules.values()),
        tokenizers=[vocabulary.read(folder, pad) for pad in recipe.pad_tokens],
        scheduler=recipe.scheduler,
        prediction_type=recipe.prediction_type,
        native_size=recipe.native_size,
        learning_rates=stated_facts.learning_rates(path) or recipe.learning_rates,
    )


def replaced_vae(base: Base, path: str | Path) -> Base:
    """The same base with the VAE of `path` in place of its own; all else is shared."""
    with quietly():
        other = vae.load(path_of(path), base.vae.config)
    other.to(base.device).eval().requires_grad_(False)
    return replace(base, vae=other, vae_name=Path(path).name)


def _part(model: Any, folder: Path, dtype: torch.dtype) -> nn.Module:
    """One part, in memory of its own: mapped weights would crash us when their file is replaced."""
    name = folder.name

    with _broken(f"The part “{name}”", folder), torch.device("meta"):
        if hasattr(model, "main_input_name"):  # transformers
            config = model.config_class.from_pretrained(folder, local_files_only=True)
            part = model(config)
        else:
            part = model.from_config(model.load_config(folder, local_files_only=True))
    files, _ = part_files.part_weights(folder)

    def pieces(key: str) -> list[single_file_layout.Piece]:
        ours = ldm_names.vae_today(key) if name == "vae" else weights.file_name(name, key)
        return [single_file_layout.Piece(name, ours)]

    single_file_loader.read_into(files, {name: (part, dtype)}, pieces)
    return part


def _broken(what: str, place: Path) -> AbstractContextManager[None]:
    remedy = "Download or copy the base again and compare the file sizes."
    return broken_as(f"{what} of this base cannot be read", place, remedy)


def _check_widths(path: Path, kind: Architecture, parts: _Parts) -> None:
    wanted = getattr(parts.denoiser.config, "cross_attention_dim", None)
    given = sum(encoder.config.hidden_size for encoder in parts.encoders)
    if isinstance(wanted, int) and wanted != given:
        raise FileError(
            "The parts of this base do not belong together",
            where=path,
            why=f"Its {kind.denoiser.title} wants text {wanted} wide, its text encoders give {given}.",
        )
