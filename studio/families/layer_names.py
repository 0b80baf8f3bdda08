"""The names of a base's layers, read from the headers of its files.

Owns: which file holds the denoiser, and whose names a file uses. Refuses to know: torch, methods.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from pathlib import Path

from studio.architectures import ARCHITECTURES
from studio.architectures.record import Architecture
from studio.core.errors import StudioError
from studio.families.detect import file_recipe
from studio.families.part_files import part_weights
from studio.families.single_file_kind import NotABase
from studio.formats import single_file_layout, tensor_source
from studio.formats.ldm_names import UNetLayout

WEIGHT = ".weight"


def denoiser_layers(path: Path, family: str) -> tuple[str, ...]:
    """The layers of the denoiser that have weights, as the loaded model calls them; none where the
    files do not tell."""
    kind = ARCHITECTURES[family]
    try:
        if path.is_file():
            status = path.stat()
            return _of_file(path, kind, status.st_mtime_ns, status.st_size)
        files = part_weights(path / kind.denoiser.name)[0]
        return _of_files(tuple(files), tuple(file.stat().st_mtime_ns for file in files))
    except (OSError, KeyError, TypeError, ValueError, StudioError, NotABase):
        return ()  # a broken base is said elsewhere


@functools.lru_cache(maxsize=8)
def _of_files(files: tuple[Path, ...], changed: tuple[int, ...]) -> tuple[str, ...]:
    return _layers(name for file in files for name in tensor_source.outline(file)[0])


@functools.lru_cache(maxsize=8)
def _of_file(path: Path, kind: Architecture, changed: int, size: int) -> tuple[str, ...]:
    if not kind.denoiser.original_layout:
        return ()
    layout = UNetLayout.from_config(file_recipe(path).parts[kind.denoiser.name])
    names = tensor_source.outline(path)[0]
    pieces = (piece for name in names for piece in single_file_layout.pieces(name, layout))
    return _layers(piece.name for piece in pieces if piece.part == kind.denoiser.name)


def _layers(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(name.removesuffix(WEIGHT) for name in names if name.endswith(WEIGHT))
