"""Training runs: the queue, the one trainer thread, commands, and what any viewer sees.

Owns: run folders, their locks, the order of the queue and what a failure does to it. A run lives
here and on disk; a page only looks. Refuses to know: torch, pages, what happens in a run's turn
(`turn`).

What a run here says of itself is shown from memory: a disk that takes no writes hides nothing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from studio.core import atomic
from studio.core.errors import InputError, StorageError, StudioError
from studio.core.text import read_json
from studio.library import presets
from studio.runs import dataset_record, marks, turn
from studio.runs.changes import changed, going_on, may_go_on, record
from studio.runs.completion import complete
from studio.runs.control import Control
from studio.runs.events import RunLog, hold
from studio.runs.folders import RunFolders
from studio.runs.notify import Notifier
from studio.runs.preflight import judged
from studio.runs.records import Queue, RunState
from studio.settings.training import RunConfig

if TYPE_CHECKING:
    from studio.runs.estimate import Estimate
    from studio.runtime.runtime import Runtime

COMMANDS = ("pause", "continue", "stop", "leave", "save", "sample")
SETTINGS = "queue.json"


class Runs(RunFolders):
    """The runs of a workspace, and the queue of this process."""

    def __init__(self, runtime: Runtime) -> None:
        super().__init__(runtime.library)
        self.runtime = runtime
        self._queue: list[str] = []
        self._controls: dict[str, Control] = {}
        self._thread: threading.Thread | None = None
        self._closing = False
        self._paused_by: str | None = None
        """The failed run for whose sake the queue waits."""
        self._settings = self.workspace.runs / SETTINGS
        self.notifier = Notifier()

    def estimate(self, config: RunConfig) -> Estimate:
        """Seconds and bytes the run will take, measured on a few steps with the real model."""
        from studio.runs.estimate import estimate

        completed = complete(config, self.library)
        with self.runtime.turn("measuring a few steps", "measuring"):
            return estimate(completed.config, self.runtime)

    def start(self, config: RunConfig, mark: str = "") -> str:
        """Queues a run and returns its id; raises what makes it impossible before anything is
        written."""
        try:
            completed = complete(config, self.library)
        except StudioError as error:
            error.safe = "Nothing was started."
            raise
        found = judged(completed, self.library)
        if not found.ok:
            raise InputError(found.errors[0], safe="Nothing was started.").at(found.places())
        return self.queued(completed.config, mark)

    def queued(self, config: RunConfig, mark: str = "") -> str:
        """Makes a run folder for a complete configuration and queues the run; returns its id. A
        `mark` says what it is for (`runs.marks`)."""
        name = config.name or f"{Path(config.data.folder).name}-{config.method}"
        config = config.model_copy(update={"name": name})
        folder = self.workspace.new_run_folder(name)
        state = RunState(
            run=folder.name,
            name=name,
            method=config.method,
            base=config.base,
            step=0,
            steps=config.train.steps,
            epoch=0,
            created_at=round(time.time(), 3),
            files=(),
            last_checkpoint=None,
        )
        try:
            atomic.write_text(folder / "config.toml", presets.to_toml(config))
            marks.write(folder, mark)
            self._enqueue(folder, state, durably=True)
        except StudioError as error:
            error.safe = "Nothing was started."
            atomic.remove_folder(folder)
            raise
        return folder.name

    def resume(
        self, run_id: str, *, accept_changes: bool = False, changes: Sequence[str] = ()
    ) -> str:
        """Queues a run that ended; it continues from its newest checkpoint, with the same result as
        without the break unless `changes` (`key=value`, see `runs.changes`) says otherwise.

        A paused run is stopped first. Raises DatasetChanged when its dataset is not what it was,
        unless that is accepted.
        """
        folder, config = self.folder(run_id), self.config(run_id)
        self.library.check_paths(config)
        wanted = changed(config, changes)
        if changes and self._state(folder).state == "paused":
            self.command(run_id, "stop")
            self.wait(run_id)
        may_go_on(state := self._state(folder), config, wanted)
        if not accept_changes:
            dataset_record.check(folder, config, self.library.images)
        record(RunLog(folder), config, wanted)
        again = going_on(state, wanted)
        self._enqueue(folder, again.changed(accept_changes=accept_changes))
        return run_id

    def command(self, run_id: str, command: str) -> None:
        """pause, continue, stop, leave, save or sample; takes effect at the next step boundary."""
        if command not in COMMANDS:
            raise InputError(f"There is no command “{command}”", remedy=", ".join(COMMANDS))
        with self._condition:
            control = self._controls.get(run_id)
            if control is None:
                raise InputError(
                    "This run is not going on here", where=run_id, remedy="Resume it first."
                )
            if command in ("stop", "leave") and run_id in self._queue:
                self._queue.remove(run_id)
                self._logs[run_id].tell(
                    state="stopped", place=None, reason="Taken out of the queue before it began."
                )
                self._release(run_id)
                self._ordered()
                return
        control.give(command)

    # The queue.

    def queue(self, states: Sequence[RunState] | None = None) -> Queue:
        """What waits, and what waited when the program ended: `requeue` puts that back.

        `states` saves reading them again when the caller has just asked for `all`.
        """
        with self._condition:
            waiting, paused_by = list(self._queue), self._paused_by
        known = self.all() if states is None else states
        left = sorted((s.place, s.run) for s in known if s.state == "interrupted" and s.place)
        return Queue(waiting, paused_by, self.continue_on_error, [run for _, run in left])

    def reorder(self, run_id: str, place: int) -> list[str]:
        """Moves a waiting run to `place` (0 is next); returns the new order, which is on disk."""
        with self._condition:
            if run_id not in self._queue:
                raise InputError(
                    "This run does not wait in the queue any more",
                    where=run_id[:100],
                    remedy="A run that has begun can be paused or stopped.",
                )
            self._queue.remove(run_id)
            self._queue.insert(max(0, place), run_id)
            self._ordered()
            return list(self._queue)

    @property
    def continue_on_error(self) -> bool:
        """Whether the next run begins after one has failed; kept for this workspace."""
        try:
            kept = read_json(self._settings)
        except (OSError, ValueError):
            return True
        return not isinstance(kept, dict) or kept.get("continue_on_error") is not False

    @continue_on_error.setter
    def continue_on_error(self, value: bool) -> None:
        atomic.write_json(self._settings, {"continue_on_error": bool(value)})
        if value:
            self.go_on()

    def go_on(self) -> None:
        """Lets a paused queue go on."""
        with self._condition:
            self._paused_by = None
            self._condition.notify_all()

    def requeue(self) -> list[str]:
        """Puts back what waited when the program ended, in the same order; returns their ids."""
        left = self.queue().left
        refused: StudioError | None = None
        for run_id in left:
            try:
                self.resume(run_id)
            except StudioError as error:  # the others need not wait for an answer about this one
                refused = refused or error
        if refused is not None:
            raise refused
        return left

    def wait(self, run_id: str) -> RunState:
        """Blocks until the run has ended; returns its state."""
        with self._condition:
            while run_id in self._locks:
                self._condition.wait(0.5)
        return self._state(self.folder(run_id))

    def active(self) -> list[str]:
        """Runs going on or queued here, in order."""
        with self._condition:
            return list(self._controls)

    def close(self, timeout: float = 120.0) -> None:
        """Stops and saves what is going on; queued runs stay resumable. Once only."""
        with self._condition:
            if self._closing:
                return
            self._closing = True
            for run_id in list(self._queue):
                self._queue.remove(run_id)
                self._release(run_id)  # its lock is free, so it shows as interrupted
            for control in self._controls.values():
                control.give("stop")
            self._condition.notify_all()
        if self._thread is not None:
            self._thread.join(timeout)
        self.notifier.close()

    def _enqueue(self, folder: Path, state: RunState, durably: bool = False) -> None:
        """Puts a run at the queue's end; with `durably` only if the disk has heard of it."""
        with self._condition:
            lock = self._locks[folder.name] = hold(folder)
            run = self._logs[folder.name] = self._logs.get(folder.name) or RunLog(folder)
            last = self._logs[self._queue[-1]].state.place if self._queue else 0
            try:
                run.replace(state.changed(state="queued", place=1 + (last or 0)))
            except StorageError:
                if durably:
                    self._logs.pop(folder.name)
                    self._locks.pop(folder.name)
                    lock.release()
                    raise
            self._controls[folder.name] = Control()
            self._queue.append(folder.name)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="trainer", daemon=True)
                self._thread.start()
            self._condition.notify_all()

    def _ordered(self) -> None:
        """Writes every waiting run's place (1 is next) where it changed. Call with the lock held."""
        if not self._queue:
            self._paused_by = None
        for place, run_id in enumerate(self._queue, 1):
            run = self._logs[run_id]
            if run.state.place != place:
                run.tell(place=place)

    def _work(self) -> None:
        while True:
            with self._condition:
                while not self._closing and (self._paused_by or not self._queue):
                    self._condition.wait()
                if self._closing:
                    return
                run_id = self._queue.pop(0)
                control = self._controls[run_id]
            if not self._one(run_id, control) and not self.continue_on_error:
                with self._condition:
                    self._paused_by = run_id if self._queue else None

    def _one(self, run_id: str, control: Control) -> bool:
        run, lock = self._logs[run_id], self._locks[run_id]
        try:
            return turn.take(run, partial(self.config, run_id), control, self.runtime, lock)
        finally:
            self.notifier.tell(run.state)
            with self._condition:
                self._release(run_id)

    def _release(self, run_id: str) -> None:
        self._forget(run_id)
        self._condition.notify_all()

    def _forget(self, run_id: str) -> None:
        """The run is not here any more; its log stays while the disk lacks something of it."""
        if not self._logs[run_id].unwritten:
            self._logs.pop(run_id)
        self._locks.pop(run_id).release()
        self._controls.pop(run_id, None)
