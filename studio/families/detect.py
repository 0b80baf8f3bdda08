"""What a folder or file holds, by its configuration or its shapes and never by its name.

Owns: telling the families apart, listing what a broken base lacks, and the base's hash.
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

from studio.core.atomic import sha256
from studio.core.errors import FileError, MissingError
from studio.core.names import printable
from studio.core.text import read_json, read_toml
from studio.families import FAMILIES, infer_config
from studio.formats import kinds, tensor_source
from studio.formats.inspect import inspect
from studio.formats.ldm_names import UNetLayout

FACTS = "studio.toml"
FILE_ENDINGS = (".safetensors", ".ckpt")
"""How one-file bases are called; what they are is decided by their content."""
_PARTS: dict[str, tuple[str, ...]] = {
    "sd1": ("unet", "vae", "text_encoder", "tokenizer", "scheduler")
}
_PARTS["sd2"] = _PARTS["sd1"]
_PARTS["sdxl"] = (*_PARTS["sd1"], "text_encoder_2", "tokenizer_2")
# Base names of weight files, in the order of preference.
_WEIGHTS = ("diffusion_pytorch_model", "model")
_VARIANTS = ("", ".fp16", ".bf16")


@dataclass(frozen=True)
class BaseInfo:
    """One base as a list shows it; read from configuration files or a header only."""

    name: str
    path: Path
    family: str | None
    """`sd1`, `sd2`, `sdxl`, or None when it is none of them."""
    title: str
    native_size: int
    """Pixels; 0 when unknown."""
    prediction_type: str
    """`epsilon`, `v_prediction`, or `unknown` until it is measured when the base is loaded."""
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
    configs = {
        part: _config(path, part, problems)
        for part in ("unet", "vae", "scheduler", "text_encoder", "text_encoder_2")
    }
    name = _family(_read(path / "model_index.json", problems), configs, problems)
    for part in _PARTS.get(name or "", ()):
        if not (path / part).is_dir():
            problems.append(f"Its folder “{part}” is missing.")
        elif part in ("unet", "vae") or part.startswith("text_encoder"):
            problems += _weight_problems(path / part)
    return BaseInfo(
        name=printable(path.name),
        path=path,
        family=name,
        title=FAMILIES[name].title if name else "Unknown base",
        native_size=_native_size(path, configs, problems),
        prediction_type=str(configs["scheduler"].get("prediction_type", "epsilon")),
        hash=None,
        size_bytes=sum(file.stat().st_size for file in weight_files(path)),
        problems=list(dict.fromkeys(problems)),
    )


def file_recipe(path: str | Path) -> infer_config.Recipe:
    """What the one-file base `path` is made of.

    Raises FileError when it is broken or hostile, `from_shapes.NotABase` when it is something else.
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


def unet_layout(path: str | Path) -> UNetLayout:
    """The numbers that name the blocks of a base's UNet; FileError when nothing tells them."""
    path = Path(path)
    try:
        config = file_recipe(path).parts["unet"] if path.is_file() else _config(path, "unet", [])
        return UNetLayout.from_config(config)
    except (infer_config.NotABase, KeyError, TypeError, ValueError) as error:
        raise FileError(
            "The blocks of this base are not known",
            where=path.name,
            why="Its UNet is not described where it should be.",
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
        for part in ("text_encoder", "text_encoder_2")
    ]
    return [int(width) for width in widths if width]


def weight_files(path: str | Path) -> list[Path]:
    """The weight files that loading this base reads, sorted by part."""
    if Path(path).is_file():
        return [Path(path)]
    parts = ("text_encoder", "text_encoder_2", "unet", "vae")
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
        title=FAMILIES[found.family].title,
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


def _family(
    index: Mapping[str, Any], configs: Mapping[str, Mapping[str, Any]], problems: list[str]
) -> str | None:
    unet = configs["unet"]
    # the index names the parts even where the download is incomplete; [null, null] means none
    stated = {part for part, entry in index.items() if isinstance(entry, list) and any(entry)}
    kind = str(index.get("_class_name", "an unknown pipeline"))
    if not unet:
        problems.append(f"It is made for {kind}, which has no UNet; the studio knows "
                        + ", ".join(info.title for info in FAMILIES.values()) + ".")  # fmt: skip
        return None
    if unet.get("in_channels") != configs["vae"].get("latent_channels", 4):
        problems.append(
            f"Its UNet wants {unet.get('in_channels')} channels: an inpainting, depth or editing "
            "model. The studio draws from text alone."
        )
    if unet.get("addition_embed_type") == "text_time":
        if not {"text_encoder", "text_encoder_2"} <= stated:
            problems.append("It has one text encoder where SDXL has two (an SDXL refiner?).")
        return "sdxl"
    if unet.get("addition_embed_type") or "text_encoder" not in stated:
        problems.append(f"It is made for {kind}, which the studio does not know.")
        return None
    # SD 2.x replaced the 1×1 convolutions around its transformers by linear layers.
    return "sd2" if unet.get("use_linear_projection") else "sd1"


def _native_size(path: Path, configs: Mapping[str, Mapping[str, Any]], problems: list[str]) -> int:
    try:
        stated = facts(path).get("native_size")
    except FileError as error:
        problems.append(error.sentence())
        stated = None
    if isinstance(stated, int) and stated > 0:
        return stated
    sample = configs["unet"].get("sample_size") or 0
    if isinstance(sample, list):
        sample = sample[0]
    return int(sample) * 2 ** max(len(configs["vae"].get("block_out_channels", [0])) - 1, 0)


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
    if any((path / part).is_dir() for part in _PARTS["sdxl"]):
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
