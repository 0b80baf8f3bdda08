"""What a folder or file holds, by its configuration or its shapes and never by its name.

Owns: telling the architectures apart, and listing what a broken base lacks.
Refuses to know: torch, how a base is loaded, methods and adapters.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from studio.architectures import ARCHITECTURES
from studio.architectures.record import (
    PREDICTION_TYPES,
    Architecture,
    Denoiser,
    inpainting_channels,
)
from studio.core.counts import counted
from studio.core.errors import FileError, MissingError
from studio.core.names import printable
from studio.families import infer_config
from studio.families.part_files import (
    has_config,
    has_weights,
    known_parts,
    part_config,
    part_weights,
    read_object,
    weight_files,
)
from studio.families.single_file_kind import NotABase, Unfamiliar
from studio.families.stated_facts import facts, facts_file
from studio.formats import kinds, tensor_source
from studio.formats.blocks import blocks
from studio.formats.inspect import inspect

FILE_ENDINGS = (".safetensors", ".ckpt")
"""How one-file bases are called; what they are is decided by their content."""


@dataclass(frozen=True)
class BaseInfo:
    """One base as a list shows it; read from configuration files or a header only."""

    name: str
    path: Path
    family: str | None
    """The architecture's name, or None when it is none that the studio knows."""
    title: str
    native_size: int
    """Pixels; 0 when unknown."""
    prediction_type: str
    """As diffusers' schedulers say, or `unknown` until it is measured when the base is loaded."""
    hash: str | None
    size_bytes: int
    problems: list[str] = field(default_factory=list)
    """Why it cannot be used, in plain words; empty when it can."""
    assumed: list[str] = field(default_factory=list)
    """What was concluded about a file that does not say it, in plain words."""
    inpainting: bool = False
    """Whether it was trained to fill in masked parts; it cannot be trained here."""


def describe(path: str | Path) -> BaseInfo:
    """Says what the folder or file `path` holds; never raises for a broken base, it lists problems.

    Raises MissingError when nothing is there.
    """
    path = Path(path)
    if not path.exists():
        raise MissingError(
            "This base model is not there",
            where=path,
            remedy="Check the name, or choose another base.",
        )
    if path.is_file():
        return _describe_file(path)
    if not (path / "model_index.json").is_file():
        return _no_base(path, _no_index(path))
    problems: list[str] = []
    configs = {
        part: part_config(path, part, problems) for part in known_parts() if has_config(part)
    }
    kind = _architecture(read_object(path / "model_index.json", problems), configs, problems)
    for part in kind.parts if kind else ():
        if not (path / part).is_dir():
            problems.append(f"Its folder “{part}” is missing.")
        elif has_weights(part):
            problems += _weight_problems(path / part)
    usual = PREDICTION_TYPES[kind.objective if kind else "epsilon"]
    prediction = str(configs["scheduler"].get("prediction_type", usual))
    if prediction not in PREDICTION_TYPES.values():
        problems.append(f"It predicts “{prediction[:40]}”, which the studio does not know.")
    return BaseInfo(
        name=printable(path.name),
        path=path,
        family=kind.name if kind else None,
        title=kind.title if kind else "Unknown base",
        native_size=_native_size(path, kind, configs, problems),
        prediction_type=prediction,
        hash=None,
        size_bytes=sum(file.stat().st_size for file in weight_files(path)),
        problems=list(dict.fromkeys(problems)),
        inpainting=kind is not None and _inpaints(kind, configs),
    )


def file_recipe(path: str | Path) -> infer_config.Recipe:
    """What the one-file base `path` is made of.

    Raises FileError when it is broken or hostile, `NotABase` when it is something else.
    """
    path = Path(path)
    shapes, metadata = tensor_source.outline(path)
    stated = facts(path)
    try:
        return infer_config.recipe(shapes, metadata, stated)
    except NotABase as reason:
        kind = _adapter_kind(path) if isinstance(reason, Unfamiliar) else None
        raise NotABase(f"It is {kind}, not a base model." if kind else reason) from None


def denoiser_blocks(path: str | Path) -> dict[str, bool]:
    """The blocks of a base's denoiser and whether each has attention; FileError when nothing tells
    them.
    """
    path = Path(path)
    try:
        kind = ARCHITECTURES[describe(path).family or ""].denoiser
        recipe = file_recipe(path).parts if path.is_file() else {}
        return blocks(kind, recipe.get(kind.name) or part_config(path, kind.name, []))
    except (NotABase, KeyError, TypeError, ValueError) as error:
        raise FileError(
            "The blocks of this base are not known",
            where=path.name,
            why="Its network is not described where it should be.",
            remedy="Choose another base, or name blocks without numbering them.",
        ) from error


def _no_base(path: Path, problem: str) -> BaseInfo:
    size = path.stat().st_size if path.is_file() else 0
    name = printable(path.stem if path.is_file() else path.name)
    return BaseInfo(name, path, None, "Not a base model", 0, "epsilon", None, size, [problem])


def _describe_file(path: Path) -> BaseInfo:
    stat = path.stat()
    stated = facts_file(path)
    changed = stated.stat().st_mtime_ns if stated.is_file() else 0
    try:
        found = _remembered_recipe(path, stat.st_size, stat.st_mtime_ns, changed)
    except FileError as error:
        return _no_base(path, error.sentence())
    except NotABase as reason:
        return _no_base(path, str(reason))
    return BaseInfo(
        name=printable(path.stem),
        path=path,
        family=found.family,
        title=ARCHITECTURES[found.family].title,
        native_size=found.native_size or 0,
        prediction_type=found.prediction_type or "unknown",
        hash=None,
        size_bytes=stat.st_size,
        assumed=list(found.assumed),
        inpainting=_inpaints(ARCHITECTURES[found.family], found.parts),
    )


@functools.lru_cache(maxsize=256)
def _remembered_recipe(path: Path, size: int, modified: int, stated: int) -> infer_config.Recipe:
    return file_recipe(path)


def _adapter_kind(path: Path) -> str | None:
    """What a file is that is no base, as far as it is a kind of file that belongs elsewhere."""
    row = kinds.find(inspect(path, hashes=False).kind)
    return row.phrase if row is not None and row.place != "bases" else None


def _architecture(
    index: Mapping[str, Any], configs: Mapping[str, Mapping[str, Any]], problems: list[str]
) -> Architecture | None:
    """The row whose denoiser and text encoders the folder has."""
    # the index names the parts even where the download is incomplete; [null, null] means none
    stated = {part for part, entry in index.items() if isinstance(entry, list) and any(entry)}
    pipeline = str(index.get("_class_name", "an unknown pipeline"))
    rows = [row for row in ARCHITECTURES.values() if configs[row.denoiser.name]]
    if not rows:
        networks = dict.fromkeys(row.denoiser.title for row in ARCHITECTURES.values())
        known = ", ".join(row.title for row in ARCHITECTURES.values())
        problems.append(
            f"It is made for {pipeline}, which has no {' or '.join(networks)}; "
            f"the studio knows {known}."
        )
        return None
    denoiser = rows[0].denoiser
    config = configs[denoiser.name]
    channels = config.get("in_channels")
    latents = configs["vae"].get("latent_channels", rows[0].latents.channels)
    if channels != latents and not is_inpainting(denoiser, channels, latents):
        problems.append(
            f"Its {denoiser.title} wants {channels} channels: a depth or editing model. "
            "The studio generates from text, and inpaints."
        )
    kind = next((row for row in rows if _is_its(row, config)), None)
    if kind is None or not stated & set(kind.text_names):
        problems.append(f"It is made for {pipeline}, which the studio does not know.")
        return None
    if lacking := set(kind.text_names) - stated:
        has, of = len(kind.text_names) - len(lacking), len(kind.text_names)
        guess = f" ({kind.without}?)" if kind.without else ""
        problems.append(
            f"It has {has} of the {counted(of, 'text encoder')} that {kind.title} has{guess}."
        )
    return kind


def is_inpainting(denoiser: Denoiser, channels: Any, latents: Any) -> bool:
    """Whether a denoiser of this many input channels fills in masked parts of an image."""
    known = denoiser.inpainting and isinstance(latents, int)
    return known and channels == inpainting_channels(latents)


def _is_its(row: Architecture, config: Mapping[str, Any]) -> bool:
    """Whether a denoiser's configuration carries all signs of a row; absent, None and False are one."""
    stated = config.get("_class_name", row.denoiser.class_name)
    signs = row.denoiser.signs.items()
    return stated == row.denoiser.class_name and all(
        (config.get(key) or None) == (value or None) for key, value in signs
    )


def _inpaints(kind: Architecture, configs: Mapping[str, Mapping[str, Any]]) -> bool:
    channels = configs[kind.denoiser.name].get("in_channels")
    return is_inpainting(kind.denoiser, channels, configs["vae"].get("latent_channels"))


def _native_size(
    path: Path,
    kind: Architecture | None,
    configs: Mapping[str, Mapping[str, Any]],
    problems: list[str],
) -> int:
    """What the facts beside it state, what its denoiser does, or what is usual, in pixels."""
    try:
        stated = facts(path).get("native_size")
    except FileError as error:
        problems.append(error.sentence())
        stated = None
    if isinstance(stated, int) and stated > 0:
        return stated
    if kind is None:
        return 0
    sample = configs[kind.denoiser.name].get("sample_size") or 0
    if isinstance(sample, list):
        sample = sample[0]
    scale = 2 ** max(len(configs["vae"].get("block_out_channels", [0])) - 1, 0)
    return int(sample) * scale or kind.variants[0].native_size


def _weight_problems(folder: Path) -> list[str]:
    files, _ = part_weights(folder)
    if not files:
        if any(folder.glob("*.bin")) or any(folder.glob("*.ckpt")):
            return [
                f"Its part “{folder.name}” is stored as a pickle, which could run foreign code; "
                "the studio reads the safetensors version of a base."
            ]
        return [f"The weights of its part “{folder.name}” are missing."]
    return [
        f"The weight file “{folder.name}/{file.name}” is missing."
        for file in files
        if not file.is_file()
    ]


def _no_index(path: Path) -> str:
    if any((path / part).is_dir() for part in known_parts()):
        return "Its model_index.json is missing: half a download?"
    if (path / "config.json").is_file():
        return "It is one part of a base, or another kind of model; choose the folder above it."
    return "It is not a diffusers folder: there is no model_index.json in it."
