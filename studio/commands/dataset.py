"""`dataset`: what is wrong with a folder of images and captions as a training set. Changes nothing.

What else it does is in `dataset_actions`. Owns: the command's output. Refuses to know: the checks.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from studio.commands import terminal
from studio.commands.terminal import Progress, Stopping
from studio.core.names import printable

if TYPE_CHECKING:
    from studio.checkup.records import Finding, Report

SHOWN = 8  # images of a finding
LOWEST = 5  # captions that fit least


def run(arguments: argparse.Namespace) -> int:
    """Prints what was found, the worst first, and whether the dataset is ready; or does what else was
    asked for."""
    if arguments.losses or arguments.export or arguments.import_as:
        from studio.commands import dataset_actions

        return dataset_actions.run(arguments)
    with terminal.opened(arguments) as studio, Stopping("Stopping.") as stopping:
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
