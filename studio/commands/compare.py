"""`compare`: the same prompts and seeds with several stacks, measured.

Owns: building the settings from the command line, the table it prints.
Refuses to know: how anything is measured.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from studio.commands import terminal
from studio.commands.terminal import Progress, Stopping
from studio.core.errors import Interrupted, SettingsError
from studio.core.names import path_of, printable
from studio.settings import training

if TYPE_CHECKING:
    from studio.app import Studio

MEASURES = ("kid", "image_text", "image_image", "image_reference")


def run(arguments: argparse.Namespace) -> int:
    """Draws and measures every column, prints the table, and where the pictures are."""
    with terminal.opened(arguments) as studio, Stopping("Stopping at the next step.") as stopping:
        settings = _settings(studio, arguments)
        progress = Progress()
        result = studio.generation.comparisons.compare(
            settings, on_progress=progress, cancelled=stopping
        )
        progress.end()
        if arguments.json:
            terminal.print_json(result)
        else:
            _print_table(result)
            print(studio.workspace.comparisons / str(result.get("id", "")))
        if stopping.asked:
            raise Interrupted("Stopped as you asked")
    return 0


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
    if arguments.name:
        values["name"] = arguments.name
    settings = training.CompareSettings.parse(training.override(values, arguments.assignments))
    if not settings.prompts:
        raise SettingsError(
            "There is no prompt to compare with", remedy="Give one or more with --prompt."
        )
    return settings


def _column(studio: Studio, text: str) -> dict[str, Any]:
    name, stack = terminal.stack_reference(studio, text)
    return {"name": name, "stack": stack}


def _seeds(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise SettingsError(
            f"“{text}” is not a list of seeds", remedy="Write whole numbers: --seeds 1,2,3."
        ) from None


def _print_table(result: dict[str, Any]) -> None:
    columns = result.get("columns", [])
    rows = [["", *[str(column["name"]) for column in columns]]]
    for measure in (*MEASURES, "seconds", "bytes"):
        cells = [
            _cell(column.get("measures", {}).get(measure, column.get(measure)))
            for column in columns
        ]
        if any(cells):
            rows.append([measure.replace("_", "–"), *cells])
    widths = [max(len(row[index]) for row in rows) for index in range(len(rows[0]))]
    for row in rows:
        print(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        )


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.4f}" if isinstance(value, float) else str(value)
