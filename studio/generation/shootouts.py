"""Shootouts: several methods learn a dataset under one budget, then one comparison says what came of it.

Owns: the folders under `shootouts/`, their one thread, what somebody may want of one, and that what was
going on when the program ended goes on with the next one. Refuses to know: how a plan is made, what a
training and a column consist of (`shootout_work`), pages. Importing it loads no torch.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path

from studio.compare.shootout.record import (
    FILE,
    Shootout,
    list_shootouts,
    read_shootout,
    write_shootout,
)
from studio.core import atomic
from studio.core.errors import BusyError, InputError, MissingError, StorageError, StudioError
from studio.core.locks import Lock
from studio.core.names import path_of
from studio.core.paths import is_file, is_name
from studio.generation.comparisons import Comparisons
from studio.generation.growing import GrowingComparisons
from studio.generation.shootout_ends import begun, carry_out
from studio.generation.shootout_kept import Kept, hold
from studio.generation.shootout_views import (
    Planned,
    ShootoutView,
    TrainingView,
    planned,
    state_of,
)
from studio.generation.shootout_work import Work
from studio.runs.training import Runs
from studio.settings.shootout import ShootoutSettings


class Shootouts:
    """The shootouts of a workspace; one at a time is worked on."""

    def __init__(self, runs: Runs, comparisons: Comparisons) -> None:
        self.runs, self.comparisons, self.workspace = runs, comparisons, runs.workspace
        self.growing = GrowingComparisons(runs.runtime, comparisons)
        self._condition, self._starting = threading.Condition(), threading.Lock()
        self._waiting: list[str] = []
        self._locks: dict[str, Lock] = {}
        self._kept: dict[str, Kept] = {}
        """Records of those that are worked on here, and of ended ones whose end the disk has not taken."""
        self._work: Work | None = None
        self._thread: threading.Thread | None = None
        self._closing = False

    def plan(self, settings: ShootoutSettings) -> Planned:
        """What a shootout amounts to and costs, with every error it would end with; starts nothing."""
        return planned(settings, self.runs, self.comparisons.all(), self._known_paces())

    def start(self, settings: ShootoutSettings) -> str:
        """Begins a shootout, or continues an unfinished one with the same settings; returns its id.

        Raises everything that makes it impossible before anything is trained.
        """
        with self._starting:  # a second click finds what the first one has begun
            return self._started(settings)

    def _started(self, settings: ShootoutSettings) -> str:
        same = [one for one in self.all() if one.settings == settings.model_dump()]
        unfinished = next((one for one in same if one.state != "finished"), None)
        if unfinished is not None and unfinished.state != "cancelled":
            if unfinished.id not in self._locks:
                self.go_on(unfinished.id)
            return unfinished.id
        try:
            self.plan(settings)
        except StudioError as error:
            if "nothing was started" not in (error.remedy or "").lower():
                error.safe = error.safe or "Nothing was started."
            raise
        name = settings.title
        folder = self.workspace.new_folder(self.workspace.shootouts, name)
        record = Shootout(
            id=folder.name, name=name, created=round(time.time(), 3), settings=settings.model_dump(),
            state="preparing", paces=self._known_paces(),
        )  # fmt: skip
        try:
            write_shootout(folder, record)
        except StorageError as error:
            error.safe = "Nothing was started."
            atomic.remove_folder(folder)
            raise
        self._enqueue(folder.name)
        return folder.name

    def go_on(self, identity: str) -> None:
        """Continues a paused, failed or interrupted shootout, or a finished one whose entries failed:
        with these it tries again. BusyError while somebody works on it."""
        if identity in self._locks:
            raise BusyError("This shootout is going on already", where=identity)
        self._enqueue(identity, again=True)

    def resume_all(self) -> list[str]:
        """Continues what was going on when the last program ended; returns the ids, oldest first."""
        found = []
        for record in reversed(self.all()):
            if record.going and record.id not in self._locks:
                try:
                    self._enqueue(record.id)
                    found.append(record.id)
                except StudioError:  # another program works on it
                    continue
        return found

    def pause(self, identity: str) -> None:
        """Stops it where it is; its runs are saved, and `go_on` continues them."""
        self._end(identity, "pause", "paused")

    def cancel(self, identity: str) -> None:
        """Ends it. Finished trainings and images stay."""
        self._end(identity, "cancel", "cancelled")

    def delete(self, identity: str) -> Path:
        """Moves the record to the trash; runs and comparison stay. InputError while it is worked on
        here, BusyError while another program does that."""
        with self._condition:
            if identity in self._locks:
                raise InputError("This shootout is still going on", remedy="Cancel it first.")
            lock = hold(folder := self.folder(identity))
            try:
                self._kept.pop(identity, None)
                return atomic.move_to_trash(folder, self.workspace.trash)
            finally:
                lock.release()

    def all(self) -> list[Shootout]:
        """Every shootout, newest first."""
        with self._condition:
            kept = {identity: self._known(identity) for identity in list(self._kept)}
            found = list_shootouts(self.workspace.shootouts)
            return [here.record if (here := kept.get(one.id)) else one for one in found]

    def view(self, identity: str) -> ShootoutView:
        """One shootout as it is now. MissingError."""
        with self._condition:
            kept, work = self._known(identity), self._work
            here = identity in self._locks
        record = kept.record if kept else read_shootout(self.folder(identity))
        mine = work if work is not None and work.kept is kept else None
        return ShootoutView(
            mine.shown if mine else record,
            [TrainingView(row, state_of(self.runs, row.run)) for row in record.trainings],
            mine.progress if mine and not mine.wanted else None,
            here,
        )

    def wait(self, identity: str, timeout: float | None = None) -> Shootout:
        """Blocks until nobody works on it here any more."""
        until = None if timeout is None else time.monotonic() + timeout
        with self._condition:
            while identity in self._locks and (until is None or time.monotonic() < until):
                self._condition.wait(0.3)
        return self.view(identity).shootout

    def folder(self, identity: str) -> Path:
        """The folder of a shootout, a plain name."""
        folder = path_of(self.workspace.shootouts / identity)
        if not is_name(identity) or not is_file(folder / FILE):
            raise MissingError("There is no such shootout", where=identity[:100])
        return folder

    def close(self, timeout: float = 30.0) -> None:
        """Ends the work; what was going on goes on with the next program."""
        with self._condition:
            if self._closing:
                return
            self._closing = True
            work = self._work
            for identity in self._waiting:
                self._release(identity)
            self._waiting = []
            self._condition.notify_all()
        if work is not None:
            work.want("close")
        if self._thread is not None:
            self._thread.join(timeout)

    # The thread.

    def _enqueue(self, identity: str, again: bool = False) -> None:
        """Hands a shootout to the thread; `again` forgets what has failed."""
        with self._condition:
            if self._closing:
                return
            lock = hold(folder := self.folder(identity))
            try:
                kept = self._known(identity) or Kept(folder)
                if again:
                    rows = tuple(row.changed(error=None) for row in kept.record.trainings)
                    kept.tell(state="preparing", trainings=rows, error=None)
            except BaseException:
                lock.release()
                raise
            self._locks[identity], self._kept[identity] = lock, kept
            self._waiting.append(identity)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="shootouts", daemon=True)
                self._thread.start()
            self._condition.notify_all()

    def _run(self) -> None:
        while True:
            with self._condition:
                while not self._closing and not self._waiting:
                    self._condition.wait()
                if self._closing:
                    return
                identity = self._waiting.pop(0)
                self._work = begun(self._kept[identity], self.runs, self.growing)
            try:
                if self._work is not None:
                    carry_out(self._work)
            finally:
                with self._condition:
                    self._work = None
                    self._release(identity)

    def _end(self, identity: str, what: str, state: str) -> None:
        """Asks the thread to end a shootout, or ends one that only waits. BusyError for one that
        another program works on."""
        with self._condition:
            if self._work is not None and self._work.kept.folder.name == identity:
                self._work.want(what)
                return
            if identity in self._waiting:
                self._waiting.remove(identity)
                self._kept[identity].tell(state=state, doing="")
                self._release(identity)
                return
            lock = hold(folder := self.folder(identity))
            try:
                kept = self._known(identity) or Kept(folder)
                if what == "pause" or kept.record.state == "finished":
                    raise InputError("This shootout is not going on", where=kept.record.name)
                kept.tell(state=state, doing="", error=None)
                if kept.unwritten:
                    self._kept[identity] = kept
            finally:
                lock.release()

    def _known(self, identity: str) -> Kept | None:
        """The record that is in memory; None once the disk has all of it and nobody works on it here.
        Call with the condition held."""
        kept = self._kept.get(identity)
        if kept is not None and identity not in self._locks and kept.flush():
            self._kept.pop(identity)
            return None
        return kept

    def _release(self, identity: str) -> None:
        """Nobody works on it here any more. Call with the condition held."""
        self._locks.pop(identity).release()
        self._known(identity)
        self._condition.notify_all()

    def _known_paces(self) -> dict[str, float]:
        """What earlier shootouts have measured: the same training then has the same steps again."""
        found: dict[str, float] = {}
        for one in list_shootouts(self.workspace.shootouts):
            found = {**one.paces, **found}
        return found
