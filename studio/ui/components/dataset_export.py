"""The Export dialog's questions: what would be written, and writing it in the background.

Owns: where an export of the page goes (`exports/` of the workspace, a free name each time). Its script is
`static/scripts/caption/export.js`. Refuses to know: layouts (`studio.formats.dataset_export`).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.core.errors import InputError, Interrupted
from studio.core.names import printable
from studio.core.paths import slug, there
from studio.formats.dataset_export import KINDS, plan_export
from studio.ui.live import Json, Page, Task, read

if TYPE_CHECKING:
    from studio.app import Studio

KIND = "dataset export"
EXPORTS = "exports"  # in the workspace
SHOWN = 6  # files of a plan that are named


class DatasetExport:
    """Server functions of the dialog."""

    def __init__(self, studio: Studio, page: Page) -> None:
        self.studio, self.page = studio, page

    def functions(self) -> list[Callable[..., Any]]:
        """For the component that holds the dialog."""
        return [self.export_plan, self.export_dataset, self.export_task, self.cancel_export]

    def export_plan(self, argument: Any) -> Json:
        """What one kind of export would write, and where."""
        identity, kind = read(argument, dataset=str, kind=str)
        info = self.studio.library.read_dataset(self.page.library.path(identity))
        plan = plan_export(info, _known(kind))
        names = [entry.name for entry in plan.entries]
        tables = [name for name in names if name.endswith((".toml", ".jsonl"))]
        shown = [*names[: SHOWN - len(tables)], *tables][:SHOWN]
        return {
            "kinds": [[name, row.title] for name, row in KINDS.items()],
            "says": KINDS[kind].says,
            "images": plan.images,
            "held_out": plan.held_out,
            "masks": plan.masks,
            "files": len(names),
            "bytes": plan.bytes,
            "names": [printable(name) for name in shown],
            "notes": plan.notes,
            "place": printable(self._free(info.name, kind)),
        }

    def export_dataset(self, argument: Any) -> Json:
        """Starts writing; answers the task."""
        identity, kind = read(argument, dataset=str, kind=str)
        folder = self.page.library.path(identity)
        row = KINDS[_known(kind)]

        def work(task: Task) -> Json:
            from studio.library.exporting import export_dataset

            def heard(done: int, total: int) -> None:
                if task.cancelled.is_set():
                    raise Interrupted("Stopped as you asked", safe="Nothing was written.")
                task.progress(done, total, "files")

            info = self.studio.library.read_dataset(folder)
            done = export_dataset(info, kind, self._free(info.name, kind), heard)
            return {
                "path": printable(done.path),
                "packed": row.packed,
                "images": done.plan.images,
                "notes": done.plan.notes,
            }

        return self.page.tasks.start(KIND, work, dataset=identity, layout=kind).view()

    def export_task(self, argument: Any) -> Json | None:
        """The latest export, running or ended."""
        task = self.page.tasks.latest(KIND)
        return task.view() if task else None

    def cancel_export(self, argument: Any) -> bool:
        """Stops after the file that is being written; nothing of it stays."""
        task = self.page.tasks.latest(KIND)
        if task:
            task.cancelled.set()
        return task is not None

    def _free(self, name: str, kind: str) -> Path:
        """A place in the workspace where nothing is yet."""
        stem, ending = f"{slug(name, 'dataset')}-{kind}", ".zip" if KINDS[kind].packed else ""
        stem = stem.removesuffix("-zip")
        exports = self.studio.workspace.root / EXPORTS
        for count in range(1, 10_000):
            place = exports / f"{stem}{'' if count == 1 else f'-{count}'}{ending}"
            if not there(place):
                return place
        raise InputError("There are too many exports of this name", where=exports)


def _known(kind: str) -> str:
    if kind not in KINDS:
        raise InputError(f"There is no export “{kind[:40]}”", remedy=f"Choose {', '.join(KINDS)}.")
    return kind
