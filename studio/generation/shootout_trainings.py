"""The trainings of a shootout: ordinary runs in the ordinary queue, each found again by its content.

Owns: which run a training is, and what becomes of one that fails, is stopped, or is gone. Refuses to know:
how a run is trained, how columns are generated. Used on the service's thread.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from types import MappingProxyType

from studio.compare.shootout.plan import ColumnPlan, Plan
from studio.compare.shootout.record import TrainingRecord
from studio.core.errors import MissingError, StorageError, StudioError
from studio.core.record import Failure
from studio.generation.shootout_entries import main_file
from studio.generation.shootout_kept import Kept
from studio.runs import marks
from studio.runs.records import RunState
from studio.runs.training import Runs
from studio.settings.generation import Lane
from studio.settings.stack import StackItem

NOTHING: Mapping[str, Failure] = MappingProxyType({})


class Trainings:
    """The rows of one shootout's record, and the runs behind them."""

    def __init__(self, kept: Kept, runs: Runs, rest: Callable[[], None]) -> None:
        """`rest` raises Interrupted when somebody wants the work to end."""
        self.kept, self.runs, self.rest = kept, runs, rest

    def outdated(self, plan: Plan) -> bool:
        """Whether something was trained that the plan has no more: captions, images or settings have
        changed meanwhile, and the columns so far may be of it."""
        keys = {one.key for one in plan.trainings}
        return any(row.run and row.key not in keys for row in self.kept.record.trainings)

    def take_over(self, plan: Plan, impossible: Mapping[str, Failure] = NOTHING) -> None:
        """A row for each training; what is known of one that stayed the same is kept. `impossible` are
        entries that cannot be trained."""
        known = {row.key: row for row in self.kept.record.trainings}
        rows = [
            known.get(one.key) or TrainingRecord(key=one.key, entry=one.entry, seed=one.seed)
            for one in plan.trainings
        ]
        rows = [
            row if row.done or row.entry not in impossible
            else row.changed(error=impossible[row.entry])
            for row in rows
        ]  # fmt: skip
        notes = [*self.kept.record.notes, *plan.notes]
        self.kept.tell(trainings=tuple(rows), notes=tuple(dict.fromkeys(notes)))

    def queue(self, plan: Plan) -> None:
        """Finds the runs that are there already, and queues what is missing, in the plan's order."""
        marked = marks.marked(self.runs.workspace.runs)
        for training in plan.trainings:
            row = self._row(training.key)
            if row.done or row.error is not None:
                continue
            self.rest()
            try:
                found = self._found(row, marked.get(row.key, []))
                if found is None:
                    run = self.runs.start(training.config, mark=training.key)
                    found = row.changed(run=run, reused=False)
            except StorageError:
                raise
            except StudioError as error:  # this one cannot be trained: the others can
                found = row.changed(error=Failure.of(error))
            self.kept.training(found)

    def _found(self, row: TrainingRecord, candidates: list[str]) -> TrainingRecord | None:
        """The row with a run that is finished, goes on or can be resumed; None when there is none."""
        states = [self.runs.state(run) for run in candidates]
        for state in states:
            if state.state == "finished" and main_file(self.runs, state.run):
                own = state.run == row.run
                return row.changed(run=state.run, done=True, reused=row.reused or not own)
        for state in states:
            if state.active:
                return row.changed(run=state.run)
        for state in states:
            if state.state in ("interrupted", "stopped") or state.run == row.run:
                if state.state != "finished":
                    self.runs.resume(state.run)
                    return row.changed(run=state.run)
        return None

    def look(self) -> None:
        """What has become of the runs; a queue that one of ours holds goes on."""
        held = self.runs.queue([]).paused_by
        words = []
        for row in self.kept.record.trainings:
            if row.done or row.error is not None or not row.run:
                continue
            try:
                state = self.runs.state(row.run)
            except MissingError:
                self.kept.training(row.changed(error=Failure.of(_gone(row))))
                continue
            if not state.active:
                self.rest()  # what ends because somebody wants the whole to end has not failed
                self.kept.training(self._ended(row, state))
            elif state.state != "queued":
                words.append(_doing(row, state))
        if held and held in {row.run for row in self.kept.record.trainings}:
            self.runs.go_on()
        self.kept.tell(doing=words[0] if words else "")

    def _ended(self, row: TrainingRecord, state: RunState) -> TrainingRecord:
        if state.state == "finished" and main_file(self.runs, row.run):
            return row.changed(done=True)
        if state.state == "failed" and state.error is not None:
            return row.changed(error=state.error)
        if state.state == "finished":
            return row.changed(error=Failure.of(_gone(row)))
        step = f" at step {state.step} of {state.steps}" if state.step else ""
        return row.changed(
            error=Failure(
                what=f"The run was {state.state}{step}",
                why=state.reason,
                remedy="Continue the shootout: it resumes the run.",
            )
        )

    def _row(self, key: str) -> TrainingRecord:
        return next(row for row in self.kept.record.trainings if row.key == key)

    def settled(self, column: ColumnPlan) -> bool:
        """Whether nothing has to be waited for any more."""
        rows = [self._row(key) for key, _ in column.files]
        return all(row.done for row in rows) or any(row.error is not None for row in rows)

    def lane(self, column: ColumnPlan) -> Lane | Failure:
        """The column with its files, and what is known of their trainings; or why there are none."""
        stack, states = [], []
        for key, strength in column.files:
            row = self._row(key)
            if row.error is not None:
                return row.error
            try:
                path, state = main_file(self.runs, row.run), self.runs.state(row.run)
            except MissingError:
                path, state = None, RunState()
            if path is None:
                gone = Failure.of(_gone(row))
                self.kept.training(row.changed(done=False, error=gone))
                return gone
            stack.append(StackItem(path=path, strength=strength))
            states.append(state)
        return lane_of(column, stack, states)

    def leave(self) -> list[str]:
        """Tells the runs that were queued for this shootout to end, with no file made of what is unfinished."""
        active = set(self.runs.active())
        ours = [row.run for row in self.kept.record.trainings if row.run in active and not row.done]
        for run in reversed(ours):  # those that wait first, so that none begins meanwhile
            with contextlib.suppress(StudioError):  # it has ended in this very moment
                self.runs.command(run, "leave")
        return ours

    def stop(self) -> None:
        """Ends the runs that were queued for this shootout and waits until they are saved."""
        for run in self.leave():
            with contextlib.suppress(StudioError):
                self.runs.wait(run)


def lane_of(column: ColumnPlan, stack: list[StackItem], states: list[RunState]) -> Lane:
    """A column of the comparison; what a stack of entries took is added up."""
    seconds = [state.seconds for state in states if state.seconds is not None]
    trained = [sum(state.trained.values()) for state in states if state.trained]
    peaks = [state.peak_memory for state in states if state.peak_memory]
    one = states[0] if len(states) == 1 else None
    return Lane(
        name=column.name,
        stack=stack,
        run=one.run if one else "",
        step=one.step if one else None,
        method=column.method,
        training_seed=column.seed,
        group=column.group,
        seconds=round(sum(seconds), 2) if seconds else None,
        trainable_parameters=sum(trained) if trained else None,
        peak_memory=max(peaks) if peaks else None,
    )


def _gone(row: TrainingRecord) -> MissingError:
    return MissingError(
        f"The file of “{row.entry}” is gone",
        why="Its run or its file was deleted while the shootout went on.",
        remedy="Continue the shootout: it trains this one anew.",
        safe="The other entries are as they were.",
    )


def _doing(row: TrainingRecord, state: RunState) -> str:
    if state.state == "paused":
        reason = f": {state.reason}" if state.reason else ""
        return f"the training of {row.entry} is paused{reason}"
    return f"training {row.entry}, seed {row.seed}: step {state.step} of {state.steps}"
