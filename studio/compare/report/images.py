"""The images of a report, inside its page: as data URLs that together stay within a budget.

Owns: how large and how fine they are, and what is said where one is missing. One image is in memory
at a time. Refuses to know: how the page arranges them. Imports no torch.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from studio.compare.record import Cell, Comparison
from studio.core.counts import counted
from studio.core.errors import StudioError
from studio.core.paths import is_file
from studio.formats.image_write import encoded, without_alpha
from studio.formats.images import open_image

BUDGET = 25_000_000
"""Bytes that the images of one page may take, as they stand in it."""
SMALL = 128  # pixels; such images show every artefact, so nothing of them is lost
_SAMPLE = 12
_AS_TEXT = 4 / 3  # base64


@dataclass(frozen=True)
class Level:
    """One way to embed images: the longest side in pixels (None leaves it), and WebP's quality."""

    side: int | None
    quality: int
    lossless: bool = False


LEVELS = (
    Level(None, 90, lossless=True),
    Level(None, 90),
    Level(768, 86),
    Level(512, 84),
    Level(384, 82),
    Level(256, 80),
    Level(160, 75),
    Level(96, 70),
)


@dataclass(frozen=True)
class Images:
    """The images of one comparison that are there, and how all of them are embedded."""

    files: dict[tuple[int, int, int], Path]
    """(column, prompt, seed) → file."""
    level: Level
    bytes: int
    """About how many they take in the page."""
    recorded: frozenset[tuple[int, int, int]] = frozenset()
    """The places of all that were generated, also of those that are gone."""

    @property
    def note(self) -> str:
        """What a reader must know of their quality; empty when they are as they were generated."""
        if self.level.side is None:
            return ""
        return (
            f"{counted(len(self.files), 'image')} are more than a page can carry: they are shown at "
            f"{counted(self.level.side, 'pixel')} at most. The comparison’s zip has them as they were "
            "generated."
        )


def images_of(comparison: Comparison, budget: int = BUDGET) -> Images:
    """The images that are there, at the first level whose page stays within `budget` bytes.

    The size is estimated on a few of them. What is not there, or lies anywhere but in the
    comparison's folder, is left out.
    """
    cells = _grid_cells(comparison)
    files = _files(comparison, cells)
    few = _few(list(files.values()))
    size = 0
    for level in LEVELS if _all_small(few) else LEVELS[1:]:
        found = [len(data) for file in few if (data := _encoded(file, level))]
        size = round(_AS_TEXT * len(files) * sum(found) / max(1, len(found)))
        if size <= budget:
            break
    return Images(files, level, size, frozenset(cells))


def files_of(comparison: Comparison) -> dict[tuple[int, int, int], Path]:
    """(column, prompt, seed) → file, of the images that are there."""
    return _files(comparison, _grid_cells(comparison))


def cell_file(comparison: Comparison, cell: Cell) -> Path | None:
    """The file of a cell; None when it is not there. What a record names is not trusted: it has to
    be a plain name below the folder, also with all links followed."""
    folder = Path(comparison.folder)
    file = folder / cell.file
    try:
        inside = file.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError, ValueError):
        return None
    return file if inside and is_file(file) else None


def _grid_cells(comparison: Comparison) -> dict[tuple[int, int, int], Cell]:
    columns, prompts = range(len(comparison.columns)), range(len(comparison.prompts))
    seeds = frozenset(comparison.seeds)
    return {
        (cell.column, cell.prompt, cell.seed): cell
        for cell in comparison.cells
        if cell.column in columns and cell.prompt in prompts and cell.seed in seeds
    }


def _files(
    comparison: Comparison, cells: dict[tuple[int, int, int], Cell]
) -> dict[tuple[int, int, int], Path]:
    found = {place: cell_file(comparison, cell) for place, cell in cells.items()}
    return {place: file for place, file in found.items() if file is not None}


def data_url(file: Path, level: Level) -> tuple[str, tuple[int, int]] | None:
    """An image as a data URL, and its size in pixels as embedded; None when it cannot be read."""
    try:
        image = _fitted(file, level)
    except (StudioError, OSError):
        return None
    data = base64.b64encode(_webp(image, level)).decode()
    return f"data:image/webp;base64,{data}", image.size


def _encoded(file: Path, level: Level) -> bytes | None:
    try:
        return _webp(_fitted(file, level), level)
    except (StudioError, OSError):
        return None


def _fitted(file: Path, level: Level) -> Image.Image:
    image = without_alpha(open_image(file))
    if level.side is not None:
        image.thumbnail((level.side, level.side), Image.Resampling.LANCZOS)
    return image


def _webp(image: Image.Image, level: Level) -> bytes:
    if level.lossless:
        return encoded(image, "WEBP", lossless=True, quality=60, method=2)
    return encoded(image, "WEBP", quality=level.quality, method=2)


def _few(files: Sequence[Path]) -> Sequence[Path]:
    step = max(1, len(files) // _SAMPLE)
    return files[::step][:_SAMPLE]


def _all_small(files: Sequence[Path]) -> bool:
    sizes = []
    for file in files:
        try:
            sizes.append(max(open_image(file).size))
        except (StudioError, OSError):
            continue
    return max(sizes, default=0) <= SMALL
