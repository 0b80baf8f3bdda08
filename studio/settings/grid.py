"""A grid of images over up to three axes: what varies, and the settings of every cell.

Owns: the axes, reading what people write for them, and which cell is generated with which settings.
Refuses to know: torch, files, how an image is generated.

Every cell starts from the same settings, so seed and noise are the same in all of them unless an
axis says otherwise. Axes act in one order wherever they stand: files first, then strengths, texts,
numbers.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import field_validator

from studio.core.errors import SettingsError
from studio.core.text import lines as text_lines
from studio.settings.base import Settings, nearest, setting
from studio.settings.generation import GenerateSettings

AxisKind = Literal[
    "adapter", "checkpoint", "strength", "prompt", "replace", "seed", "sampler", "guidance", "steps"
]
TITLES: dict[AxisKind, str] = {
    "adapter": "Adapter", "checkpoint": "Checkpoint of a run", "strength": "Strength",
    "prompt": "Prompt", "replace": "Search and replace", "seed": "Seed", "sampler": "Sampler",
    "guidance": "Guidance", "steps": "Steps",
}  # fmt: skip
STACK_KINDS: tuple[AxisKind, ...] = ("adapter", "checkpoint", "strength")
ALONE = "base alone"
NONE = ("", "none")
SIDES = ("x", "y", "pages")
MOST_VALUES, MOST_CELLS = 64, 400


class Axis(Settings):
    """What varies along one side of a grid."""

    kind: AxisKind = setting(help="What varies.")
    values: list[str] = setting(
        help="One per place. Adapters as FILE or FILE:STRENGTH, none for no file; for replace, what "
        "is searched comes first; for checkpoint, steps of the run.",
        min_length=1, max_length=MOST_VALUES,
    )  # fmt: skip
    of: str = setting(
        "", "For strength: the file it is of, by name; empty means that of an adapter axis, or else "
        "all of the stack. For checkpoint: the run.",
    )  # fmt: skip
    labels: list[str] = setting(default_factory=list, help="Headings; empty takes the values.")

    @field_validator("values", mode="before")
    @classmethod
    def _texts(cls, values: Any) -> Any:
        numbers = isinstance(values, list) and all(isinstance(v, str | int | float) for v in values)
        return [str(value).strip() for value in values] if numbers else values

    @property
    def headings(self) -> list[str]:
        """One heading per value; files of one name have their folder before it."""
        if len(self.labels) == len(self.values):
            return self.labels
        short = [self._heading(value) for value in self.values]
        return [
            heading if short.count(heading) == 1 else self._heading(value, folder=True)
            for value, heading in zip(self.values, short, strict=True)
        ]

    def _heading(self, value: str, folder: bool = False) -> str:
        if self.kind != "adapter":
            return value
        path, strength = reference(value)
        if path.lower() in NONE:
            return "without"
        place = f"{Path(path).parent.name}/" if folder else ""
        return place + Path(path).stem + (f" × {strength:g}" if strength != 1 else "")


class GridSettings(Settings):
    """A grid: one set of generation settings, and what varies."""

    name: str = setting("", "Name of the grid.", max_length=80)
    generation: GenerateSettings = setting(
        was="drawing", help="What is the same in every cell, where no axis varies it."
    )
    x: Axis = setting(help="Columns.")
    y: Axis | None = setting(None, "Rows.")
    pages: Axis | None = setting(None, "Pages.")
    baseline: bool = setting(
        False, "Also generate the base alone, without any file: as the first place of the axis that "
        "varies files, or else along a free axis.",
    )  # fmt: skip


def reference(text: str) -> tuple[str, float]:
    """`FILE[:STRENGTH]` → (file, strength)."""
    name, colon, strength = text.rpartition(":")
    try:
        return (name, float(strength)) if colon else (text, 1.0)
    except ValueError:  # a colon that belongs to the path
        return text, 1.0


def read(kind: str, text: str, of: str = "") -> Axis:
    """An axis as written on a command line or in a text box.

    Prompts are one per line; everything else is separated by commas or lines, with quotes around
    what holds a comma. SettingsError.
    """
    if kind not in get_args(AxisKind):
        close = nearest(kind, list(get_args(AxisKind)))
        raise SettingsError(
            f"Nothing called “{kind[:40]}” can vary",
            remedy=f"Did you mean “{close}”?" if close else f"Known are: {', '.join(TITLES)}.",
        )
    lines = [line.strip() for line in text_lines(text) if line.strip()]
    if kind != "prompt":
        rows = csv.reader(lines, skipinitialspace=True)
        lines = [value.strip() for row in rows for value in row]
    if not lines:
        raise SettingsError(f"The axis “{kind}” has no values", remedy="Write one or more.")
    return Axis.parse({"kind": kind, "values": lines, "of": of})
