"""What a choice among checkpoints leaves in its comparison's folder, also while it goes on.

    comparisons/20261130-…/selection.json   this record, rewritten after every look
    comparisons/20261130-…/features/c3.safetensors   what CLIP saw in a candidate's images
    comparisons/20261130-…/others/c3-p0-s1.png   images of prompts without the trigger word

Owns: the record and reading it. Refuses to know: how it comes about (`selecting`), torch.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from studio.compare.selection.racing import Bounded, Exit
from studio.compare.selection.rule import Candidate
from studio.core import text
from studio.core.errors import MissingError
from studio.core.record import Filed, Record, Table, readable

SELECTION_FILE = "selection.json"


class Point(Record):
    """A mean with its 95 % interval, of `n` images."""

    value: float
    low: float | None = None
    """None below two images."""
    high: float | None = None
    n: int = 0

    @classmethod
    def of(cls, found: Bounded) -> Point:
        """The same as a record."""
        known = found.n > 1
        return cls(
            value=round(found.value, 5),
            low=round(found.low, 5) if known else None,
            high=round(found.high, 5) if known else None,
            n=found.n,
        )


class Entry(Record):
    """One candidate: a checkpoint at a strength, and how it fares."""

    run: str
    step: int
    strength: float
    column: int
    """Its place among the columns of the comparison."""
    images: int = 0
    out: str = ""
    """Why it is out: `score`, the name of a limit, or a sentence; empty while it is not."""
    out_after: int | None = None
    """Images of its own after which it left."""
    by: float | None = None
    points: dict[str, Point] = Field(default_factory=dict)
    """Measure → its curve's point."""

    @classmethod
    def upgraded(cls, values: Table) -> Table:
        if isinstance(points := values.get("points"), dict):
            values["points"] = {key: Point.read(point) for key, point in points.items()}
        return values

    @property
    def candidate(self) -> Candidate:
        """Itself as the rule knows it."""
        return Candidate(self.run, self.step, self.strength)

    def leaving(self, found: Exit) -> Entry:
        """The same, out of the race."""
        return self.changed(out=found.why, out_after=found.images, by=round(found.by, 5))


class Chosen(Record):
    """The recommendation, or what was written as the run's file."""

    run: str
    step: int
    strength: float

    @classmethod
    def of(cls, candidate: Candidate | None) -> Chosen | None:
        """A candidate as a record; None for none."""
        if candidate is None:
            return None
        return cls(run=candidate.run, step=candidate.step, strength=candidate.strength)


class Selection(Filed):
    """The whole. `complete` is False while it goes on, and when it was cancelled or killed."""

    id: str = ""
    """That of its comparison."""
    digest: str = ""
    """Of everything that its images depend on: the same question goes on in the same folder."""
    settings: Table = Field(default_factory=dict)
    """As they were written; `SelectionSettings.parse` reads them."""
    runs: dict[str, str] = Field(default_factory=dict)
    """Run → what it is called."""
    entries: tuple[Entry, ...] = ()
    base: dict[str, Point] = Field(default_factory=dict)
    """What the base alone scores."""
    limits: dict[str, float] = Field(default_factory=dict)
    looks: tuple[int, ...] = ()
    generated: int = 0
    """Images generated so far, those without the trigger word among them."""
    full: int = 0
    """Images of the full grid, counted alike."""
    recommended: Chosen | None = None
    alike: tuple[Chosen, ...] = ()
    reason: str = ""
    written: Chosen | None = None
    notes: tuple[str, ...] = ()
    complete: bool = False

    @classmethod
    def upgraded(cls, values: Table) -> Table:
        if isinstance(rows := values.get("entries"), list):
            values["entries"] = readable(Entry, rows)
        if isinstance(rows := values.get("alike"), list):
            values["alike"] = readable(Chosen, rows)
        for name in ("recommended", "written"):
            if values.get(name) is not None:
                values[name] = next(iter(readable(Chosen, [values[name]])), None)
        if isinstance(points := values.get("base"), dict):
            values["base"] = {key: Point.read(point) for key, point in points.items()}
        return values

    @property
    def saved(self) -> float:
        """The share of the full grid that was not generated."""
        return 1 - self.generated / self.full if self.full else 0.0


def read_selection(folder: str | Path) -> Selection:
    """The record in a comparison's folder. MissingError where there is none that can be read."""
    folder = Path(folder)
    try:
        return Selection.read(text.read_json(folder / SELECTION_FILE)).changed(id=folder.name)
    except (OSError, ValueError) as error:
        raise MissingError(
            "This comparison is no choice among checkpoints, or its record is damaged",
            where=folder,
            remedy="Start the choice again; images that are there are not generated again.",
        ) from error


def answer_in(folder: str | Path) -> Selection | None:
    """The record in a comparison's folder where it is complete."""
    try:
        found = read_selection(folder)
    except MissingError:
        return None
    return found if found.complete else None


def written_in(folder: str | Path) -> Chosen | None:
    """What was written as the run's file, says the record in a comparison's folder."""
    try:
        return read_selection(folder).written
    except MissingError:
        return None
