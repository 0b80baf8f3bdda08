"""A shootout before it begins and while it goes on, as whoever looks at one sees it.

Owns: these records, and how a plan is made and priced. Refuses to know: who looks, the thread.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from studio.compare.record import Comparison
from studio.compare.shootout.cost import Priced
from studio.compare.shootout.plan import Plan
from studio.compare.shootout.record import Shootout, TrainingRecord
from studio.core.errors import MissingError
from studio.generation.shootout_entries import entries_of, main_file, prices
from studio.generation.shootout_grounds import Ground, ground
from studio.runs import marks
from studio.runs.records import RunState
from studio.runs.training import Runs
from studio.settings.shootout import ShootoutSettings


@dataclass(frozen=True)
class Planned:
    """A plan with what it stands on and what it costs."""

    plan: Plan
    ground: Ground
    prices: Priced
    done: tuple[str, ...]
    """Keys of trainings that are finished already."""


@dataclass(frozen=True)
class TrainingView:
    """One training as it is now; `state` is None until it has a run."""

    row: TrainingRecord
    state: RunState | None


@dataclass(frozen=True)
class ShootoutView:
    """A shootout as it is now."""

    shootout: Shootout
    trainings: list[TrainingView]
    progress: tuple[int, int, str] | None
    """Of the column that is being generated: done, total, a sentence."""
    here: bool
    """Whether this program works on it, or will."""


def planned(
    settings: ShootoutSettings,
    runs: Runs,
    past: Sequence[Comparison],
    paces: Mapping[str, float],
) -> Planned:
    """The plan of a shootout; `past` are comparisons, newest first, `paces` what was measured before.

    Raises every error the shootout would end with.
    """
    found = ground(settings, runs.library)
    plan = entries_of(settings, found, runs).planned(settings, paces)
    marked = marks.marked(runs.workspace.runs)
    done = tuple(
        one.key
        for one in plan.trainings
        if any(_finished(runs, run) for run in marked.get(one.key, []))
    )
    return Planned(plan, found, prices(plan, done, found, runs, past), done)


def state_of(runs: Runs, run: str) -> RunState | None:
    """The state of a run; None for one that is not there (any more)."""
    if not run:
        return None
    try:
        return runs.state(run)
    except MissingError:
        return None


def _finished(runs: Runs, run: str) -> bool:
    state = state_of(runs, run)
    return state is not None and state.state == "finished" and bool(main_file(runs, run))
