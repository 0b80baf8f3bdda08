"""`compare`: the same prompts and seeds with several stacks, measured.

Owns: building the settings from the command line, the table it prints.
Refuses to know: how anything is measured.
"""

from __future__ import annotations

import argparse
from functools import partial
from typing import TYPE_CHECKING, Any

from studio.commands import checkpoints, compare_files, compare_votes, shootout, terminal
from studio.commands.terminal import Progress, Stopping
from studio.compare import measures
from studio.compare.record import Comparison
from studio.core.errors import Interrupted, SettingsError
from studio.core.names import path_of, printable
from studio.core.paths import is_folder
from studio.formats.dataset import image_files
from studio.settings import training

if TYPE_CHECKING:
    from studio.app import Studio


def run(arguments: argparse.Namespace) -> int:
    """Generates and measures every column, prints the table, and where the images are; or measures
    again, or writes a report, or an archive, of what is there."""
    if arguments.measure:
        return _measure_again(arguments)
    if compare_files.asked(arguments):
        return compare_files.run(arguments)
    if arguments.votes:
        return compare_votes.run(arguments)
    if arguments.checkpoints:
        return checkpoints.run(arguments)
    if arguments.file:
        with terminal.opened(arguments) as studio:
            return shootout.run(studio, arguments, partial(_print, studio, arguments))
    if arguments.plan:
        raise SettingsError("--plan needs the file of a shootout", remedy="Name one: FILE.toml.")
    with terminal.opened(arguments) as studio, Stopping("Stopping at the next step.") as stopping:
        settings = _settings(studio, arguments)
        progress = Progress()
        result = studio.generation.comparisons.compare(
            settings, on_progress=progress, cancelled=stopping
        )
        progress.end()
        compare_files.keep_about(studio, result.id, arguments)
        _print(studio, arguments, result)
        if stopping.asked:
            raise Interrupted("Stopped as you asked")
    return 0


def _measure_again(arguments: argparse.Namespace) -> int:
    """Computes the measures of a comparison anew, and prints them."""
    with terminal.opened(arguments) as studio:
        _print(studio, arguments, studio.generation.comparisons.measure_again(arguments.measure))
    return 0


def _print(studio: Studio, arguments: argparse.Namespace, result: Comparison) -> None:
    if arguments.json:
        terminal.print_json(result.as_json())
        return
    for line in table(result):
        print(line)
    for note in result.notes:
        print(note)
    print(studio.workspace.comparisons / result.id)


def _settings(studio: Studio, arguments: argparse.Namespace) -> training.CompareSettings:
    values: dict[str, Any] = {"columns": [{"name": "base", "stack": []}]}
    if arguments.base:
        values["base"] = arguments.base
    for text in arguments.column:
        values["columns"].append(_column(studio, text))
    if arguments.prompt:
        values["prompts"] = arguments.prompt
    if arguments.seeds:
        values["seeds"] = _seeds(arguments.seeds)
    if arguments.reference:
        values["reference"] = printable(path_of(arguments.reference).resolve())
    if arguments.training:
        values["training"] = printable(path_of(arguments.training).resolve())
    if arguments.name:
        values["name"] = arguments.name
    settings = training.CompareSettings.parse(training.override(values, arguments.assignments))
    if not settings.prompts:
        raise SettingsError(
            "There is no prompt to compare with", remedy="Give one or more with --prompt."
        )
    return settings


def _column(studio: Studio, text: str) -> dict[str, Any]:
    """A stack, or a folder of images that were made elsewhere."""
    name, _, place = text.rpartition("=")
    folder = path_of(place).expanduser()
    if place and is_folder(folder) and image_files(folder):
        return {"name": name or folder.resolve().name, "folder": printable(folder.resolve())}
    name, stack = terminal.stack_reference(studio, text)
    return {"name": name, "stack": stack}


def _seeds(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise SettingsError(
            f"“{text}” is not a list of seeds", remedy="Write whole numbers: --seeds 1,2,3."
        ) from None


def table(result: Comparison) -> list[str]:
    """The lines of the table: a column per column, a row per measure that any of them has."""
    columns = result.columns
    rows = [["", *[column.name for column in columns]]]
    rows += [
        [row.label]
        + [
            row.shown(row.of(column), column.intervals.get(row.key))
            + (" +" if row.key in column.told_apart else "")
            for column in columns
        ]
        for row in measures.MEASURES
    ]
    rows = [rows[0], *(row for row in rows[1:] if any(row[1:]))]
    widths = [max(len(row[index]) for row in rows) for index in range(len(rows[0]))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    if any(column.told_apart for column in columns):
        lines.append("+ told apart from every other column; 95 % intervals in brackets")
    return [*lines, *(["", *result.verdict] if result.verdict else [])]
