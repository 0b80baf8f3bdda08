"""`compare` on comparisons that are there: reports, archives, the question they are to answer.

Owns: what these options print. Refuses to know: what the files hold.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from studio.commands import terminal
from studio.core.errors import SettingsError
from studio.core.names import path_of, printable

if TYPE_CHECKING:
    from studio.app import Studio


def asked(arguments: argparse.Namespace) -> bool:
    """Whether the command is about a comparison, or a zip of one, instead of making one."""
    return bool(arguments.report or arguments.export or arguments.archive or arguments.out)


def run(arguments: argparse.Namespace) -> int:
    """Does what was asked, and prints which files came of it."""
    if arguments.out and not arguments.report:
        raise SettingsError(
            "--out is the folder of a report", remedy="Use it together with --report."
        )
    with terminal.opened(arguments) as studio:
        if arguments.archive:
            return _import(studio, arguments)
        identity = studio.generation.comparisons.find(arguments.report or arguments.export[0])
        keep_about(studio, identity, arguments)
        return (
            _export(studio, identity, arguments)
            if arguments.export
            else _report(studio, identity, arguments)
        )


def keep_about(studio: Studio, identity: str, arguments: argparse.Namespace) -> None:
    """Keeps the question and the notes of the command line; what was not given stays."""
    if arguments.question is None and arguments.notes is None:
        return
    before = studio.generation.reports.about(identity)
    question = before.question if arguments.question is None else arguments.question
    notes = before.notes if arguments.notes is None else arguments.notes
    studio.generation.reports.say(identity, question, notes)


def _report(studio: Studio, identity: str, arguments: argparse.Namespace) -> int:
    out = path_of(arguments.out).expanduser().resolve() if arguments.out else None
    files = studio.generation.reports.write(identity, out)
    if note := studio.generation.reports.outlook(identity).note:
        terminal.say(note)
    if arguments.json:
        terminal.print_json({"id": identity, "files": files})
    else:
        for file in files:
            print(printable(file))
    return 0


def _export(studio: Studio, identity: str, arguments: argparse.Namespace) -> int:
    target = path_of(arguments.export[1]).expanduser().resolve()
    file = studio.generation.reports.export(identity, target)
    if arguments.json:
        terminal.print_json({"id": identity, "file": file, "bytes": file.stat().st_size})
    else:
        print(printable(file))
    return 0


def _import(studio: Studio, arguments: argparse.Namespace) -> int:
    opened = studio.generation.reports.open_archive(
        path_of(arguments.archive).expanduser().resolve()
    )
    keep_about(studio, opened.id, arguments)
    for name in opened.left_out:
        terminal.say(f"Left out: {name}, which no comparison has.")
    folder = studio.generation.comparisons.folder(opened.id)
    if arguments.json:
        terminal.print_json({"id": opened.id, "folder": folder, "left_out": opened.left_out})
    else:
        print(printable(folder))
    return 0
