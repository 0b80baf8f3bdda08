"""What a report says in words and numbers, whatever form it takes.

Owns: the sentences about a comparison, and its table of measures. Refuses to know: HTML, Markdown,
CSV. Imports no torch.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

from studio.compare import measures
from studio.compare.measures import Measure
from studio.compare.record import ComparedColumn, Comparison
from studio.core.counts import counted

APART = "◆"
APART_WORDS = "told apart from every other column"


@dataclass(frozen=True)
class Value:
    """One place of the table: as people read it, and the number as it is recorded."""

    text: str
    number: float | None = None
    key: str = ""
    """Of a measure: its key."""
    apart: bool = False
    """Whether the column is better in it than every other one, beyond doubt."""


def title(comparison: Comparison) -> str:
    """What the comparison is called."""
    made = moment(comparison.created)
    return comparison.name or (f"Comparison of {made}" if made else comparison.id)


def compared(comparison: Comparison) -> str:
    """What was compared, in a sentence."""
    names = [column.name for column in comparison.columns]
    shown = names if len(names) <= 6 else [*names[:5], f"{len(names) - 5} more"]
    grid = (
        f"{counted(len(names), 'column')} ({', '.join(shown)}) on the base {comparison.base}: "
        f"{counted(len(comparison.prompts), 'prompt')} × {counted(len(comparison.seeds), 'seed')}, "
        "with the same noise in every column."
    )
    counts = next((column.counts for column in comparison.columns if column.counts), None)
    if counts:
        against = counted(counts[1], "reference image")
        grid += f" Measured: {counts[0]:,} generated against {against}."
    return grid


def sampled(comparison: Comparison) -> list[tuple[str, str]]:
    """The settings that all columns share: label and value."""
    chosen = comparison.settings
    reference = comparison.reference
    rows = [
        ("Base", comparison.base),
        ("Base, short hash", comparison.base_hash[:10]),
        ("Sampler", chosen.get("sampler")),
        ("Sampling steps", chosen.get("steps")),
        ("Guidance scale", chosen.get("guidance")),
        ("Negative prompt", chosen.get("negative_prompt")),
        ("Seeds", seeds(comparison.seeds)),
        ("Images per column", most_images(comparison)),
        ("Reference images", f"{reference.images:,} ({PurePath(reference.folder).name})"
         if reference.images else ""),
        ("Generated", moment(comparison.created)),
        ("Took", duration(comparison.seconds) if comparison.seconds else ""),
    ]  # fmt: skip
    return [(label, str(value)) for label, value in rows if value not in (None, "", 0)]


def seeds(values: Sequence[int]) -> str:
    """1, 2, 3, 4 → “1–4”; others one by one."""
    if len(values) > 2 and list(values) == list(range(values[0], values[0] + len(values))):
        return f"{values[0]}–{values[-1]}"
    return ", ".join(map(str, values))


def most_images(comparison: Comparison) -> int:
    """How many images a column has, with those that only the measures see."""
    return max((column.images or 0 for column in comparison.columns), default=0)


def incomplete(comparison: Comparison) -> str:
    """Why it is not whole; empty when it is."""
    if comparison.complete:
        return ""
    why = "was cancelled" if comparison.cancelled else "did not run to its end"
    return f"This comparison {why}: it shows what was generated until then."


def errors(comparison: Comparison) -> list[str]:
    """A sentence per column that could not be generated."""
    return [f"{column.name}: {column.message}" for column in comparison.columns if column.error]


def messages(comparison: Comparison) -> list[str]:
    """What the columns' files had to say, and the notes about the whole."""
    said = [f"{column.name}: {text}" for column in comparison.columns for text in column.messages]
    return [*comparison.notes, *said]


def shown_measures(comparison: Comparison) -> list[Measure]:
    """The measures that at least one column has a value for."""
    return [
        row
        for row in measures.MEASURES
        if any(row.of(column) is not None for column in comparison.columns)
    ]


def headings(comparison: Comparison) -> list[str]:
    """Of the table."""
    return ["Column", *(row.label for row in shown_measures(comparison)), "Adapters"]


def table(comparison: Comparison) -> list[list[Value]]:
    """A row per column."""
    rows = []
    shown = shown_measures(comparison)
    for column in comparison.columns:
        cells = [Value(column.name), *(measured(column, row) for row in shown)]
        cells.append(Value(", ".join(adapters(column)) or "–"))
        rows.append(cells)
    return rows


def measured(column: ComparedColumn, row: Measure) -> Value:
    """A column's value of a measure, with its interval where that is known."""
    value = row.of(column)
    text = row.shown(value, column.intervals.get(row.key))
    error = column.standard_errors.get(row.key)  # of an earlier version
    if text and error is not None:
        text = f"{text} ± {row.number(error)}"
    return Value(text or "–", value, row.key, apart=row.key in column.told_apart)


def legend(comparison: Comparison) -> str:
    """What the marks and brackets of the table mean; empty when it has none."""
    parts = []
    if any(column.told_apart for column in comparison.columns):
        parts.append(f"{APART} {APART_WORDS}.")
    if any(column.intervals for column in comparison.columns):
        parts.append("In brackets: 95 % intervals.")
    return " ".join(parts)


def explained() -> list[tuple[str, str]]:
    """What each measure says: label, sentence."""
    return [
        (row.label, f"{row.says} Formula: {row.formula} ({row.source}).")
        for row in measures.MEASURES
    ]


def adapters(column: ComparedColumn) -> list[str]:
    """The files of a stack that act, with their strengths."""
    return [f"{_name(file.path)} × {file.strength:g}" for file in column.stack if file.enabled]


def duration(seconds: float) -> str:
    """Seconds as people read them."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def moment(created: float | None) -> str:
    """A time, with its day."""
    if not created:
        return ""
    try:
        return time.strftime("%Y-%m-%d %H:%M", time.localtime(created))
    except (ValueError, OverflowError, OSError):
        return ""


def _name(path: str) -> str:
    return path.replace("\\", "/").rstrip("/").rpartition("/")[2]
