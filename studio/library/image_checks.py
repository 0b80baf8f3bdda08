"""Every image of a run, looked at before it starts: which are damaged, and what is not used.

Owns: decoding the images of a dataset once (several at a time, remembered), and the lines of the
preflight about images. Refuses to know: what a run does with them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from studio.core.counts import counted
from studio.core.errors import DatasetError
from studio.core.names import printable
from studio.formats.dataset import DatasetInfo, image_files, read_dataset
from studio.formats.image_memory import ImageMemory
from studio.formats.masks import Masks
from studio.settings.training import RunConfig

PATIENCE: float | None = 2.0
"""Seconds that a form waits; what is left is decoded while somebody reads, and at the latest when
the run starts. None waits for all."""
NAMED = 3

Progress = Callable[[int, int], None]


def checked_dataset(
    folder: Path,
    images: ImageMemory,
    patience: float | None = None,
    on_progress: Progress | None = None,
) -> DatasetInfo:
    """A dataset without the images that turn out to be damaged when they are decoded.

    Those that cannot be decoded within `patience` seconds count as good. `on_progress(done,
    total)` may raise. Errors of `read_dataset`.
    """
    info = read_dataset(folder, images)
    paths = [item.path for item in info.items]
    held_out = image_files(info.held_out) if info.held_out else []
    images.decode([*paths, *held_out], patience, on_progress)
    return read_dataset(folder, images)


def whole(paths: list[Path], images: ImageMemory) -> tuple[list[Path], dict[Path, str]]:
    """(those that can be read, in order; the others with the reason): all are decoded."""
    images.decode(paths)
    broken = images.broken(paths)
    return [path for path in paths if path not in broken], broken


def image_lines(
    config: RunConfig, info: DatasetInfo, images: ImageMemory
) -> tuple[list[str], list[str]]:
    """(warnings, notes) about the images of a run and about what lies beside them."""
    warnings = []
    left = sum(not images.facts(item.path).decoded for item in info.items)
    if left:
        warnings.append(
            f"{left} of {counted(info.images, 'image')} {'is' if left == 1 else 'are'} still being "
            "looked at. Any that are damaged are left out and named when the run starts."
        )
    black: list[str] = []
    if config.data.mask == "files":
        black = _masks(info, images, warnings)
    if info.held_out:
        _left_out(warnings, "held-out", images.broken(image_files(info.held_out)))
    if config.prior.weight and config.prior.folder:
        warnings += _class_images(Path(config.prior.folder), images)
    unused = info.unused.sentence(masks_used=config.data.mask == "files", black=black)
    return [*warnings, *([unused] if unused else [])], info.notes


def _masks(info: DatasetInfo, images: ImageMemory, warnings: list[str]) -> list[str]:
    """Warns of masks that cannot be read; returns the names of those that are black all over."""
    find = Masks().of
    masks = {mask: item for item in info.items if (mask := find(item.path)) is not None}
    images.decode(list(masks), PATIENCE)
    facts = images.all_facts(masks)
    broken = {mask: known.problem for mask, known in facts.items() if known.problem}
    if broken:
        warnings.append(
            f"{counted(len(broken), 'mask')} cannot be read ({_listed(list(broken))}): their images "
            "are left out."
        )
    black = [mask for mask, known in facts.items() if known.black]
    if black and len(black) == len(info.items):
        warnings.append(
            "All masks are black: nothing of any image is learned. White is what matters; perhaps "
            "they are inverted."
        )
    return [printable(mask.relative_to(info.path)) for mask in black]


def _class_images(folder: Path, images: ImageMemory) -> list[str]:
    warnings: list[str] = []
    try:
        paths = image_files(folder)
    except DatasetError:  # said elsewhere
        return []
    images.decode(paths, PATIENCE)
    _left_out(warnings, "class", images.broken(paths))
    return warnings


def _left_out(warnings: list[str], what: str, broken: dict[Path, str]) -> None:
    if broken:
        verb = "is" if len(broken) == 1 else "are"
        warnings.append(
            f"{counted(len(broken), what + ' image')} cannot be read and {verb} left out: "
            f"{_listed(list(broken))}."
        )


def left_out(broken: dict[Path, str], root: Path) -> str:
    """One sentence naming images that a run goes on without."""
    first = next(iter(broken))
    shown = first.relative_to(root) if first.is_relative_to(root) else first.name
    text = f"{counted(len(broken), 'image')} left out: {printable(shown)} ({broken[first]})"
    rest = [path for path in broken if path != first]
    return f"{text}, {_listed(rest)}." if rest else f"{text}."


def _listed(paths: list[Path]) -> str:
    more = f" and {len(paths) - NAMED} more" if len(paths) > NAMED else ""
    return ", ".join(printable(path.name) for path in paths[:NAMED]) + more
