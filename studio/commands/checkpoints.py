"""`compare --checkpoints`: which checkpoint of a run to use, at what strength.

Owns: building the settings from the command line, the table it prints. Refuses to know: the race.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from studio.commands import terminal
from studio.commands.terminal import Progress, Stopping
from studio.compare.selection.record import Entry, Selection
from studio.compare.selection.rule import MEASURES, exit_words
from studio.core.counts import counted
from studio.core.errors import Interrupted, SettingsError
from studio.core.names import path_of, printable
from studio.core.record import Table
from studio.settings.selection import SelectionSettings
from studio.settings.training import override

if TYPE_CHECKING:
    from studio.app import Studio

HEADINGS = {
    "likeness": "likeness",
    "follows": "follows prompts",
    "copies": "nearest training image",
    "drift": "drift",
}


def run(arguments: argparse.Namespace) -> int:
    """Races, prints a row per candidate, the saving and the recommendation; writes it if wanted."""
    with terminal.opened(arguments) as studio, Stopping("Stopping at the next step.") as stopping:
        progress = Progress()
        found = studio.generation.selections.select(
            settings_of(arguments), on_progress=progress, cancelled=stopping
        )
        progress.end()
        written: Table | None = None
        if arguments.write and found.recommended and not stopping.asked:
            made = studio.generation.selections.write(found.id)
            written = {
                "files": [printable(path) for path in made.files],
                "kept": [printable(path) for path in made.kept],
                "said": made.said,
            }
        if arguments.json:
            terminal.print_json({**found.as_json(), "id": found.id, "wrote": written})
        else:
            _print(studio, found)
            if written:
                print(written["said"])
        if stopping.asked:
            raise Interrupted("Stopped as you asked")
    return 0


def settings_of(arguments: argparse.Namespace) -> SelectionSettings:
    """What the options say. SettingsError for lists that are none."""
    values: dict[str, Any] = {"runs": list(arguments.checkpoints)}
    if arguments.column:
        raise SettingsError(
            "Columns are no part of a choice among checkpoints",
            remedy="Leave out --column, or compare without --checkpoints.",
        )
    if arguments.prompt:
        values["prompts"] = arguments.prompt
    if arguments.reference:
        values["reference"] = printable(path_of(arguments.reference).resolve())
    if arguments.name:
        values["name"] = arguments.name
    if arguments.strengths:
        values["strengths"] = _numbers(arguments.strengths, float, "strengths", "0.6,0.8,1")
    if arguments.at:
        values["checkpoints"] = _numbers(arguments.at, int, "at", "100,200")
    if arguments.seeds:
        first = _numbers(arguments.seeds, int, "seeds", "1")
        values["seed"] = first[0]
    return SelectionSettings.parse(override(values, arguments.assignments))


def _numbers(text: str, kind: type[int] | type[float], what: str, such: str) -> list[float]:
    try:
        return [kind(part) for part in text.split(",") if part.strip()]
    except ValueError:
        raise SettingsError(
            f"“{text}” is no list of numbers", remedy=f"Write numbers: --{what} {such}."
        ) from None


def _print(studio: Studio, found: Selection) -> None:
    for line in table(found):
        print(line)
    for note in found.notes:
        print(note)
    print(saving(found))
    if found.reason:
        print(found.reason)
    print(studio.workspace.comparisons / found.id)


def saving(found: Selection) -> str:
    """How many images the race needed."""
    share = f"{100 * found.generated / found.full:.0f} %" if found.full else "–"
    return f"{counted(found.generated, 'image')} instead of {found.full} ({share} of the full grid)"


def table(found: Selection) -> list[str]:
    """A row per candidate: its scores with their 95 % intervals, and why it is out."""
    several = len(found.runs) > 1
    rows = [["checkpoint", *HEADINGS.values(), "images", ""]]
    for entry in found.entries:
        name = f"{found.runs.get(entry.run, entry.run)}, " if several else ""
        rows.append(
            [
                f"{name}{entry.candidate.title}",
                *(_point(entry, measure) for measure in MEASURES),
                str(entry.images),
                exit_words(entry.out, entry.by) if entry.out else _mark(found, entry),
            ]
        )
    widths = [max(len(row[index]) for row in rows) for index in range(len(rows[0]))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _mark(found: Selection, entry: Entry) -> str:
    same = (entry.run, entry.step, entry.strength)
    if found.recommended and same == (
        found.recommended.run, found.recommended.step, found.recommended.strength
    ):  # fmt: skip
        return "← recommended"
    return "cannot be told apart from the best" if any(
        same == (one.run, one.step, one.strength) for one in found.alike
    ) else ""  # fmt: skip


def _point(entry: Entry, measure: str) -> str:
    point = entry.points.get(measure)
    if point is None:
        return "–"
    if point.low is None or point.high is None:
        return f"{point.value:.3f}"
    return f"{point.value:.3f} ± {(point.high - point.low) / 2:.3f}"
