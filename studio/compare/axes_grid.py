"""A grid of images, generated cell by cell into a folder (`grid_record` says what lies there).

Owns: the order of work, and what a failed cell leaves behind. Refuses to know: what axes mean
(`studio.settings.grid`), how an image is generated (`infer.engine`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from studio.compare.grid_record import (
    GRID_FILE,
    Grid,
    GridCell,
    SideHeadings,
    Sides,
    cell_key,
    read,
)
from studio.compare.sheet import Heading, sheet
from studio.core import atomic
from studio.core.counts import counted
from studio.core.errors import InputError, Interrupted, MissingError, NonFiniteError, StudioError
from studio.formats import image_write
from studio.settings import grid
from studio.settings.generation import GenerateSettings
from studio.settings.grid import GridSettings
from studio.settings.grid_cells import Cell, Layout, groups, lay_out

if TYPE_CHECKING:
    from studio.adapters.cache import AdapterCache
    from studio.families.base import Base
    from studio.infer.engine import GeneratedImage

Progress = Callable[[int, int, str], None]


def generate(
    base: Base,
    settings: GridSettings,
    folder: str | Path,
    *,
    on_progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
    cache: AdapterCache | None = None,
    resolve: Callable[[GenerateSettings], GenerateSettings] | None = None,
) -> Grid:
    """Generates the cells that are not there yet, then the sheets; returns what `read` says.

    `on_progress(done, total, text)` counts sampling steps of single images. Cancelling keeps what
    is there. A cell whose files cannot be used says so under `error` while others go on; when
    nothing could be generated, the first error is raised. SettingsError for axes that make no
    sense. `resolve` is that of `grid.lay_out`.
    """
    folder, layout = Path(folder), lay_out(settings, resolve)
    head = _header(base, settings, layout, folder)
    atomic.write_json(folder / GRID_FILE, head.as_json())
    atomic.make_folder(folder / "cells")
    missing = [cell for cell in layout.cells if not (folder / _file(cell)).is_file()]
    total = sum(cell.settings.steps for cell in missing)
    done, there = 0, len(layout.cells) - len(missing)
    first: StudioError | None = None
    for group in groups(missing):
        alike = _alike(group)
        cost = sum(cell.settings.steps for cell in group)
        waiting = iter(alike.values())

        def on_images(
            images: list[GeneratedImage], waiting: Iterator[list[Cell]] = waiting
        ) -> None:
            nonlocal there
            for image in images:
                for cell in next(waiting):
                    _save(folder, cell, image)
                    there += 1

        def on_step(step: int, steps: int, _: str, before: int = done, cost: int = cost) -> None:
            if on_progress:
                text = f"{there} of {counted(len(layout.cells), 'image')}"
                on_progress(before + cost * step // max(steps, 1), total, text)

        try:
            _generate_group(base, group[0], list(alike), on_step, cancelled, cache, on_images)
        except Interrupted:
            return read(folder).changed(cancelled=True)
        except (InputError, NonFiniteError) as error:  # its files: the others are none the worse
            first = first or error
            head = head.failed([_key(cell) for cell in group], error)
            atomic.write_json(folder / GRID_FILE, head.as_json())
        done += cost
    if first and not there:
        raise first
    head = head.changed(seconds=round(head.seconds + time.time() - head.resumed, 2))
    atomic.write_json(folder / GRID_FILE, head.as_json())
    _sheets(folder, layout)
    return read(folder)


def _alike(group: list[Cell]) -> dict[tuple[str, int], list[Cell]]:
    """Cells by prompt and seed: equal ones (the base alone beside every strength) are generated once."""
    found: dict[tuple[str, int], list[Cell]] = {}
    for cell in group:
        found.setdefault((cell.settings.prompt, cell.settings.seed), []).append(cell)
    return found


def _generate_group(
    base: Base,
    like: Cell,
    pairs: list[tuple[str, int]],
    on_step: Progress,
    cancelled: Callable[[], bool] | None,
    cache: AdapterCache | None,
    on_images: Callable[[list[GeneratedImage]], None],
) -> None:
    from studio.infer.engine import Watch, generate
    from studio.infer.options import Job

    variation = like.settings.variation_seed
    generate(
        base,
        like.settings,
        Watch(on_progress=on_step, cancelled=cancelled, on_images=on_images),
        jobs=[Job(prompt, seed, variation) for prompt, seed in pairs],
        cache=cache,
        work="grid",
    )


def _header(base: Base, settings: GridSettings, layout: Layout, folder: Path) -> Grid:
    created, seconds = time.time(), 0.0
    try:
        before = read(folder)
        created, seconds = before.created, before.seconds
    except MissingError:
        pass
    sides = {
        name: SideHeadings(title=side.title, headings=tuple(side.headings))
        for name in grid.SIDES
        for side in [getattr(layout, name)]
    }
    return Grid(
        name=settings.name,
        created=created,
        resumed=time.time(),
        seconds=seconds,
        base=base.name,
        base_hash=base.hash,
        settings=settings.model_dump(),
        sides=Sides(**sides),
        cells=tuple(
            GridCell(
                x=cell.x, y=cell.y, page=cell.page, file=_file(cell),
                seed=cell.settings.seed, prompt=cell.settings.prompt,
            )
            for cell in layout.cells
        ),
        errors={},
    )  # fmt: skip


def _key(cell: Cell) -> str:
    return cell_key(cell.x, cell.y, cell.page)


def _file(cell: Cell) -> str:
    return f"cells/{_key(cell)}{image_write.ENDINGS[cell.settings.file_format]}"


def _save(folder: Path, cell: Cell, made: GeneratedImage) -> None:
    settings = cell.settings
    image_write.save(
        folder / "cells" / _key(cell), made.image, made.parameters,
        settings.file_format, settings.quality,
    )  # fmt: skip


def _sheets(folder: Path, layout: Layout) -> None:
    for page, heading in enumerate(layout.pages.headings):
        images = {
            (cell.x, cell.y): folder / _file(cell)
            for cell in layout.cells
            if cell.page == page and (folder / _file(cell)).is_file()
        }
        if images:
            title = f"{layout.pages.title}: {heading}" if layout.pages.title else heading
            columns, rows = (
                [Heading(text) for text in side.headings] for side in (layout.x, layout.y)
            )
            made = sheet(columns, rows, images, title)
            image_write.save_png(folder / f"sheet-{page + 1}.png", made)
