"""A comparison whose columns come one by one, with hours between them and the program ending meanwhile.

Owns: adding a column to a comparison that was begun, and ending it. What one column needs of the others
(texts, reference images, what the base makes of ordinary prompts) is read from the features that are kept
beside the comparison. Refuses to know: who adds columns, how one is generated (`columns`).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from studio.adapters.cache import AdapterCache
from studio.compare import features as kept_features
from studio.compare import ordinary
from studio.compare.columns import Progress, Work, generate_column, has_stack
from studio.compare.comparison import (
    begin_features,
    column_header,
    comparison_jobs,
    keep_nearest,
)
from studio.compare.conclusion import conclude
from studio.compare.features import KeptFeatures
from studio.compare.measuring import ImageFolder, prepare
from studio.compare.record import Comparison
from studio.compare.shootout.growing_record import Continued
from studio.core.callbacks import Cancelled, OnProgress, SharedDevice
from studio.core.errors import InputError, MissingError, NonFiniteError
from studio.core.record import Failure
from studio.families.base import Base
from studio.infer.options import Job
from studio.settings.generation import CompareSettings, Lane


@dataclass(frozen=True)
class Shared:
    """What the one who adds a column hands over."""

    on_progress: OnProgress | None = None
    cancelled: Cancelled | None = None
    device: SharedDevice | None = None
    cache: AdapterCache | None = None


def add_column(
    base: Base, folder: str | Path, index: int, column: Lane, shared: Shared | None = None
) -> Comparison:
    """Generates and measures one column of a comparison; returns the comparison so far.

    A column whose files cannot be used says so under `error`. Raises Interrupted when `cancelled` says
    so: then the column is generated anew by the next call. StorageError when the disk refuses.
    """
    shared = shared or Shared()
    recorder = Continued(Path(folder))
    work = _work(base, recorder, column, shared)
    recorder.column(index, column_header(column).changed(error=None, message=""))
    try:
        recorder.column(index, generate_column(work, index, column))
    except (InputError, NonFiniteError) as error:  # its files: the others are fine
        failed = recorder.comparison.columns[index]
        recorder.column(index, failed.changed(error=Failure.of(error), message=str(error)))
    return recorder.comparison


def end(folder: str | Path, *, cancelled: bool) -> Comparison:
    """Computes what the columns say together, and writes the whole."""
    recorder = Continued(Path(folder))
    try:
        features = kept_features.read(Path(folder))
    except MissingError:  # the base has no CLIP: nothing was measured
        pass
    else:
        recorder.comparison = conclude(recorder.comparison, features)
        keep_nearest(recorder.comparison, str(recorder.comparison.settings.get("training") or ""))
    return recorder.ended(cancelled=cancelled)


def _work(base: Base, recorder: Continued, column: Lane, shared: Shared) -> Work:
    comparison = recorder.comparison
    settings = CompareSettings.parse(comparison.settings)
    try:
        kept = kept_features.read(recorder.folder)
    except MissingError:
        kept = None
    roles = (
        {"references": settings.reference, "training": settings.training} if kept is None else {}
    )
    folders = {role: found for role, path in roles.items() if (found := ImageFolder.of(path))}
    looking = prepare(base, folders, recorder, shared.on_progress, shared.cancelled)
    eyes, fresh = looking or (None, KeptFeatures())
    prompts, seeds = list(comparison.prompts), list(comparison.seeds)
    work = Work(
        base, settings, prompts, seeds,
        comparison_jobs(prompts, seeds, settings.images if eyes else 0),
        _ordinary_jobs(base, settings) if eyes else [],
        recorder, shared.cache if shared.cache is not None else AdapterCache(),
        Progress(0, shared.on_progress), eyes, kept or fresh, shared.cancelled, shared.device,
    )  # fmt: skip
    both = len(work.jobs) + len(work.ordinary) * (has_stack(column) + (kept is None))
    work.progress.total = both * settings.steps
    if kept is None and eyes is not None:
        begin_features(work, eyes)
    return work


def _ordinary_jobs(base: Base, settings: CompareSettings) -> list[Job]:
    """Images of ordinary prompts: some column will have a stack that could have moved them."""
    prompts = ordinary.ordinary_prompts(
        Path(base.path), settings.ordinary_prompts, settings.ordinary_images
    )
    return [Job(prompt, ordinary.FIRST_SEED + place) for place, prompt in enumerate(prompts)]
