"""A grid of pictures, drawn cell by cell into a folder.

    grids/20260131-120000-strengths/
      grid.json           settings, headings, places; written first, so that a killed grid goes on
      cells/p0-y0-x1.png  one picture with its settings inside; there once it is whole
      sheet-1.png         all pictures of a page with headings, written last

Owns: the order of work, these files, and what a failed cell leaves behind. Refuses to know: what
axes mean (`studio.settings.grid`), how a picture is drawn (`infer.engine`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.compare.sheet import sheet
from studio.core import atomic
from studio.core.errors import InputError, Interrupted, MissingError, NonFiniteError, StudioError
from studio.core.text import read_json
from studio.formats import image_write
from studio.settings import grid
from studio.settings.generation import GenerateSettings
from studio.settings.grid import GridSettings
from studio.settings.grid_cells import Cell, Layout, groups, lay_out

if TYPE_CHECKING:
    from studio.adapters.cache import AdapterCache
    from studio.families.base import Base
    from studio.infer.engine import Picture

GRID_FILE = "grid.json"
Progress = Callable[[int, int, str], None]
Json = dict[str, Any]


def draw(
    base: Base,
    settings: GridSettings,
    folder: str | Path,
    *,
    on_progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
    cache: AdapterCache | None = None,
    resolve: Callable[[GenerateSettings], GenerateSettings] | None = None,
) -> Json:
    """Draws the cells that are not there yet, then the sheets; returns what `read` says.

    `on_progress(done, total, text)` counts sampling steps of single pictures. Cancelling keeps what
    is drawn. A cell whose files cannot be used says so under `error` while others go on; when
    nothing could be drawn, the first error is raised. SettingsError for axes that make no sense.
    `resolve` is that of `axes.lay_out`.
    """
    folder, layout = Path(folder), lay_out(settings, resolve)
    head = _header(base, settings, layout, folder)
    atomic.write_json(folder / GRID_FILE, head)
    atomic.make_folder(folder / "cells")
    missing = [cell for cell in layout.cells if not (folder / _file(cell)).is_file()]
    total = sum(cell.settings.steps for cell in missing)
    done, drawn = 0, len(layout.cells) - len(missing)
    first: StudioError | None = None
    for group in groups(missing):
        # equal cells (the base alone beside every strength) are drawn once
        alike: dict[tuple[str, int], list[Cell]] = {}
        for cell in group:
            alike.setdefault((cell.settings.prompt, cell.settings.seed), []).append(cell)
        cost = sum(cell.settings.steps for cell in group)
        waiting = iter(alike.values())

        def on_pictures(pictures: list[Picture], waiting: Iterator[list[Cell]] = waiting) -> None:
            nonlocal drawn
            for picture in pictures:
                for cell in next(waiting):
                    _save(folder, cell, picture)
                    drawn += 1

        def on_step(step: int, steps: int, _: str, before: int = done, cost: int = cost) -> None:
            if on_progress:
                text = f"{drawn} of {len(layout.cells)} pictures"
                on_progress(before + cost * step // max(steps, 1), total, text)

        try:
            _generate(base, group[0], list(alike), on_step, cancelled, cache, on_pictures)
        except Interrupted:
            return {**read(folder), "cancelled": True}
        except (InputError, NonFiniteError) as error:  # its files: the others are none the worse
            first = first or error
            for cell in group:
                head["errors"][_key(cell)] = error.as_dict()
            atomic.write_json(folder / GRID_FILE, head)
        done += cost
    if first and not drawn:
        raise first
    head["seconds"] = round(head["seconds"] + time.time() - head["resumed"], 2)
    atomic.write_json(folder / GRID_FILE, head)
    _sheets(folder, layout)
    return read(folder)


def read(folder: str | Path) -> Json:
    """A grid as it is on disk: `cells` with their files (None while missing) and errors, `sheets`.

    MissingError when the folder is no grid.
    """
    folder = Path(folder)
    there = {path.name for path in (folder / "cells").glob("p*")}
    try:
        head = read_json(folder / GRID_FILE)
        for cell in head["cells"]:
            cell["error"] = head["errors"].get(f"p{cell['page']}-y{cell['y']}-x{cell['x']}")
            cell["file"] = cell["file"] if Path(cell["file"]).name in there else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise MissingError("There is no such grid", where=folder.name) from error
    return {
        **head,
        "id": folder.name,
        "folder": str(folder),
        "complete": all(cell["file"] for cell in head["cells"]),
        "cancelled": False,
        "sheets": sorted(path.name for path in folder.glob("sheet-*.png")),
    }


def settings_of(folder: str | Path) -> GridSettings:
    """The settings of a grid on disk, for going on with it."""
    return GridSettings.parse(read(folder)["settings"], where=Path(folder).name)


def _generate(
    base: Base,
    like: Cell,
    pairs: list[tuple[str, int]],
    on_step: Progress,
    cancelled: Callable[[], bool] | None,
    cache: AdapterCache | None,
    on_pictures: Callable[[list[Picture]], None],
) -> None:
    from studio.infer.engine import generate

    generate(
        base,
        like.settings,
        prompts=[prompt for prompt, _ in pairs],
        seeds=[seed for _, seed in pairs],
        on_progress=on_step,
        cancelled=cancelled,
        cache=cache,
        on_pictures=on_pictures,
    )


def _header(base: Base, settings: GridSettings, layout: Layout, folder: Path) -> Json:
    sides = {name: vars(getattr(layout, name)) for name in grid.SIDES}
    try:
        before = read(folder)
    except MissingError:
        before = {"created": time.time(), "seconds": 0.0}
    return {
        "name": settings.name,
        "created": before["created"],
        "resumed": time.time(),
        "seconds": before["seconds"],
        "base": base.name,
        "base_hash": base.hash,
        "settings": settings.model_dump(),
        "sides": sides,
        "cells": [
            {"x": c.x, "y": c.y, "page": c.page, "file": _file(c), "seed": c.settings.seed,
             "prompt": c.settings.prompt}
            for c in layout.cells
        ],
        "errors": {},
    }  # fmt: skip


def _key(cell: Cell) -> str:
    return f"p{cell.page}-y{cell.y}-x{cell.x}"


def _file(cell: Cell) -> str:
    return f"cells/{_key(cell)}{image_write.ENDINGS[cell.settings.file_format]}"


def _save(folder: Path, cell: Cell, picture: Picture) -> None:
    settings = cell.settings
    image_write.save(
        folder / "cells" / _key(cell), picture.image, picture.parameters,
        settings.file_format, settings.quality,
    )  # fmt: skip


def _sheets(folder: Path, layout: Layout) -> None:
    for page, heading in enumerate(layout.pages.headings):
        pictures = {
            (cell.x, cell.y): folder / _file(cell)
            for cell in layout.cells
            if cell.page == page and (folder / _file(cell)).is_file()
        }
        if pictures:
            title = f"{layout.pages.title}: {heading}" if layout.pages.title else heading
            made = sheet(layout.x.headings, layout.y.headings, pictures, title)
            image_write.save_png(folder / f"sheet-{page + 1}.png", made)
