"""Where a comparison comes from: the versions and the machine it was made with, and how each file
that it compares was trained.

    comparisons/20261121-153000-shapes/
      origin.json

Written when the comparison begins, because runs and files may be gone when somebody reads it, and
another machine never had them.

Owns: this file, and which settings differ. Refuses to know: where the settings come from
(`generation.origins`), pages. Imports no torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from studio.core import atomic, text
from studio.core.record import Filed, Record, Table

ORIGIN_FILE = "origin.json"


class Training(Record):
    """How one file was trained."""

    name: str = ""
    columns: tuple[int, ...] = ()
    """Places of the columns that have it on their stack."""
    settings: Table = Field(default_factory=dict)
    """Dotted key → value; folders of the machine it was trained on by their last name."""


class Origin(Filed):
    """What is known beyond the comparison's own settings."""

    versions: dict[str, str] = Field(default_factory=dict)
    """The studio, torch, diffusers, …, in the order in which they are shown."""
    machine: dict[str, str] = Field(default_factory=dict)
    trainings: tuple[Training, ...] = ()
    labels: dict[str, str] = Field(default_factory=dict)
    """Dotted key of a setting → what the form calls it."""

    @classmethod
    def upgraded(cls, values: Table) -> Table:
        if isinstance(rows := values.get("trainings"), list):
            values["trainings"] = [Training.read(row) for row in rows]
        return values


@dataclass(frozen=True)
class DifferingSetting:
    """A setting and its value in each training; None where a method has no such setting."""

    key: str
    label: str
    values: tuple[object, ...]


def read_origin(folder: str | Path) -> Origin:
    """What is known of the comparison in `folder`; nothing where nothing can be read."""
    try:
        return Origin.read(text.read_json(Path(folder) / ORIGIN_FILE))
    except (OSError, ValueError):
        return Origin()


def write_origin(folder: str | Path, origin: Origin) -> None:
    """Keeps it beside the comparison. Raises StorageError."""
    atomic.write_json(Path(folder) / ORIGIN_FILE, origin.as_json())


def differing(origin: Origin) -> list[DifferingSetting]:
    """The settings in which the trainings differ, in the order of the first that has each."""
    trainings = [training.settings for training in origin.trainings]
    if len(trainings) < 2:
        return []
    keys = dict.fromkeys(key for settings in trainings for key in settings)
    rows = [
        DifferingSetting(key, origin.labels.get(key, key), tuple(one.get(key) for one in trainings))
        for key in keys
    ]
    return [row for row in rows if any(value != row.values[0] for value in row.values)]


def common(origin: Origin) -> list[DifferingSetting]:
    """The settings that all trainings share, with the one value."""
    trainings = [training.settings for training in origin.trainings]
    if not trainings:
        return []
    return [
        DifferingSetting(key, origin.labels.get(key, key), (value,))
        for key, value in trainings[0].items()
        if all(key in one and one[key] == value for one in trainings)
    ]


def setting_text(value: object) -> str:
    """A setting's value in words."""
    if value is None or value == "" or value == []:
        return "–"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, (list, tuple)):
        return " | ".join(setting_text(part) for part in value)
    return str(value)
