"""What a folder or file holds, by its configuration or its shapes and never by its name.

Owns: telling the architectures apart, listing what a broken base lacks, and the base's hash.
Refuses to know: torch, how a base is loaded, methods and adapters.
"""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from studio.architectures import ARCHITECTURES
from studio.architectures.record import PREDICTION_TYPES, Architecture, is_text_encoder
from studio.core.atomic import sha256
from studio.core.errors import FileError, MissingError
from studio.core.names import printable
from studio.core.text import read_json, read_toml
from studio.families import infer_config
from studio.formats import kinds, tensor_source
from studio.formats.blocks import blocks
from studio.formats.inspect import inspect

FACTS = "studio.toml"
FILE_ENDINGS = (".safetensors", ".ckpt")
"""How one-file bases are called; what they are is decided by their content."""
# Base names of weight files, in the order of preference.
_WEIGHTS = ("diffusion_pytorch_model", "model")
_VARIANTS = ("", ".fp16", ".bf16")


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
    configs = {part: _config(path, part, problems) for part in known_parts() if _has_config(part)}
    kind = _architecture(_read(path / "model_index.json", problems), configs, problems)
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
    )


def file_recipe(path: str | Path) -> infer_config.Recipe:
    """What the one-file base `path` is made of.

    Raises FileError when it is broken or hostile, `infer_config.NotABase` when it is something else.
    """
    path = Path(path)
    shapes, metadata = tensor_source.outline(path)
    stated = facts(path)
    try:
        return infer_config.recipe(shapes, metadata, stated)
    except infer_config.NotABase as reason:
        kind = _adapter_kind(path) if "tensors are no" in str(reason) else None
        raise infer_config.NotABase(
            f"It is {kind}, not a base model." if kind else reason
        ) from None


def denoiser_blocks(path: str | Path) -> dict[str, bool]:
    """The blocks of a base's denoiser and whether each has attention; FileError when nothing tells
    them.
    """
    path = Path(path)
    try:
        kind = ARCHITECTURES[describe(path).family or ""].denoiser
        recipe = file_recipe(path).parts if path.is_file() else {}
        return blocks(kind, recipe.get(kind.name) or _config(path, kind.name, []))
    except (infer_config.NotABase, KeyError, TypeError, ValueError) as error:
        raise FileError(
            "The blocks of this base are not known",
            where=path.name,
            why="Its network is not described where it should be.",
            remedy="Choose another base, or name blocks without numbering them.",
        ) from error


def facts_file(path: str | Path) -> Path:
    """Where a person states facts about a base: in its folder, or beside its file (`mine.toml`)."""
    path = Path(path)
    return path.with_suffix(".toml") if path.is_file() else path / FACTS


def facts(path: str | Path) -> dict[str, Any]:
    """What is stated about the base: `native_size`, `learning_rates`, and for a file
    `prediction_type` (`epsilon` or `v`).

    Raises FileError when it is not TOML.
    """
    file = facts_file(path)
    if not file.is_file():
        return {}
    try:
        return read_toml(file)
    except (OSError, ValueError) as error:
        raise FileError("The facts beside this base cannot be read", where=file) from error


def learning_rates(path: str | Path) -> dict[str, tuple[float, float]]:
    """Sane learning rates (lowest, highest) per method, where the base's folder states them."""
    stated = facts(path).get("learning_rates", {})
    try:
        return {method: (float(low), float(high)) for method, (low, high) in stated.items()}
    except (AttributeError, TypeError, ValueError) as error:
        raise FileError(
            "The facts beside this base cannot be read",
            where=facts_file(path),
            why="Its learning rates should be pairs: method = [lowest, highest].",
        ) from error


def read_scheduler(path: str | Path) -> dict[str, Any]:
    """The scheduler's configuration as the folder states it."""
    return _config(Path(path), "scheduler", [])


def text_widths(path: str | Path) -> list[int]:
    """Widths of the text encoders, in order."""
    widths = [
        _config(Path(path), part, []).get("hidden_size")
        for part in known_parts()
        if is_text_encoder(part)
    ]
    return [int(width) for width in widths if width]


def weight_files(path: str | Path) -> list[Path]:
    """The weight files that loading this base reads, sorted by part."""
    if Path(path).is_file():
        return [Path(path)]
    parts = sorted(filter(has_weights, known_parts()))
    return [file for part in parts for file in part_weights(Path(path) / part)[0]]


def part_weights(folder: Path) -> tuple[list[Path], str]:
    """The safetensors of one part and their variant (`""`, `fp16`, `bf16`); empty when none."""
    for variant in _VARIANTS:
        for stem in _WEIGHTS:
            single = folder / f"{stem}{variant}.safetensors"
            if single.is_file():
                return [single], variant[1:]
            # diffusers and transformers put the variant in different places of an index's name
            for index in (
                folder / f"{stem}.safetensors.index{variant}.json",
                folder / f"{stem}{variant}.safetensors.index.json",
            ):
                if index.is_file():
                    names = set(_read(index, []).get("weight_map", {}).values())
                    return [folder / Path(str(name)).name for name in sorted(names)], variant[1:]
    return [], ""


def base_hash(path: str | Path) -> str:
    """SHA-256 over names and contents of the weight files; remembered until a file changes.

    Of a one-file base, the SHA-256 of the file, as other programs give it. Raises MissingError when
    a weight file is not there.
    """
    digest = hashlib.sha256()
    if Path(path).is_file():
        stat = Path(path).stat()
        return _file_hash(Path(path), stat.st_size, stat.st_mtime_ns)
    for file in weight_files(path):
        try:
            stat = file.stat()
        except OSError as error:
            raise MissingError("A weight file of this base is missing", where=file) from error
        digest.update(os.fsencode(f"{file.parent.name}/{file.name}\0"))
        digest.update(_file_hash(file, stat.st_size, stat.st_mtime_ns).encode())
    return digest.hexdigest()


@functools.lru_cache(maxsize=256)
def _file_hash(file: Path, size: int, modified: int) -> str:
    return sha256(file)


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
    except infer_config.NotABase as reason:
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
    )


@functools.lru_cache(maxsize=256)
def _remembered_recipe(path: Path, size: int, modified: int, stated: int) -> infer_config.Recipe:
    return file_recipe(path)


def _adapter_kind(path: Path) -> str | None:
    """What a file is that is no base, as far as it is a kind of file that belongs elsewhere."""
    row = kinds.find(inspect(path, hashes=False).kind)
    return row.phrase if row is not None and row.place != "bases" else None


def known_parts() -> list[str]:
    """The folders that any architecture's parts lie in, each once."""
    return list(dict.fromkeys(part for row in ARCHITECTURES.values() for part in row.parts))


def _has_config(part: str) -> bool:
    return not part.startswith("tokenizer")


def has_weights(part: str) -> bool:
    """Whether the folder `part` of a base holds weights."""
    return _has_config(part) and part != "scheduler"


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
    if config.get("in_channels") != configs["vae"].get("latent_channels", rows[0].latents.channels):
        problems.append(
            f"Its {denoiser.title} wants {config.get('in_channels')} channels: an inpainting, "
            "depth or editing model. The studio draws from text alone."
        )
    kind = next((row for row in rows if _is_its(row, config)), None)
    if kind is None or not stated & set(kind.text_names):
        problems.append(f"It is made for {pipeline}, which the studio does not know.")
        return None
    if lacking := set(kind.text_names) - stated:
        has, of = len(kind.text_names) - len(lacking), len(kind.text_names)
        guess = f" ({kind.without}?)" if kind.without else ""
        problems.append(f"It has {has} of the {of} text encoders that {kind.title} has{guess}.")
    return kind


def _is_its(row: Architecture, config: Mapping[str, Any]) -> bool:
    """Whether a denoiser's configuration carries all signs of a row; absent, None and False are one."""
    stated = config.get("_class_name", row.denoiser.class_name)
    signs = row.denoiser.signs.items()
    return stated == row.denoiser.class_name and all(
        (config.get(key) or None) == (value or None) for key, value in signs
    )


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


def _config(path: Path, part: str, problems: list[str]) -> dict[str, Any]:
    name = "scheduler_config.json" if part == "scheduler" else "config.json"
    return _read(path / part / name, problems) if (path / part / name).is_file() else {}


def _read(file: Path, problems: list[str]) -> dict[str, Any]:
    try:
        content = read_json(file)
    except (OSError, ValueError):
        content = None
    if not isinstance(content, dict):
        problems.append(f"Its “{file.parent.name}/{file.name}” is not readable JSON.")
        return {}
    return content
