"""What a comparison leaves on disk, also when it was killed half-way.

    comparisons/20261121-153000-shapes/
      progress.jsonl      a line as each thing happens: started, cell, column, note
      cells/c0-p0-s1.png  column, prompt, seed
      nearest/c0.png      the training image that an image of a column is nearest to
      features.safetensors  what the measures see, so that they can be computed again
      comparison.json     the whole, written last

Owns: the records and these files. Refuses to know: how images are generated or measured. Imports
no torch.
"""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import Field

from studio.compare.column_record import ComparedColumn, NearestPair, StackFile
from studio.core import atomic, text
from studio.core.errors import MissingError
from studio.core.record import Filed, Record, Table, readable, renamed

__all__ = [
    "Cell", "ComparedColumn", "Comparison", "Difference", "GroupDifference", "NearestPair", "Recorder",
    "Reference", "StackFile", "list_comparisons", "read_comparison", "replace_comparison",
]  # fmt: skip

COMPARISON_FILE = "comparison.json"
PROGRESS_FILE = "progress.jsonl"


class Cell(Record):
    """One image of the grid: the places of its column and its prompt, its seed, its file."""

    column: int
    prompt: int
    seed: int
    file: str


class Difference(Record):
    """How far two columns differ in one measure: value of column `a` minus value of column `b`."""

    measure: str
    a: int
    b: int
    value: float
    low: float | None = None
    """The interval holds for all pairs of columns together; None when too few images say anything."""
    high: float | None = None
    n: int
    """Images of each column that it stands on."""
    told_apart: bool = False
    """Whether zero lies outside the interval."""
    paired: bool = True
    """Whether image i of both had the same prompt and noise."""


class GroupDifference(Record):
    """The same of two groups of columns, each trained alike with several seeds."""

    measure: str
    a: str
    b: str
    value: float
    low: float | None = None
    high: float | None = None
    runs: tuple[int, int]
    """Columns of each group."""
    told_apart: bool = False


class Reference(Record):
    """The reference images: their folder (empty for none), and how many there are."""

    folder: str = ""
    images: int = 0
    trained: int = 0
    """How many of them are training images: likeness to those is no likeness to the concept."""

    @classmethod
    def upgraded(cls, values: Table) -> Table:
        return renamed(values, pictures="images")


class Comparison(Filed):
    """One comparison. `complete` is False when it was cancelled or killed: then it holds what was
    generated and measured until that moment."""

    id: str = ""
    folder: str = Field(default="", exclude=True)
    """Where it lies; no part of the file."""
    name: str = ""
    base: str = ""
    base_hash: str = ""
    created: float | None = None
    prompts: tuple[str, ...]
    seeds: tuple[int, ...]
    reference: Reference = Reference()
    columns: tuple[ComparedColumn, ...]
    differences: tuple[Difference, ...] = ()
    """Of every pair of columns in every measure that both have, `a` before `b`."""
    group_differences: tuple[GroupDifference, ...] = ()
    verdict: tuple[str, ...] = ()
    """What the differences say, a sentence each."""
    settings: Table = Field(default_factory=dict)
    """As they were written; `CompareSettings.parse` reads them."""
    seconds: float | None = None
    complete: bool = False
    cancelled: bool = False
    cells: tuple[Cell, ...] = ()
    notes: tuple[str, ...] = ()
    """Sentences for people about the whole."""
    lacking: dict[str, str] = Field(default_factory=dict)
    """What measures need and this comparison has not (a key of `features.NEEDS`) → why, where more is
    known than that it is missing."""

    @classmethod
    def upgraded(cls, values: Table) -> Table:
        for name, part in (("columns", ComparedColumn), ("cells", Cell)):
            if isinstance(rows := values.get(name), list):
                values[name] = [part.read(row) for row in rows]
        if isinstance(rows := values.get("differences"), list):
            values["differences"] = readable(Difference, rows)
        if isinstance(rows := values.get("group_differences"), list):
            values["group_differences"] = readable(GroupDifference, rows)
        if isinstance(values.get("reference"), dict):
            values["reference"] = Reference.read(values["reference"])
        return values

    def with_column(self, index: int, column: ComparedColumn) -> Comparison:
        """The same with another column in its place."""
        columns = [*self.columns]
        columns[index] = column
        return self.changed(columns=tuple(columns))


class Recorder:
    """Collects one comparison in memory and on disk at the same time."""

    def __init__(self, comparison: Comparison) -> None:
        """Begins it in `comparison.folder`, which gives it its id."""
        self.folder = atomic.make_folder(comparison.folder)
        self.comparison = comparison.changed(
            id=self.folder.name, folder=str(self.folder), cells=(), notes=()
        )
        self._append({"kind": "started", "comparison": self.comparison.as_json()})

    def cell(self, column: int, prompt: int, seed: int, file: str) -> None:
        """An image of the grid is on disk."""
        cell = Cell(column=column, prompt=prompt, seed=seed, file=file)
        self.comparison = self.comparison.changed(cells=(*self.comparison.cells, cell))
        self._append({"kind": "cell", "cell": cell.as_json()})

    def column(self, index: int, column: ComparedColumn) -> None:
        """What became of a column: measures, seconds, messages, or the error it ended with."""
        self.comparison = self.comparison.with_column(index, column)
        self._append({"kind": "column", "column": index, "facts": column.as_json()})

    def note(self, text: str) -> None:
        """A sentence for people about the whole."""
        if text not in self.comparison.notes:
            self.comparison = self.comparison.changed(notes=(*self.comparison.notes, text))
            self._append({"kind": "note", "text": text})

    def finish(self, seconds: float, *, cancelled: bool) -> Comparison:
        """Writes `comparison.json` and returns what it says."""
        self.comparison = self.comparison.changed(
            seconds=round(seconds, 2), cancelled=cancelled, complete=not cancelled
        )
        atomic.write_json(self.folder / COMPARISON_FILE, self.comparison.as_json())
        return self.comparison

    def _append(self, line: Table) -> None:
        atomic.append_line(
            self.folder / PROGRESS_FILE, json.dumps(line, ensure_ascii=False), durable=True
        )


def read_comparison(folder: str | Path) -> Comparison:
    """One comparison, whole or as far as it came. MissingError when the folder is none."""
    folder = Path(folder)
    found = _whole(folder) or _so_far(folder)
    if found is None:
        raise MissingError(
            "This comparison is not there",
            where=folder,
            remedy="Refresh the list; it may have been deleted.",
        )
    return found.changed(id=folder.name, folder=str(folder))


def replace_comparison(comparison: Comparison) -> Comparison:
    """Writes a comparison that was measured again over what its folder says; returns it."""
    atomic.write_json(Path(comparison.folder) / COMPARISON_FILE, comparison.as_json())
    return comparison


def list_comparisons(root: str | Path) -> list[Comparison]:
    """The comparisons below `root`, newest first; folders that are none are passed over."""
    root = Path(root)
    found = []
    for folder in root.iterdir() if root.is_dir() else []:
        if folder.is_dir() and not folder.name.startswith("."):
            try:
                found.append(read_comparison(folder))
            except (MissingError, OSError):
                continue
    return sorted(found, key=lambda one: (one.created or 0.0, one.id), reverse=True)


def _whole(folder: Path) -> Comparison | None:
    try:
        value = text.read_json(folder / COMPARISON_FILE)
        return Comparison.read(value)
    except (OSError, ValueError):
        return None


def _so_far(folder: Path) -> Comparison | None:
    """What the lines add up to; a torn last line of a killed process is passed over."""
    found: Table | None = None
    try:
        lines = text.read_bytes(folder / PROGRESS_FILE).split(b"\n")
    except (OSError, text.TextError):
        return None
    for line in lines:
        try:
            row = text.parse_json(line)
            if row["kind"] == "started":
                found = dict(row["comparison"])
            elif found is None:
                continue
            elif row["kind"] == "cell":
                found.setdefault("cells", []).append(row["cell"])
            elif row["kind"] == "column":
                found["columns"][row["column"]].update(row["facts"])
            elif row["kind"] == "note":
                found.setdefault("notes", []).append(row["text"])
        except (ValueError, KeyError, TypeError, IndexError, AttributeError):
            continue
    try:
        return Comparison.read(found) if found else None
    except ValueError:
        return None
