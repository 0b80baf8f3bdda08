"""Writing a dataset for other programs: whole or not at all, over nothing, with a few bytes in memory.

Owns: from a plan (`formats.dataset_export`) to a folder or a zip, and the room for it on the disk.
Refuses to know: layouts, pages.
"""

from __future__ import annotations

import os
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from studio.core import atomic
from studio.core.errors import DatasetError, InputError, StorageError
from studio.core.names import printable
from studio.core.paths import slug
from studio.formats.dataset_export import KINDS, Entry, ExportPlan, plan_export
from studio.formats.dataset_info import DatasetInfo

SPARE = 64 << 20
"""Bytes that stay free on the disk."""
BLOCK = 1 << 20
_MOMENT = (1980, 1, 1, 0, 0, 0)  # the same dataset gives the same bytes
Heard = Callable[[int, int], None]


@dataclass(frozen=True)
class Exported:
    """What was written, and where."""

    path: Path
    plan: ExportPlan


def export_dataset(
    info: DatasetInfo,
    kind: str,
    target: Path,
    heard: Heard = lambda done, total: None,
) -> Exported:
    """Writes a dataset, as `read_dataset` gives it, to `target`; `heard(done, total)` may raise to stop it.

    InputError where something is already, or for a place inside the dataset; StorageError when there is
    no room for it. Then there is nothing at `target` that was not there before.
    """
    plan, packed = plan_export(info, kind), KINDS[kind].packed
    if packed and target.suffix.lower() != ".zip":
        target = target.with_name(f"{target.name}.zip")
    _check(info, target, plan)
    try:
        if packed:
            atomic.write_with(
                target, lambda temporary: _pack(temporary, info, plan, heard), exclusive=True
            )
        else:
            with atomic.replacing(target, exclusive=True) as inside:
                for done, entry in enumerate(plan.entries, 1):
                    _put(entry, inside / entry.name)
                    heard(done, len(plan.entries))
    except FileExistsError as error:
        raise _taken(target) from error
    return Exported(target, plan)


def _check(info: DatasetInfo, target: Path, plan: ExportPlan) -> None:
    if os.path.lexists(target):
        raise _taken(target)
    if target.resolve().is_relative_to(info.path.resolve()):
        raise InputError(
            "The export would lie inside of the dataset",
            where=target,
            why="Its images would then belong to the dataset twice.",
            remedy="Write it to another folder.",
        )
    place = next(folder for folder in target.absolute().parents if folder.is_dir())
    if plan.bytes + SPARE > shutil.disk_usage(place).free:
        raise StorageError(
            "There is not enough room for this export",
            where=target,
            why=f"It takes {plan.bytes / 1e6:,.1f} MB.",
            remedy="Free some space, or write it to another disk.",
            safe="Nothing was written; the dataset is as it was.",
        )


def _taken(target: Path) -> InputError:
    return InputError(
        "There is something at this place already, and it is not overwritten",
        where=target,
        remedy="Name another place, or move away what lies there.",
    )


def _put(entry: Entry, place: Path) -> None:
    if entry.source is None:
        atomic.write_text(place, entry.text)
    else:
        _still_there(entry.source)
        atomic.copy_file(entry.source, place)


def _still_there(source: Path) -> None:
    if not source.is_file():
        raise DatasetError(
            "A file of the dataset went away while it was exported",
            where=source,
            remedy="Export it again.",
            safe="Nothing was written.",
        )


def _pack(temporary: Path, info: DatasetInfo, plan: ExportPlan, heard: Heard) -> None:
    """Fills a zip: images as they are, texts deflated, one block after the other."""
    top = slug(info.name, "dataset")
    with open(temporary, "wb") as file, zipfile.ZipFile(file, "w", allowZip64=True) as archive:
        for done, entry in enumerate(plan.entries, 1):
            member = zipfile.ZipInfo(f"{top}/{printable(entry.name)}", _MOMENT)
            member.external_attr = 0o644 << 16
            if entry.source is None:
                member.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(member, entry.text)
            else:
                _stored(archive, member, entry.source)
            heard(done, len(plan.entries))


def _stored(archive: zipfile.ZipFile, member: zipfile.ZipInfo, source: Path) -> None:
    _still_there(source)
    large = source.stat().st_size > 1 << 30
    with open(source, "rb") as image, archive.open(member, "w", force_zip64=large) as inside:
        while block := image.read(BLOCK):
            inside.write(block)
