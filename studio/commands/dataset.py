"""`dataset`: what is wrong with a folder of images and captions as a training set; which images a filter
finds, and which tags there are; or prepares it.

The check changes nothing; crops and copies are in `dataset_prepare`, and never change an image.

What else it does is in `dataset_actions`. Owns: the command's output. Refuses to know: the checks.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import TYPE_CHECKING

from studio.commands import dataset_prepare, terminal
from studio.commands.terminal import Progress, Stopping
from studio.core.counts import counted
from studio.core.errors import InputError
from studio.core.names import printable

if TYPE_CHECKING:
    from studio.app import Studio
    from studio.checkup.records import Finding, Report
    from studio.generation.caption_list import CaptionList

SHOWN = 8  # images of a finding
LOWEST = 5  # captions that fit least


def run(arguments: argparse.Namespace) -> int:
    """Prints what was found, the worst first, and whether the dataset is ready; or what `--filter` and
    `--tags` ask for; or prepares the images; or does what else was asked for."""
    if arguments.losses or arguments.export or arguments.import_as:
        from studio.commands import dataset_actions

        return dataset_actions.run(arguments)
    if dataset_prepare.wanted(arguments):
        return dataset_prepare.run(arguments)
    with terminal.opened(arguments) as studio, Stopping("Stopping.") as stopping:
        if arguments.filter is not None or arguments.tags or arguments.save_filter is not None:
            return _listed(studio, arguments)
        progress = Progress()
        report = studio.generation.examine(
            arguments.folder,
            base=arguments.base,
            clip=not arguments.no_clip,
            on_progress=progress,
            cancelled=stopping,
        )
        progress.end()
    if arguments.json:
        terminal.print_json(report.as_dict())
    else:
        for line in _lines(report):
            print(printable(line))
    return 0


def _listed(studio: Studio, arguments: argparse.Namespace) -> int:
    if arguments.save_filter is not None and arguments.filter is None:
        raise InputError("There is no filter to save", remedy="Name it with --filter.")
    found = studio.generation.matching(
        arguments.folder, arguments.filter or "", base=arguments.base
    )
    if arguments.save_filter is not None:
        studio.library.caption_desk.save_filter(arguments.save_filter, found.filter)
    if arguments.json:
        tags = {"tags": found.tags()} if arguments.tags else {}
        terminal.print_json({**asdict(found), **tags})
        return 0
    for line in _tags(found) if arguments.tags else _matching(found):
        print(printable(line))
    terminal.say(f"{len(found.found):,} of {counted(found.images, 'image')}")
    return 0


def _matching(found: CaptionList) -> list[str]:
    return [
        f"{one.file}: {f'({one.tokens}) ' if one.tokens is not None else ''}{' '.join(one.caption.split())}"
        for one in found.found
    ]


def _tags(found: CaptionList) -> list[str]:
    return [f"{number:>6}  {tag}" for tag, number in found.tags().items()]


def _lines(report: Report) -> list[str]:
    info, base = report.evidence.info, report.evidence.base
    against = f", checked for {base.name} at {base.resolution} px" if base else ""
    lines = [f"{info.name}: {_count(info.images, 'image')}{against}", ""]
    for finding in report.findings:
        lines += [*_told(report, finding), ""]
    lines += [*_buckets(report), *_fits(report)]
    lines += [f"Not looked at: {what}. {why}" for what, why in report.skipped.items()]
    return [*lines, f"Ready to train? {report.verdict()}"]


def _told(report: Report, finding: Finding) -> list[str]:
    check, files = finding.check, finding.files()
    about = f" ({_count(len(files), 'image')})" if files else ""
    lines = [f"{check.severity:<8} {check.title}{about}"]
    for hit in finding.hits[:SHOWN]:
        names = report.evidence.name(hit.files[0]) if hit.files else ""
        own = hit.why if hit.why.startswith(names) else f"{names}: {hit.why}"
        lines += [f"           {told}" for told in [own if hit.why else names] if told]
    if len(finding.hits) > SHOWN:
        lines.append(f"           and {len(finding.hits) - SHOWN} more")
    return [*lines, f"         {check.says}"]


def _buckets(report: Report) -> list[str]:
    lines = [
        f"         {row.width} × {row.height}: {_count(row.images, 'image')}, "
        f"the crop leaves out {row.lost:.1%} on average, {row.most_lost:.1%} at most"
        for row in report.buckets
    ]
    return ["buckets", *lines, ""] if lines else []


def _fits(report: Report) -> list[str]:
    lines = [
        f"         {fit.fit:+.3f}  {report.evidence.name(fit.file)}"
        + (f"; nearer is “{fit.better}”" if fit.better else "")
        for fit in report.evidence.fits[:LOWEST]
    ]
    return ["captions that fit their image least", *lines, ""] if lines else []


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
