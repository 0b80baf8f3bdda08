"""What a shootout leaves on disk: small, and true at every moment.

    shootouts/20261130-153000-zibbo/shootout.json    this record, replaced whole at every change
    shootouts/splits/<digest>/                       a dataset without the images it holds back

The trainings are ordinary runs, and the comparison is an ordinary one: how far these are is in their own
folders. Owns: the records. Refuses to know: who writes them when. Imports no torch.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from studio.compare.shootout.prompts import ShootoutPrompt
from studio.core import atomic
from studio.core.errors import MissingError
from studio.core.paths import entries
from studio.core.record import Failure, Filed, Record, Table, readable
from studio.core.text import read_json

FILE, SPLITS = "shootout.json", "splits"
GOING = ("preparing", "training", "comparing")
"""States in which somebody works on it, or will at the next start."""
OVER = ("finished", "failed", "cancelled")


class HeldOut(Record):
    """The reference images, which no training of the shootout has seen."""

    folder: str = ""
    """Empty where there are none."""
    images: dict[str, str] = Field(default_factory=dict)
    """Name → SHA-256, of those that were held back from the dataset for this shootout."""

    @property
    def split(self) -> bool:
        """Whether they were held back for it."""
        return bool(self.images)


class TrainingRecord(Record):
    """One training: which run it is, and why there is none."""

    key: str
    entry: str
    seed: int
    run: str = ""
    """Empty until it is queued."""
    reused: bool = False
    """Whether it was finished before this shootout wanted it."""
    done: bool = False
    error: Failure | None = None
    """Why it will not be finished."""


class Shootout(Filed):
    """One shootout."""

    id: str = ""
    name: str = ""
    created: float | None = None
    settings: Table = Field(default_factory=dict)
    """As they were started; `ShootoutSettings.parse` reads them."""
    state: str = "preparing"
    """One of GOING, OVER, or paused."""
    doing: str = ""
    """What is going on, in words."""
    data: str = ""
    """The folder that is trained on."""
    dataset: str = ""
    """Its digest."""
    held_out: HeldOut = HeldOut()
    prompts: tuple[ShootoutPrompt, ...] = ()
    paces: dict[str, float] = Field(default_factory=dict)
    """Measured seconds per step, by the identity of a run before its budget."""
    trainings: tuple[TrainingRecord, ...] = ()
    comparison: str = ""
    """Id of the comparison; empty until it is there."""
    notes: tuple[str, ...] = ()
    error: Failure | None = None
    """Why it is paused or failed, where it is not because somebody wanted it."""

    @classmethod
    def upgraded(cls, values: Table) -> Table:
        if isinstance(rows := values.get("trainings"), list):
            values["trainings"] = readable(TrainingRecord, rows)
        if isinstance(rows := values.get("prompts"), list):
            values["prompts"] = readable(ShootoutPrompt, rows)
        if isinstance(values.get("held_out"), dict):
            values["held_out"] = HeldOut.read(values["held_out"])
        return values

    @property
    def going(self) -> bool:
        """Whether it is neither over nor paused."""
        return self.state in GOING

    def with_training(self, training: TrainingRecord) -> Shootout:
        """The same with a training in the place of the one with its key."""
        rows = [training if one.key == training.key else one for one in self.trainings]
        return self.changed(trainings=tuple(rows))


def read_shootout(folder: Path) -> Shootout:
    """The shootout of a folder. MissingError when it is none that can be read."""
    try:
        found = Shootout.read(read_json(folder / FILE))
    except (OSError, ValueError):
        raise MissingError(
            "This shootout is not there",
            where=folder,
            remedy="Refresh the list; it may have been deleted.",
        ) from None
    return found.changed(id=folder.name)


def write_shootout(folder: Path, shootout: Shootout) -> None:
    """Replaces the record. StorageError when the disk refuses; the earlier one is then intact."""
    atomic.write_json(folder / FILE, shootout.as_json())


def list_shootouts(root: Path) -> list[Shootout]:
    """The shootouts below `root`, newest first; folders that are none are passed over."""
    found = []
    for folder in entries(root):
        try:
            found.append(read_shootout(folder))
        except (MissingError, OSError):
            continue
    return sorted(found, key=lambda one: (one.created or 0.0, one.id), reverse=True)
