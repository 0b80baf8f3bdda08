"""Looks at a dataset once and lets every check say what it finds. No file is changed.

Owns: gathering the evidence (each image is decoded at most once and remembered), and the buckets.
Refuses to know: what is wrong with what (`table`), pages, torch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from studio.checkup import duplicates, sharpness
from studio.checkup import image_files as image_files_checks
from studio.checkup.records import BaseFacts, BucketRow, Evidence, Finding, Fit, Report
from studio.checkup.table import CHECKS
from studio.formats.dataset import image_files, read_dataset
from studio.formats.dataset_info import DatasetInfo
from studio.formats.image_memory import ImageMemory
from studio.train.buckets import Size, bucket_for, lost

_ORDER = ("error", "warning", "note")


def look(
    folder: Path,
    images: ImageMemory,
    base: BaseFacts | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Evidence:
    """Decodes what was not decoded before; `on_progress(done, total)` may raise to stop it.

    Errors of `read_dataset`.
    """
    info = read_dataset(folder, images)
    held_out = image_files(info.held_out) if info.held_out else []
    images.decode([*(item.path for item in info.items), *held_out], None, on_progress)
    info = read_dataset(folder, images)
    info = info.called(info.trigger)
    paths = [*(item.path for item in info.items), *info.broken, *held_out]
    return Evidence(info, images.all_facts(paths), held_out, base)


def at_a_glance(seen: Evidence) -> list[Finding]:
    """What is wrong with the images alone, as far as they were decoded; for forms that wait for it."""
    rows = (*image_files_checks.CHECKS, *duplicates.CHECKS, *sharpness.CHECKS)
    worth = [row for row in rows if row.severity == "warning"]
    return [Finding(check, hits) for check in worth if (hits := check.find(seen))]


def judged(seen: Evidence, skipped: dict[str, str] | None = None) -> Report:
    """What the checks find, the worst first."""
    found = [Finding(check, hits) for check in CHECKS if (hits := check.find(seen))]
    found.sort(key=lambda finding: _ORDER.index(finding.check.severity))
    return Report(seen, found, bucket_rows(seen.info, seen.base), skipped or {})


def bucket_rows(info: DatasetInfo, base: BaseFacts | None) -> list[BucketRow]:
    """How many images go to each bucket and what its crops lose, the fullest bucket first."""
    if base is None:
        return []
    groups: dict[Size, list[float]] = {}
    for item in info.items:
        if item.size and min(item.size) > 0:
            bucket = bucket_for(*item.size, base.resolution, base.multiple)
            groups.setdefault(bucket, []).append(lost(item.size, bucket))
    rows = [
        BucketRow(*bucket, len(loss), round(sum(loss) / len(loss), 4), round(max(loss), 4))
        for bucket, loss in groups.items()
    ]
    return sorted(rows, key=lambda row: -row.images)


def with_fits(seen: Evidence, fits: Sequence[Fit]) -> Evidence:
    """The same, with how well captions fit their images."""
    return replace(seen, fits=fits)
