"""Which checkpoint to use, at what strength: asked of runs, answered by a race on the device.

Owns: what is asked when the person leaves it open, and the folders of answers. Refuses to know: the
race and its rule (`studio.compare`), pages. Importing it loads no torch.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from studio.compare.selection.record import SELECTION_FILE, Chosen, Selection, read_selection
from studio.core import atomic
from studio.core.callbacks import Cancelled, OnProgress
from studio.core.errors import InputError, MissingError
from studio.core.names import path_of
from studio.core.paths import entries, is_file, is_folder
from studio.generation.in_use import in_use
from studio.generation.selection_plan import Plan, planned
from studio.runs import rebuilding
from studio.runs.training import Runs
from studio.runtime.runtime import Runtime
from studio.settings.selection import SelectionSettings

if TYPE_CHECKING:
    from studio.runs.choosing import Written

KEPT = "The images generated so far are kept; starting again goes on with them."


class Selections:
    """The choices among checkpoints of a workspace."""

    def __init__(self, runtime: Runtime, runs: Runs) -> None:
        self.workspace, self.runtime, self.runs = runtime.library.workspace, runtime, runs

    def plan(self, settings: SelectionSettings) -> Plan:
        """What would be compared, with everything filled in; loads no model, errors in plain words."""
        return planned(settings, self.runs, self.runtime.library)

    def select(
        self,
        settings: SelectionSettings,
        on_progress: OnProgress | None = None,
        cancelled: Cancelled | None = None,
        started: Callable[[str], None] | None = None,
    ) -> Selection:
        """Races the checkpoints when the device is free; yields it between batches.

        The same question goes on where it was cancelled or killed; asked again after its end, its
        answer stands until the new one is complete, also where that is cancelled. `started` hears the
        id. What the checkpoints cannot be judged by is said in the notes.
        """
        plan = self.plan(settings)
        from studio.compare.selection.selecting import Selecting
        from studio.generation.selection_question import question

        with self.runtime.turn("choosing a checkpoint", "comparison", KEPT):
            base, asked = question(plan, self.runs, self.runtime, on_progress, cancelled)
            folder = self._folder_of(asked.digest, plan.settings.name)
            if started:
                started(folder.name)
            try:
                race = Selecting(
                    base, asked, folder, on_progress=on_progress, cancelled=cancelled,
                    device=self.runtime.lock,
                )  # fmt: skip
            except BaseException:
                if not is_file(folder / SELECTION_FILE):
                    atomic.remove_folder(folder)  # it never began
                raise
            with in_use(folder):
                return race.run().changed(id=folder.name)

    def saved(self, run: str) -> list[int]:
        """The steps of a run whose checkpoints are on disk."""
        folder = self.runs.folder(run)
        return list(rebuilding.saved(folder)) if is_folder(folder / "checkpoints") else []

    def all(self) -> list[Selection]:
        """Every choice that can be read, newest first."""
        found = []
        for folder in sorted(entries(self.workspace.comparisons), reverse=True):
            try:
                found.append(read_selection(folder))
            except (MissingError, OSError):
                continue
        return found

    def one(self, identity: str) -> Selection:
        """One by its id, a plain folder name."""
        return read_selection(self.folder(identity))

    def folder(self, identity: str) -> Path:
        """The folder of a choice, which is that of its comparison."""
        folder = path_of(self.workspace.comparisons / identity)
        plain = Path(identity).name == identity and identity not in ("", ".", "..")
        if not plain or not is_folder(folder):
            raise MissingError("There is no such comparison", where=identity[:100])
        return folder

    def write(
        self, identity: str, choice: Chosen | None = None, *, with_strength: bool = True
    ) -> Written:
        """Writes the recommended checkpoint, or another candidate, as the file of its run."""
        found = self.one(identity)
        chosen = choice or found.recommended
        if chosen is None:
            raise InputError(
                "Nothing is recommended here",
                where=found.reason or None,
                remedy="Choose one of the checkpoints yourself, or let the comparison end first.",
            )
        known = {(entry.run, entry.step, entry.strength) for entry in found.entries}
        if (chosen.run, chosen.step, chosen.strength) not in known:
            raise MissingError(
                "This checkpoint is no part of the comparison", where=f"step {chosen.step}"
            )
        from studio.runs.choosing import use_checkpoint

        why = found.reason if chosen == found.recommended else "Chosen by hand."
        strength = chosen.strength if with_strength else 1.0
        with self.runtime.turn("writing a checkpoint's file", "anything", "The run is as it was."):
            written = use_checkpoint(
                chosen.run, chosen.step, strength, self.runs, self.runtime, why
            )
            self._note(identity, chosen)
        return written

    def _note(self, identity: str, chosen: Chosen) -> None:
        """Into the record as it is by now. Holding the device, so that no race writes it meanwhile."""
        found = self.one(identity).changed(written=chosen)
        atomic.write_json(self.folder(identity) / SELECTION_FILE, found.as_json())

    def _folder_of(self, digest: str, name: str) -> Path:
        """Where this question was begun, or a new folder."""
        for one in self.all():
            if one.digest == digest:
                return self.folder(one.id)
        return self.workspace.new_folder(self.workspace.comparisons, name or "checkpoints")
