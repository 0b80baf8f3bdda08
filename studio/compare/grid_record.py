"""What a grid leaves on disk, and what of it is there.

    grids/20260131-120000-strengths/
      grid.json           settings, headings, places; written first, so that a killed grid goes on
      cells/p0-y0-x1.png  one image with its settings inside; there once it is complete
      sheet-1.png         all images of a page with headings, written last

Owns: the records and reading them. Refuses to know: how images are generated. Imports no torch.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from studio.core.errors import MissingError, StudioError
from studio.core.record import Failure, Filed, Record, Table
from studio.core.text import read_json
from studio.settings.grid import GridSettings

GRID_FILE = "grid.json"


class SideHeadings(Record):
    """One side of a grid: what varies along it, and a heading per place."""

    title: str = ""
    headings: tuple[str, ...]


class Sides(Record):
    """The three sides; one place where nothing varies."""

    x: SideHeadings
    y: SideHeadings
    pages: SideHeadings


class GridCell(Record):
    """One image by its place."""

    x: int
    y: int
    page: int
    file: str
    """Relative to the grid's folder, also while it is not there yet."""
    seed: int
    prompt: str
    there: bool = Field(default=False, exclude=True)
    error: Failure | None = Field(default=None, exclude=True)
    """Why it could not be generated."""

    @property
    def key(self) -> str:
        """Its name among the errors, and its file's."""
        return cell_key(self.x, self.y, self.page)


class Grid(Filed):
    """One grid."""

    name: str = ""
    created: float
    resumed: float = 0.0
    """When it went on last."""
    seconds: float = 0.0
    """Time spent on it, in all sittings."""
    base: str = ""
    base_hash: str = ""
    settings: Table
    """As they were written; `wanted` reads them."""
    sides: Sides
    cells: tuple[GridCell, ...]
    errors: dict[str, Failure]
    """Key of a cell → why it could not be generated."""
    folder: str = Field(default="", exclude=True)
    sheets: tuple[str, ...] = Field(default=(), exclude=True)
    """Files of the contact sheets that are there."""
    cancelled: bool = Field(default=False, exclude=True)
    """Whether it was stopped just now."""

    @property
    def id(self) -> str:
        """The name of its folder."""
        return Path(self.folder).name

    @property
    def complete(self) -> bool:
        """Whether every image is there."""
        return all(cell.there for cell in self.cells)

    @property
    def wanted(self) -> GridSettings:
        """Its settings, for going on with it."""
        return GridSettings.parse(self.settings, where=self.id)

    def failed(self, keys: list[str], error: StudioError) -> Grid:
        """The same with an error for some of its cells."""
        return self.changed(errors={**self.errors, **dict.fromkeys(keys, Failure.of(error))})

    def as_shown(self) -> Table:
        """For a page or a program: with what is there and what is not."""
        cells = [
            {**cell.as_json(), "file": cell.file if cell.there else None,
             "error": cell.error and cell.error.as_json()}
            for cell in self.cells
        ]  # fmt: skip
        return {
            **self.as_json(), "cells": cells, "id": self.id, "folder": self.folder,
            "complete": self.complete, "cancelled": self.cancelled, "sheets": self.sheets,
        }  # fmt: skip


def cell_key(x: int, y: int, page: int) -> str:
    """The name of a cell: of its file, and among the errors."""
    return f"p{page}-y{y}-x{x}"


def read(folder: str | Path) -> Grid:
    """A grid as it is on disk. MissingError when the folder is none."""
    folder = Path(folder)
    try:
        grid = Grid.read(read_json(folder / GRID_FILE))
    except (OSError, ValueError) as error:
        raise MissingError("There is no such grid", where=folder.name) from error
    there = {path.name for path in (folder / "cells").glob("p*")}
    cells = tuple(
        cell.changed(there=Path(cell.file).name in there, error=grid.errors.get(cell.key))
        for cell in grid.cells
    )
    sheets = tuple(sorted(path.name for path in folder.glob("sheet-*.png")))
    return grid.changed(cells=cells, folder=str(folder), sheets=sheets)
