"""What past runs say: how long a method takes here, how large its files are, how two runs differ.

Owns: reading it off the run folders; nothing is estimated. Refuses to know: pages, torch.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from studio.core.names import path_of
from studio.runs.records import Event, Finished, RunState, RunView, Validated, only
from studio.settings.training import RunConfig

# The validation loss (fixed noise) is of one scale only where these are equal: the same images, noise and
# model. (What is trained, and how, is what one wants to compare.)
SAME_VALIDATION = (
    "base",
    "seed",
    "data.folder",
    "data.resolution",
    "data.buckets",
    "validation.images",
)
NAMES = ("name",)  # told apart anyway


@dataclass(frozen=True)
class Experience:
    """What finished runs of a method on a base took."""

    method: str
    base: str
    runs: int
    seconds: float
    """Median time in steps."""
    steps: int
    bytes: int | None
    """Median size of a run's first file; None when no file is left to look at."""


@dataclass(frozen=True)
class Figures:
    """How a run ended, in numbers; None for what it never had."""

    state: str
    step: int
    seconds: float | None
    seconds_per_step: float | None
    train: float | None
    held_out: float | None
    best_held_out: float | None
    best_step: int | None
    peak_memory: int | None
    bytes: int | None
    change: float | None


class DifferingSetting(NamedTuple):
    """A setting and its values in two runs; one that only one method has is None on the other side."""

    key: str
    first: object
    second: object


@dataclass(frozen=True)
class Difference:
    """What differs between two runs in settings, curves, and end figures."""

    settings: list[DifferingSetting]
    """In the order of the settings' classes."""
    incomparable: list[str]
    """Differing keys that make the heights of the curves incomparable."""
    validations: list[list[Validated]]
    """The points of each run's validation loss (fixed noise)."""
    figures: list[Figures]


def experience(states: Sequence[RunState]) -> list[Experience]:
    """Per method and base, what the finished runs took."""
    groups: dict[tuple[str, str], list[tuple[float, RunState]]] = {}
    for state in states:
        if state.state == "finished" and state.seconds is not None:
            key = state.method, state.base
            groups.setdefault(key, []).append((state.seconds, state))
    return [
        Experience(
            method,
            base,
            len(runs),
            statistics.median(seconds for seconds, _ in runs),
            statistics.median_low(run.steps for _, run in runs),
            _median([size for _, run in runs if (size := main_file_size(run)) is not None]),
        )
        for (method, base), runs in sorted(groups.items())
    ]


def main_file_size(state: RunState) -> int | None:
    """Bytes of a run's first file (or folder of files); None when it is not there any more."""
    return size_of(path_of(state.files[0])) if state.files else None


def size_of(path: Path) -> int | None:
    """Bytes of a file, or of all files in a folder; None when nothing is there."""
    if path.is_dir():
        return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    return path.stat().st_size if path.is_file() else None


def difference(views: Sequence[RunView]) -> Difference:
    """Two views of runs, both with a configuration → what differs."""
    found = differing(*(view.config for view in views))
    return Difference(
        found,
        [setting.key for setting in found if setting.key in SAME_VALIDATION],
        [_validations(view.events) for view in views],
        [figures(view) for view in views],
    )


def differing(one: RunConfig | None, other: RunConfig | None) -> list[DifferingSetting]:
    """The settings that differ, in the order of their classes, names left out."""
    first, second = (flat(config.model_dump()) if config else {} for config in (one, other))
    keys = list(dict.fromkeys([*first, *second]))
    return [
        DifferingSetting(key, first.get(key), second.get(key))
        for key in keys
        if first.get(key) != second.get(key) and key not in NAMES
    ]


def figures(view: RunView) -> Figures:
    """How a run ended."""
    state, validations = view.state, _validations(view.events)
    held = [(point.held_out, point.step) for point in validations if point.held_out is not None]
    best = min(held, key=lambda pair: pair[0], default=(None, None))
    finished = only(view.events, Finished)
    verification = finished[-1].verify if finished else None
    return Figures(
        state=state.state,
        step=state.step,
        seconds=state.seconds,
        seconds_per_step=state.seconds / state.step if state.seconds and state.step else None,
        train=validations[-1].train if validations else None,
        held_out=held[-1][0] if held else None,
        best_held_out=best[0],
        best_step=best[1],
        peak_memory=state.peak_memory or None,
        bytes=main_file_size(state),
        change=verification.change if verification else None,
    )


def flat(values: Mapping[str, object], prefix: str = "") -> dict[str, object]:
    """Nested settings → dotted keys."""
    found: dict[str, object] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}{name}.")
        else:
            found[prefix + name] = value
    return found


def _validations(events: Iterable[Event]) -> list[Validated]:
    """One point per step; of a step that was measured again after going back, the newer one."""
    by_step = {event.step: event for event in only(events, Validated)}
    return [by_step[step] for step in sorted(by_step)]


def _median(values: list[int]) -> int | None:
    return statistics.median_low(values) if values else None
