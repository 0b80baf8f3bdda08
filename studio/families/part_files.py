"""The parts of a base on disk: their folders, configurations and weight files, and the hash over them.

Owns: how diffusers and transformers name those files. Refuses to know: torch, what the base is.
"""

from __future__ import annotations

import functools
import hashlib
import os
from pathlib import Path
from typing import Any

from studio.architectures import ARCHITECTURES
from studio.architectures.record import is_text_encoder
from studio.core.atomic import sha256
from studio.core.errors import MissingError
from studio.core.text import read_json

# Base names of weight files, in the order of preference.
_WEIGHTS = ("diffusion_pytorch_model", "model")
_VARIANTS = ("", ".fp16", ".bf16")


def known_parts() -> list[str]:
    """The folders that any architecture's parts lie in, each once."""
    return list(dict.fromkeys(part for row in ARCHITECTURES.values() for part in row.parts))


def has_config(part: str) -> bool:
    """Whether the folder `part` of a base has a configuration."""
    return not part.startswith("tokenizer")


def has_weights(part: str) -> bool:
    """Whether the folder `part` of a base holds weights."""
    return has_config(part) and part != "scheduler"


def part_config(path: Path, part: str, problems: list[str]) -> dict[str, Any]:
    """The configuration of one part, {} where there is none; adds to `problems` when it is broken."""
    name = "scheduler_config.json" if part == "scheduler" else "config.json"
    return read_object(path / part / name, problems) if (path / part / name).is_file() else {}


def read_object(file: Path, problems: list[str]) -> dict[str, Any]:
    """A JSON object, {} where it is none, which then is among the `problems`."""
    try:
        content = read_json(file)
    except (OSError, ValueError):
        content = None
    if not isinstance(content, dict):
        problems.append(f"Its “{file.parent.name}/{file.name}” is not readable JSON.")
        return {}
    return content


def read_scheduler(path: str | Path) -> dict[str, Any]:
    """The scheduler's configuration as the folder states it."""
    return part_config(Path(path), "scheduler", [])


def text_widths(path: str | Path) -> list[int]:
    """Widths of the text encoders, in order."""
    widths = [
        part_config(Path(path), part, []).get("hidden_size")
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
                    names = set(read_object(index, []).get("weight_map", {}).values())
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
