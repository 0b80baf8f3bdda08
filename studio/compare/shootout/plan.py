"""What a shootout amounts to, before anything is done: trainings, columns, and why they are fair.

Owns: the budget, what makes two trainings the same, and which files a column is made of. Everything
here is a pure function. Refuses to know: files, presets, the queue, what things cost
(`shootout_cost`). Imports no torch.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from studio import methods
from studio.core.counts import counted
from studio.core.errors import SettingsError
from studio.settings.base import nearest
from studio.settings.shootout import Entry, ShootoutSettings
from studio.settings.training import RunConfig

FILE_FORMAT = 1
"""Raised when the same settings would give another file than an earlier version of the studio did."""
# What decides how a run is watched, named or kept, and nothing of what it learns.
_NO_CONTENT = ("name", "author", "private_metadata", "device", "sample", "save", "validation",
               "image_loss")  # fmt: skip
BASE_COLUMN = "Base"


@dataclass(frozen=True)
class Competitor:
    """An entry with a name, and the complete settings of its run before budget and seed; None for a
    stack of others."""

    entry: Entry
    name: str
    config: RunConfig | None


@dataclass(frozen=True)
class Grounds:
    """What every training stands on, by content."""

    dataset: str
    """Digest of the images that are trained on, with captions and masks, and of those held out."""
    base: str
    """Hash of the base's weights."""
    files: Mapping[str, str] = field(default_factory=dict)
    """SHA-256 of further files and folders that settings name, by how they are named there."""


@dataclass(frozen=True)
class Training:
    """One run of a shootout. `key` is the same wherever the result would be."""

    key: str
    entry: str
    seed: int
    config: RunConfig
    measured: bool = True
    """False while its steps come from an estimate of its pace (a budget of minutes)."""


@dataclass(frozen=True)
class ColumnPlan:
    """One column of the comparison: which trainings' files, each at which strength."""

    name: str
    group: str
    """The entry; empty for the base."""
    method: str
    seed: int | None
    files: tuple[tuple[str, float], ...]
    """(key of a training, strength), in the order in which they are applied."""


@dataclass(frozen=True)
class Plan:
    """Trainings in the order in which they run, and the columns that follow."""

    settings: ShootoutSettings
    trainings: tuple[Training, ...]
    columns: tuple[ColumnPlan, ...]
    notes: tuple[str, ...] = ()

    def of(self, entry: str) -> list[Training]:
        """The trainings of an entry; those of its parts for a stack, which has none of its own."""
        keys = {key for column in self.columns if column.group == entry for key, _ in column.files}
        return [one for one in self.trainings if one.key in keys]


def plan(
    settings: ShootoutSettings,
    competitors: Sequence[Competitor],
    grounds: Grounds,
    paces: Mapping[str, float] | None = None,
    guesses: Mapping[str, float] | None = None,
) -> Plan:
    """The trainings and columns of a shootout.

    `paces` are measured seconds per step by an entry's name, `guesses` estimated ones for those that
    are not measured yet; only a budget of minutes asks for them. SettingsError for entries that are
    alike, that name others which are not there, or that get less than one step.
    """
    paces, guesses = paces or {}, guesses or {}
    _check_names(competitors)
    trainings: list[Training] = []
    own: dict[tuple[str, int], Training] = {}
    for seed in settings.training_seeds:
        for one in competitors:
            if one.config is None:
                continue
            measured = settings.budget != "minutes" or one.name in paces
            pace = paces.get(one.name, guesses.get(one.name))
            config = budgeted(one.config, settings, pace, one.name)
            title = f"{settings.title} {one.name} s{seed}"
            config = config.model_copy(update={"seed": seed, "name": title[:80].strip()})
            training = Training(identity(config, grounds), one.name, seed, config, measured)
            same = next((other for other in trainings if other.key == training.key), None)
            own[one.name, seed] = same or training
            trainings += [] if same else [training]
    columns = [ColumnPlan(BASE_COLUMN, "", "", None, ())]
    for one in competitors:
        for seed in settings.training_seeds:
            several = len(settings.training_seeds) > 1
            columns.append(_column(one, competitors, own, seed, several))
    _check_alike(columns)
    return Plan(settings, tuple(trainings), tuple(columns), tuple(_notes(settings, competitors)))


def budgeted(
    config: RunConfig, settings: ShootoutSettings, pace: float | None = None, name: str = ""
) -> RunConfig:
    """A run with the shootout's budget: how many steps it takes, and for minutes a limit too.

    A method that is computed and not optimized keeps its own steps: more would change nothing.
    `pace` is in seconds per step.
    """
    if settings.budget == "preset" or not methods.find(config.method).optimized:
        return config
    amount, per_step = settings.amount, images_per_step(config)
    if settings.budget == "steps":
        steps = int(amount)
    elif settings.budget == "images":
        steps = math.floor(amount / per_step + 1e-9)
    else:
        steps = math.floor(60 * amount / pace) if pace else config.train.steps
    if steps < 1:
        raise _too_little(settings, config, pace, name)
    train = config.train.model_copy(
        update={
            "steps": min(steps, 1_000_000),
            "minutes": amount if settings.budget == "minutes" else config.train.minutes,
        }
    )
    return config.model_copy(update={"train": train})


def images_per_step(config: RunConfig) -> int:
    """Images of the dataset that an optimizer step sees; class images come on top."""
    return config.train.batch_size * config.train.gradient_accumulation


def identity(config: RunConfig, grounds: Grounds) -> str:
    """The same text for trainings whose result is the same: settings, dataset, base, version.

    Where a folder lies, how a run is called, watched and kept do not count.
    """
    values = {key: value for key, value in config.model_dump().items() if key not in _NO_CONTENT}
    values["data"] = {key: value for key, value in values["data"].items() if key != "folder"}
    values["base"] = grounds.base
    facts = {
        "format": FILE_FORMAT,
        "dataset": grounds.dataset,
        "files": dict(sorted(grounds.files.items())) if _names_files(config) else {},
        "settings": values,
    }
    text = json.dumps(facts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _names_files(config: RunConfig) -> bool:
    return bool(config.prior.folder or config.options.get("continue_from"))


def _column(
    one: Competitor,
    competitors: Sequence[Competitor],
    own: Mapping[tuple[str, int], Training],
    seed: int,
    several: bool,
) -> ColumnPlan:
    name = f"{one.name} · seed {seed}" if several else one.name
    if one.config is not None:
        files: tuple[tuple[str, float], ...] = ((own[one.name, seed].key, one.entry.strength),)
        return ColumnPlan(name, one.name, one.config.method, seed, files)
    parts = [_part(one, part, competitors) for part in one.entry.stack]
    files = tuple(
        (own[part.name, seed].key, part.entry.strength * one.entry.strength) for part in parts
    )
    used = dict.fromkeys(part.config.method for part in parts if part.config is not None)
    return ColumnPlan(name, one.name, " + ".join(used), seed, files)


def _part(one: Competitor, wanted: str, competitors: Sequence[Competitor]) -> Competitor:
    trained = {other.name: other for other in competitors if other.config is not None}
    if wanted in trained:
        return trained[wanted]
    close = nearest(wanted, list(trained))
    hint = f"Did you mean “{close}”?" if close else f"Those are {', '.join(trained) or 'none'}."
    raise SettingsError(
        f"The entry “{one.name}” stacks “{wanted}”, which is no trained entry of this shootout",
        remedy=f"Name entries that have a preset. {hint}",
    )


def _check_names(competitors: Sequence[Competitor]) -> None:
    seen: set[str] = set()
    for one in competitors:
        folded = one.name.casefold()
        if folded in seen or folded == BASE_COLUMN.casefold():
            why = "The base has the name “Base”." if folded == BASE_COLUMN.casefold() else None
            raise SettingsError(
                f"Two entries are called “{one.name}”",
                why=why,
                remedy="Give each a name of its own.",
            )
        seen.add(folded)


def _check_alike(columns: Sequence[ColumnPlan]) -> None:
    seen: dict[object, str] = {}
    for column in columns:
        if (
            column.group
            and seen.setdefault((column.files, column.seed), column.group) != column.group
        ):
            first = seen[column.files, column.seed]
            raise SettingsError(
                f"The entries “{first}” and “{column.group}” are alike: they would give the same file",
                remedy="Change a setting of one of them, or leave it out.",
            )


def _notes(settings: ShootoutSettings, competitors: Sequence[Competitor]) -> list[str]:
    if settings.budget == "preset":
        return []
    idle = [
        one.name
        for one in competitors
        if one.config is not None and not methods.find(one.config.method).optimized
    ]
    found = []
    if idle:
        found.append(
            f"{' and '.join(idle)} keeps its own steps: it is computed from the images, and a larger "
            "budget would change nothing."
        )
    if any(one.config is None for one in competitors):
        found.append("A stack of entries has the budgets of all of them together.")
    return found


def _too_little(
    settings: ShootoutSettings, config: RunConfig, pace: float | None, name: str
) -> SettingsError:
    if settings.budget == "images":
        why = f"A step of “{name}” sees {counted(images_per_step(config), 'image')}."
    else:
        why = f"A step of “{name}” takes {pace or 0:.1f} seconds here."
    return SettingsError(
        f"{settings.amount:g} {settings.budget} are too few for a single step of “{name}”",
        why=why,
        remedy="Raise the amount, or make its batch smaller.",
    ).at({"amount": why})
