"""The entries of a shootout as complete runs, and what their trainings will take.

Owns: presets and changes to complete settings, everything that makes an entry impossible, and the
figures behind an estimate. Refuses to know: how a plan is made of them (`compare.shootout_plan`).
Imports no torch.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from studio import methods
from studio.architectures import ARCHITECTURES
from studio.compare.record import Comparison
from studio.compare.shootout.cost import Cost, Priced, priced
from studio.compare.shootout.plan import Competitor, Grounds, Plan, identity, plan
from studio.core.errors import InputError, SettingsError, StudioError
from studio.core.names import path_of, printable
from studio.core.record import Table
from studio.families.detect import BaseInfo
from studio.generation.shootout_grounds import Ground, files_of
from studio.library import presets
from studio.library.presets import PresetInfo
from studio.runs.completion import complete
from studio.runs.expectation import Expectation, expect, image_seconds
from studio.runs.preflight import judged
from studio.runs.training import Runs
from studio.settings.shootout import Entry, ShootoutSettings
from studio.settings.training import RunConfig

DECIDED = ("base", "seed", "name", "method", "device", "data.folder")
"""Settings of a run that are the shootout's own."""
SEEN = 8  # the newest comparisons say how long an image takes


@dataclass(frozen=True)
class Entries:
    """The entries of a shootout, ready to be planned."""

    competitors: tuple[Competitor, ...]
    grounds: Grounds
    guesses: Mapping[str, float]
    """Estimated seconds per step by an entry's name."""

    def planned(self, settings: ShootoutSettings, paces: Mapping[str, float]) -> Plan:
        """The plan; `paces` are measured seconds per step by the identity of a run before its budget."""
        known = {
            one.name: paces[key] for one in self.competitors if (key := self.pace_key(one)) in paces
        }
        return plan(settings, self.competitors, self.grounds, known, self.guesses)

    def pace_key(self, one: Competitor) -> str:
        """The identity of what a pace is measured on; empty for a stack of entries."""
        return identity(one.config, self.grounds) if one.config is not None else ""


def entries_of(settings: ShootoutSettings, ground: Ground, runs: Runs) -> Entries:
    """Completes every entry. SettingsError and InputError say which entry they are about."""
    competitors = []
    for number, entry in enumerate(settings.entries):
        with _about(number, entry):
            competitors.append(_competitor(entry, settings, ground, runs))
    files: dict[str, str] = {}
    guesses: dict[str, float] = {}
    states = runs.all() if settings.budget == "minutes" else []
    for one in competitors:
        if one.config is None:
            continue
        continued = str(one.config.options.get("continue_from") or "")
        files |= {name: name for name in (one.config.prior.folder, continued) if name}
        if states or settings.budget == "minutes":
            found = expect(one.config, ground.base, states, runs.config, runs.workspace.cache)
            guesses[one.name] = found.seconds / one.config.train.steps
    grounds = Grounds(ground.digest, ground.base_hash, files_of(files))
    return Entries(tuple(competitors), grounds, guesses)


def prices(
    found: Plan, done: Sequence[str], ground: Ground, runs: Runs, past: Sequence[Comparison]
) -> Priced:
    """What a plan will take, from the studio's own estimates. `past` are comparisons, newest first."""
    states = runs.all()
    expected = {
        one.key: expect(one.config, ground.base, states, runs.config, runs.workspace.cache)
        for one in found.trainings
    }
    costs = {key: _cost(one) for key, one in expected.items()}
    steps = found.settings.sampling.steps
    one_image = _seen_seconds(past, ground.base, steps)
    if one_image is None and found.trainings:
        first = found.trainings[0].config
        step = expected[found.trainings[0].key].seconds / first.train.steps
        one_image = image_seconds(first, ground.base, step, steps)
    return priced(found, costs, done, one_image or 0.0, len(ground.prompts))


def _cost(found: Expectation) -> Cost:
    return Cost(
        seconds=found.seconds,
        class_images=found.class_images,
        class_seconds=found.class_seconds,
        memory=found.memory,
        disk=found.disk,
        measured=found.source == "runs",
    )


def _seen_seconds(past: Sequence[Comparison], base: BaseInfo, steps: int) -> float | None:
    """Seconds per image that the newest comparisons on the base took, scaled to `steps`."""
    found = []
    for comparison in [one for one in past if one.base == base.name][:SEEN]:
        taken = comparison.settings.get("steps")
        for column in comparison.columns:
            if column.generation_seconds and column.images and isinstance(taken, int) and taken:
                found.append(column.generation_seconds / column.images / taken * steps)
    return statistics.median(found) if found else None


def _competitor(entry: Entry, settings: ShootoutSettings, ground: Ground, runs: Runs) -> Competitor:
    if entry.stack:
        return Competitor(entry, entry.name.strip() or " + ".join(entry.stack), None)
    chosen = entry.preset_for(ground.dataset.kind)
    preset = presets.find_preset(chosen)
    _check_preset(preset, ground.base, settings.base)
    _check_changes(entry.change, settings)
    own: Table = {
        "base": settings.base,
        "device": settings.device,
        "data": {"folder": printable(ground.dataset.path)},
    }
    config = presets.config_from(chosen, presets.merge(own, entry.change))
    completed = complete(config, runs.library)
    found = judged(completed, runs.library)
    if not found.ok:
        raise InputError(found.errors[0], safe="Nothing was started.").at(found.places())
    name = entry.name.strip() or _called(completed.config, entry.change)
    return Competitor(entry, name, completed.config)


def _called(config: RunConfig, change: Table) -> str:
    """“LoRA, rank 2”: the method, and what was changed in the preset."""
    title = methods.find(config.method).title
    changed = [f"{_words(key)} {value}" for key, value in _flat(change)]
    return ", ".join([title, *changed])[:60]


def _words(key: str) -> str:
    """“options.rank” → rank, “prior.weight” → prior weight."""
    parts = key.split(".")
    return " ".join(parts[parts[0] in ("options", "train") :]).replace("_", " ")


def _flat(values: Table, prefix: str = "") -> Iterator[tuple[str, object]]:
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def _check_preset(preset: PresetInfo, base: BaseInfo, called: str) -> None:
    remedy = f"Choose a preset for {base.title}, or another base."
    if preset.family and base.family and preset.family != base.family:
        made_for = (
            ARCHITECTURES[preset.family].title if preset.family in ARCHITECTURES else preset.family
        )
        raise InputError(
            f"The preset “{preset.name}” is made for {made_for}; the base “{called}” is {base.title}",
            remedy=remedy,
            safe="Nothing was started.",
        )
    if preset.base and preset.base != called:
        raise InputError(
            f"The preset “{preset.name}” is made for the base “{preset.base}”, not for “{called}”",
            why="Its learning rates would be wrong by an order of magnitude.",
            remedy=remedy,
            safe="Nothing was started.",
        )


def _check_changes(change: Table, settings: ShootoutSettings) -> None:
    for key, _ in _flat(change):
        if key in DECIDED:
            raise SettingsError(
                f"“{key}” is the same for all entries",
                remedy="Set it for the shootout, not for an entry.",
            )
        if key in ("train.steps", "train.minutes") and settings.budget != "preset":
            raise SettingsError(
                f"“{key}” has no effect: the budget decides how long each entry is trained",
                remedy="Take it out, or set the budget to preset.",
            )


@contextmanager
def _about(number: int, entry: Entry) -> Iterator[None]:
    """Errors inside say which entry they are about."""
    try:
        yield
    except StudioError as error:
        called = entry.name.strip() or entry.preset or f"number {number + 1}"
        error.where = f"entry “{called}”" + (f", {error.where}" if error.where else "")
        if "nothing was started" not in (error.remedy or "").lower():
            error.safe = error.safe or "Nothing was started."
        raise error.at({f"entries.{number}": error.what}) from None


def main_file(runs: Runs, run: str) -> str | None:
    """The file of a finished run that goes onto a stack; None when there is none left."""
    state = runs.state(run)
    own = [runs.folder(run) / path_of(name).name for name in state.files]
    for path in [*runs.files(state), *own]:
        if path.is_file():
            return str(path)
    return None
