"""What `dataset` does besides checking: the loss of each image, exporting, importing.

Owns: these outputs. Refuses to know: how it is done.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from studio.commands import terminal
from studio.commands.dataset_options import EXPORTS
from studio.commands.terminal import Progress, Stopping
from studio.core.counts import counted
from studio.core.errors import InputError, Interrupted, MissingError
from studio.core.names import path_of, printable

if TYPE_CHECKING:
    from studio.app import Studio
    from studio.generation.image_losses import OfDataset
    from studio.runs.image_losses import ImageLossRecord

SHOWN = 40


def run(arguments: argparse.Namespace) -> int:
    """One of them."""
    with terminal.opened(arguments) as studio, Stopping("Stopping.") as stopping:
        if arguments.losses:
            return _losses(arguments, studio, stopping)
        if arguments.export:
            return _export(arguments, studio, stopping)
        return _import(arguments, studio)


def _losses(arguments: argparse.Namespace, studio: Studio, stopping: Stopping) -> int:
    folder = studio.library.dataset_path(arguments.folder)
    known = studio.generation.learnt_images(folder)
    run = arguments.losses
    if run == "latest":
        if known is None:
            raise MissingError(
                "No run on this dataset has measured its images",
                where=folder,
                remedy="Name a run: --losses RUN measures its newest checkpoint.",
            )
        run = known.record.run
    _belongs(studio, run, folder)
    progress = Progress()
    record = studio.generation.image_losses(
        run, arguments.step, on_progress=progress, cancelled=stopping
    )
    progress.end()
    if arguments.json:
        terminal.print_json(_shown(record, studio.generation.learnt_images(folder)))
    else:
        for line in _lines(record):
            print(printable(line))
    return 0


def _belongs(studio: Studio, run: str, folder: Path) -> None:
    data = path_of(studio.runs.config(run).data.folder)
    if data.resolve() != folder.resolve():
        raise InputError(
            "This run was not trained on this dataset",
            where=run,
            why=f"Its dataset is {printable(data)}.",
            remedy="Name that dataset, or another run.",
        )


def _shown(record: ImageLossRecord, newest: OfDataset | None) -> dict[str, object]:
    if newest is not None and newest.record == record:
        return newest.as_shown()
    return record.as_shown()


def _lines(record: ImageLossRecord) -> list[str]:
    rows = record.ordered()
    never = {row.file for row in record.never()}
    head = (
        f"{record.name or record.run}, step {record.step}: {counted(len(rows), 'image')} measured"
    )
    if len(rows) < record.images:
        head += f" of {record.images:,}, evenly spread"
    lines = [head, "", "  learnt  caption  image"]
    for row in rows[:SHOWN]:
        worth = record.worth(row)
        told = "      —" if worth is None else f"{worth:7.1%}"
        said = "   never learnt by its caption" if row.file in never else ""
        lines.append(f"  {row.learnt:6.1%}  {told}  {row.file}{said}")
    if len(rows) > SHOWN:
        lines.append(f"  and {len(rows) - SHOWN} more")
    return [
        *lines,
        "",
        "learnt: share of the untrained base's loss that is gone",
        "caption: share of the loss that its own caption takes away, against captions of other images",
    ]


def _export(arguments: argparse.Namespace, studio: Studio, stopping: Stopping) -> int:
    from studio.library.exporting import export_dataset

    kind, out = arguments.export
    if kind not in EXPORTS:
        raise InputError(f"There is no export “{kind}”", remedy=f"Choose {', '.join(EXPORTS)}.")
    progress = Progress()

    def heard(done: int, total: int) -> None:
        if stopping():
            raise Interrupted("Stopped as you asked", safe="Nothing was written.")
        progress(done, total, "files written")

    info = studio.library.read_dataset(studio.library.dataset_path(arguments.folder))
    done = export_dataset(info, kind, path_of(out).expanduser(), heard)
    progress.end()
    plan = done.plan
    if arguments.json:
        facts = {"images": plan.images, "held_out": plan.held_out, "masks": plan.masks}
        files = len(plan.entries)
        terminal.print_json(
            {
                "path": printable(done.path),
                "kind": kind,
                **facts,
                "files": files,
                "notes": plan.notes,
            }
        )
        return 0
    print(f"Wrote {counted(plan.images, 'image')} with captions to {printable(done.path)}")
    for note in plan.notes:
        print(printable(note))
    return 0


def _import(arguments: argparse.Namespace, studio: Studio) -> int:
    given = path_of(arguments.folder).expanduser()
    if not given.exists():
        raise MissingError("There is nothing at this place", where=given)
    info = studio.library.import_dataset([given], arguments.import_as)
    if arguments.json:
        terminal.print_json(
            {
                "name": info.name,
                "path": printable(info.path),
                "images": info.images,
                "captioned": info.captioned,
                "copied": len(info.copied),
                "renamed": info.renamed,
                "left_out": [
                    {"name": printable(one.name), "why": one.why} for one in info.left_out
                ],
                "problems": info.problems,
                "notes": info.notes,
            }
        )
        return 0
    print(f"Imported {counted(info.images, 'image')} into {printable(info.path)}")
    for line in [*info.notes, *info.problems]:
        print(printable(line))
    for one in info.left_out[:SHOWN]:
        print(printable(f"Left out: {one.name}: {one.why}"))
    if len(info.left_out) > SHOWN:
        print(f"and {len(info.left_out) - SHOWN} more left out")
    return 0
