"""One shootout, from wherever it is to its end: trainings in the ordinary queue, then columns.

Owns: the order of things, and what becomes of a training that fails, is stopped, or is gone. Whatever it
knows is in the shootout's record and in the folders of its runs and its comparison, so a process that is
killed at any moment is continued by the next one. Refuses to know: who watches, how a run is trained and
how a column is generated. Runs on the service's thread.
"""

from __future__ import annotations

import threading

from studio.compare.shootout.plan import ColumnPlan, Plan
from studio.compare.shootout.record import Shootout
from studio.core.errors import Interrupted, StorageError, StudioError
from studio.core.record import Failure
from studio.formats.dataset import image_files
from studio.generation.growing import GrowingComparisons
from studio.generation.shootout_entries import Entries, entries_of
from studio.generation.shootout_grounds import Ground, ground
from studio.generation.shootout_kept import Kept
from studio.generation.shootout_trainings import Trainings
from studio.runs.training import Runs
from studio.settings.generation import CompareSettings, Lane
from studio.settings.shootout import ShootoutSettings

ENDING = {"pause": "pausing", "cancel": "cancelling"}
"""What is wanted → the state that is shown until it has come about."""
ANEW = (
    "What is trained has changed since this shootout began: the columns are generated anew, in another "
    "comparison; the earlier one stays."
)
LOOK_EVERY = 0.3  # seconds between looks at the runs


class Work:
    """What the thread does with one shootout."""

    def __init__(self, kept: Kept, runs: Runs, comparisons: GrowingComparisons) -> None:
        self.kept, self.runs, self.comparisons = kept, runs, comparisons
        self.settings = ShootoutSettings.parse(kept.record.settings)
        self.wanted = ""
        """pause, cancel or close, once somebody wants that."""
        self.progress: tuple[int, int, str] | None = None
        """Of the column that is being generated."""
        self.unmeasured: dict[str, Failure] = {}
        """Entry → why its pace could not be measured."""
        self._wake = threading.Event()
        self.trainings = Trainings(kept, runs, self._rest)

    def want(self, what: str) -> None:
        """pause, cancel or close; the thread ends its work soon. Runs hear of it at once: this thread may
        be waiting for the device that one of them holds. A program that closes ends what somebody
        wants to end as they want it."""
        if not (what == "close" and self.wanted in ENDING):
            self.wanted = what
        self._wake.set()
        if what in ENDING:
            self.trainings.leave()

    @property
    def shown(self) -> Shootout:
        """The record as somebody sees it: that it is ending shows from the moment somebody wants it."""
        record, ending = self.kept.record, ENDING.get(self.wanted)
        if ending is None or not record.going:
            return record
        return record.changed(state=ending, doing="saving what is going on")

    def run(self) -> None:
        """Everything that is left to do. Interrupted when somebody wants it to end; StudioErrors that
        concern all of it."""
        found, entries = self._prepared()
        plan, trainings = entries.planned(self.settings, self.kept.record.paces), self.trainings
        if trainings.outdated(plan):  # its columns are of other trainings than these
            self.kept.tell(comparison="", notes=(*self.kept.record.notes, ANEW))
        trainings.take_over(plan, self.unmeasured)
        self._begin_comparison(found, plan)
        self.kept.tell(state="training", doing="")
        trainings.queue(plan)
        done = self.comparisons.columns_done(self.kept.record.comparison)
        left = [index for index in range(len(plan.columns)) if index not in done]
        while left:
            trainings.look()
            ready = next((index for index in left if trainings.settled(plan.columns[index])), None)
            if ready is None:
                self._rest(LOOK_EVERY)
                continue
            self._column(ready, plan.columns[ready])
            left.remove(ready)
        self._end()

    def _prepared(self) -> tuple[Ground, Entries]:
        """Everything looked at again: what has changed since the start shows in the keys of trainings."""
        self.kept.tell(state="preparing", doing="looking at the dataset and the base", error=None)
        found = ground(self.settings, self.runs.library)
        entries = entries_of(self.settings, found, self.runs)
        before = self.kept.record
        notes = list(found.notes)
        if before.dataset and before.dataset != found.digest:
            notes.append(
                "The dataset has changed since this shootout began; it is trained on as it is."
            )
        self.kept.tell(
            data=str(found.dataset.path), dataset=found.digest, held_out=found.held_out,
            prompts=found.prompts, notes=tuple(notes),
        )  # fmt: skip
        if self.settings.budget == "minutes":
            self._measure(entries)
        return found, entries

    def _measure(self, entries: Entries) -> None:
        """The pace of each entry that is not known yet. One that cannot be measured cannot be trained:
        the others can."""
        paces = dict(self.kept.record.paces)
        for one in entries.competitors:
            key = entries.pace_key(one)
            if one.config is None or key in paces:
                continue
            self._rest()
            self.kept.tell(doing=f"measuring a few steps of {one.name}")
            try:
                paces[key] = self.runs.estimate(one.config).seconds_per_step
            except (Interrupted, StorageError):
                raise
            except StudioError as error:
                self.unmeasured[one.name] = Failure.of(error)
            self.kept.tell(paces=dict(paces))

    def _begin_comparison(self, found: Ground, plan: Plan) -> None:
        """The comparison that fills while runs finish; a new one where there is none that fits."""
        sampling = self.settings.sampling
        lanes = [
            Lane(name=one.name, group=one.group, method=one.method, training_seed=one.seed)
            for one in plan.columns
        ]
        settings = CompareSettings(
            name=self.kept.record.name, base=self.settings.base, columns=lanes,
            prompts=[prompt.text for prompt in found.prompts], seeds=self.settings.prompts.seeds,
            reference=found.held_out.folder, training=str(found.dataset.path),
            device=self.settings.device, **sampling.model_dump(),
        )  # fmt: skip
        references = len(image_files(settings.reference)) if settings.reference else 0
        identity = self.comparisons.begun(
            settings, found.base.name, found.base_hash, references, self.kept.record.comparison
        )
        self.kept.tell(comparison=identity)

    # Columns.

    def _column(self, index: int, column: ColumnPlan) -> None:
        """Generates and measures a column, or writes why it cannot be."""
        comparison = self.kept.record.comparison
        lane = self.trainings.lane(column)
        if isinstance(lane, Failure):
            self.comparisons.failed(comparison, index, lane)
            return
        self.kept.tell(doing=f"generating the images of {column.name}")

        def progress(done: int, total: int, text: str) -> None:
            self.progress = (done, total, text)

        try:
            self.comparisons.add(comparison, index, lane, progress, self._unwanted)
        finally:
            self.progress = None
        self._rest()

    def _end(self) -> None:
        self.kept.tell(state="comparing", doing="comparing the columns")
        self.comparisons.end(self.kept.record.comparison, cancelled=False)
        rows = self.kept.record.trainings
        failed = next((row.error for row in rows if row.error is not None), None)
        lost = failed is not None and not any(row.done for row in rows)
        self.kept.tell(
            state="failed" if lost else "finished", doing="", error=failed if lost else None
        )

    # Endings that somebody wants.

    def _unwanted(self) -> bool:
        return bool(self.wanted)

    def _rest(self, seconds: float = 0) -> None:
        """Waits, or raises Interrupted when somebody wants the work to end."""
        if not self.wanted:
            self._wake.wait(seconds)
        if self.wanted:
            raise Interrupted("The shootout was stopped")
