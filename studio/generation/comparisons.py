"""Comparisons on disk: made, listed, read again, deleted to the trash.

Owns: the folders under `comparisons/`. Refuses to know: how images are generated and measured.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from studio.compare.record import Comparison, list_comparisons
from studio.compare.remembered import NOT_THERE, RememberedComparisons, Summary, stamp_of
from studio.compare.report.origin import write_origin
from studio.core import atomic
from studio.core.callbacks import Cancelled, OnProgress
from studio.core.counts import counted
from studio.core.errors import InputError, MissingError
from studio.core.names import path_of, printable
from studio.core.paths import is_folder, is_name
from studio.generation.column_facts import with_facts
from studio.generation.in_use import in_use, to_trash
from studio.runs.folders import RunFolders
from studio.runtime.runtime import Runtime
from studio.settings.training import CompareSettings

KEPT = "The images generated so far are kept."


class Comparisons:
    """The comparisons of a workspace."""

    def __init__(self, runtime: Runtime, runs: RunFolders) -> None:
        self.workspace, self.runtime = runtime.library.workspace, runtime
        self.runs = runs
        self._remembered = RememberedComparisons(self.workspace.comparisons)

    def compare(
        self,
        settings: CompareSettings,
        on_progress: OnProgress | None = None,
        cancelled: Cancelled | None = None,
        started: Callable[[str], None] | None = None,
    ) -> Comparison:
        """Generates and measures when the device is free; yields it between batches. `started` hears
        its id."""
        if not settings.columns or not settings.prompts or not settings.seeds:
            raise InputError(
                "A comparison needs at least one column, one prompt and one seed",
                remedy="Add the base or a file as a column, and write a prompt.",
            )
        settings, lacking = self._complete(settings)
        from studio.compare.comparison import checked, compare
        from studio.generation.origins import origin_of

        checked(settings)  # nobody waits for the device to be told so
        with self.runtime.turn("comparing", "comparison", KEPT):
            base = self.runtime.base(settings.base, settings.device)
            folder = self.workspace.new_folder(
                self.workspace.comparisons, settings.name or "comparison"
            )
            stacks = [[file.path for file in one.stack if file.enabled] for one in settings.columns]
            try:
                with in_use(folder):
                    write_origin(folder, origin_of(stacks, self.runtime.library, self.runs))
                    if started is not None:
                        started(folder.name)
                    return compare(
                        base,
                        settings,
                        folder,
                        on_progress=on_progress,
                        cancelled=cancelled,
                        device=self.runtime.lock,
                        cache=self.runtime.adapters(),
                        lacking=lacking,
                    )
            except BaseException:
                if stamp_of(folder) == NOT_THERE:  # it never began
                    atomic.remove_folder(folder)
                raise

    def measure_again(self, comparison_id: str) -> Comparison:
        """Every measure of a comparison from the features it kept; generates nothing."""
        folder = self.folder(comparison_id)
        from studio.compare.comparison import measure_again

        training = str(self.one(comparison_id).settings.get("training") or "")
        return measure_again(folder, self._readable(training))

    def _complete(self, settings: CompareSettings) -> tuple[CompareSettings, dict[str, str]]:
        """The same with paths that are there to be read, and what the columns' runs say; and what
        measures need and cannot have, with the reason."""
        columns = [
            column.model_copy(
                update={
                    "stack": [
                        item.model_copy(update={"path": str(self.workspace.resolve(item.path))})
                        for item in column.stack
                    ],
                    "folder": self._images(column.folder),
                }
            )
            for column in settings.columns
        ]
        columns, folders = with_facts(columns, self.runtime.library, self.runs)
        trained_on = [folder for folder in folders if self._readable(str(folder))]
        training = self._images(settings.training)
        if not training and len(trained_on) == 1:
            training = str(trained_on[0])
        lacking = {} if training else {"training": _why_no_training(trained_on)}
        completed = settings.model_copy(
            update={
                "columns": columns,
                "reference": self._images(settings.reference),
                "training": training,
            }
        )
        return completed, lacking

    def _images(self, folder: str) -> str:
        """A folder of images that was named, as it may be read; empty for none."""
        if not folder.strip():
            return ""
        return str(self.workspace.images_folder(self.workspace.named(folder)))

    def _readable(self, folder: str) -> str:
        """The same for a folder that nobody named now: empty where it may not be read."""
        try:
            return self._images(folder)
        except InputError:
            return ""

    def all(self) -> list[Comparison]:
        """Every comparison, newest first; killed ones with what they had generated."""
        return list_comparisons(self.workspace.comparisons)

    def listed(self) -> list[Summary]:
        """A line of every comparison, newest first; one that has not changed is not read again."""
        return self._remembered.all()

    def one(self, comparison_id: str) -> Comparison:
        """One comparison by its id, a plain folder name."""
        return self._remembered.one(self.folder(comparison_id))

    def find(self, text: str) -> str:
        """The id of a comparison that is named by its id or its name. Raises MissingError, and
        InputError where several have the name."""
        if is_name(text) and is_folder(path_of(self.workspace.comparisons / text)):
            return text
        known = self.listed()
        found = [one.id for one in known if one.name == text]
        if len(found) > 1:
            raise InputError(
                f"{counted(len(found), 'comparison')} are called “{text[:100]}”",
                remedy="Name one by its folder: " + ", ".join(found[:5]),
            )
        if not found:
            newest = ", ".join(one.id for one in known[:5])
            raise MissingError(
                "There is no such comparison",
                where=text[:100],
                remedy=f"The newest are {newest}." if known else "There is none yet.",
            )
        return found[0]

    def folder(self, comparison_id: str) -> Path:
        """The folder of a comparison."""
        folder = path_of(self.workspace.comparisons / comparison_id)
        if not is_name(comparison_id) or not is_folder(folder):
            raise MissingError("There is no such comparison", where=comparison_id[:100])
        return folder

    def delete(self, comparison_id: str) -> Path:
        """Moves a comparison to the trash. BusyError while it is generated."""
        return to_trash(self.folder(comparison_id), self.workspace.trash, "This comparison")


def _why_no_training(trained_on: Sequence[Path]) -> str:
    """Why there are no training images to look for copies of, of runs that were trained on these."""
    if not trained_on:
        return "no column is of a run whose training images are still there, and none were chosen"
    names = " and ".join(f"“{printable(folder.name)}”" for folder in trained_on[:3])
    more = f" and {len(trained_on) - 3} more" if len(trained_on) > 3 else ""
    return (
        f"the runs of its columns were trained on different folders ({names}{more}); choose the one "
        "meant under “Training images”"
    )
