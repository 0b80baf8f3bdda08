"""What runs have learnt of each image of a dataset: measured when asked, found again when it was.

Owns: which run speaks of which dataset, and which of what it says still holds. Refuses to know: the
figures (`studio.runs.image_losses`), pages. Loads torch only to measure.
"""

from __future__ import annotations

from dataclasses import dataclass

from studio.core.callbacks import Cancelled, OnProgress
from studio.core.errors import InputError
from studio.core.names import printable
from studio.core.paths import is_folder
from studio.core.text import encodable
from studio.formats.dataset_info import DatasetInfo
from studio.runs import dataset_record, image_losses
from studio.runs.folders import RunFolders
from studio.runs.image_losses import ImageLossRecord
from studio.runtime.runtime import Runtime


@dataclass(frozen=True)
class OfDataset:
    """The newest measurement of a dataset."""

    record: ImageLossRecord
    changed: frozenset[str]
    """Images whose caption is another one by now, or that are not there any more."""

    def as_shown(self) -> dict[str, object]:
        """For pages; rows of changed images say so."""
        shown = self.record.as_shown()
        rows = shown["rows"]
        assert isinstance(rows, list), "rows are made as a list"
        for row in rows:
            row["changed"] = row["file"] in self.changed
            row["never"] = row["never"] and not row["changed"]
        return shown

    def never(self) -> list[str]:
        """Images whose caption tells nothing of them, where nobody has mended it since."""
        return [row.file for row in self.record.never() if row.file not in self.changed]


def of_dataset(runs: RunFolders, info: DatasetInfo) -> OfDataset | None:
    """What the newest run that was measured says of the images of a dataset; None without one."""
    for state in runs.all():
        folder = runs.workspace.runs / state.run
        if not is_folder(folder / image_losses.FOLDER):
            continue
        learnt = dataset_record.read(folder)
        if learnt is None or learnt.folder != printable(info.path):
            continue
        record = image_losses.read(folder)
        if record is not None and record.rows:
            return OfDataset(record, _changed(record, learnt, info))
    return None


def _changed(
    record: ImageLossRecord, learnt: dataset_record.DatasetRecord, info: DatasetInfo
) -> frozenset[str]:
    now = {
        image_losses.file_name(item.path, info.path): encodable(item.caption or "")
        for item in info.items
    }
    before = {file: image.caption or "" for file, image in learnt.images.items()}
    return frozenset(
        row.file for row in record.rows if now.get(row.file) != before.get(row.file, "")
    )


def of_run(
    runs: RunFolders,
    runtime: Runtime,
    run: str,
    step: int | None = None,
    on_progress: OnProgress | None = None,
    cancelled: Cancelled | None = None,
) -> ImageLossRecord:
    """What a run learnt of each image at a step, at its newest without one.

    What was not measured yet is measured now, on the checkpoint of that step. MissingError without one,
    UnavailableError for a method without such a loss, Interrupted when cancelled.
    """
    folder = runs.folder(run)
    if (found := image_losses.read(folder, step)) is not None:
        return found
    if runs.state(run).active:
        raise InputError(
            "This run is going on, and its images were not measured yet",
            where=run,
            remedy="Wait for its end, or set image_loss.every of the next run to fewer steps.",
        )
    from studio.runs.measuring_images import measure_checkpoint, stopping

    def heard(done: int, total: int) -> None:
        if on_progress is not None:
            on_progress(done, total, "images measured")

    with runtime.turn("measuring the loss of each image", "anything"):
        return measure_checkpoint(
            folder, runs.trained_config(run), runtime, step, stopping(cancelled, heard)
        )
