"""The differences between columns, as tables with intervals: what is told apart, and what is not.

Owns: this part of the page. Refuses to know: how differences are found. Imports no torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from studio.compare import measures
from studio.compare.record import Comparison
from studio.compare.report.markup import escaped, row
from studio.compare.report.plots import interval_bar
from studio.core.counts import counted

FEW = 6
"""Pairs up to which every measure's table is open."""
APART, NOT_APART = "told apart", "cannot be told apart"


@dataclass(frozen=True)
class _Line:
    """One difference as it is shown: of columns, or of groups of them."""

    measure: str
    a: str
    b: str
    value: float
    low: float | None
    high: float | None
    n: str
    told_apart: bool
    paired: bool = True


def differences(comparison: Comparison) -> str:
    """The tables, measure by measure; empty when no differences were found."""
    columns = [column.name for column in comparison.columns]
    lines = [
        _Line(
            one.measure, columns[one.a], columns[one.b], one.value, one.low, one.high,
            f"{one.n:,}", one.told_apart, one.paired,
        )
        for one in comparison.differences
        if one.a in range(len(columns)) and one.b in range(len(columns))
    ]  # fmt: skip
    groups = [
        _Line(
            one.measure, one.a, one.b, one.value, one.low, one.high,
            f"{one.runs[0]} and {counted(one.runs[1], 'run')}", one.told_apart,
        )
        for one in comparison.group_differences
    ]  # fmt: skip
    parts = [_tables("Groups of runs", groups), _tables("Columns", lines)]
    if not any(parts):
        return ""
    explained = (
        "<p class=soft>A difference is the first minus the second, image by image of the same "
        "prompt and noise. Where its interval holds zero, the two cannot be told apart by these "
        "images. Intervals hold for all pairs of a table together, with 95 % confidence.</p>"
    )
    return explained + "".join(parts)


def _tables(heading: str, lines: Sequence[_Line]) -> str:
    if not lines:
        return ""
    made = [f"<h3>{escaped(heading)}</h3>"]
    for key in dict.fromkeys(line.measure for line in lines):
        own = [line for line in lines if line.measure == key]
        apart = sum(line.told_apart for line in own)
        summary = f"{label_of(key)}: {apart} of {len(own)} told apart"
        opened = " open" if len(own) <= FEW else ""
        made.append(
            f"<details{opened}><summary>{escaped(summary)}</summary>{_table(own)}</details>"
        )
    return "".join(made)


def _table(lines: Sequence[_Line]) -> str:
    ends = [end for line in lines for end in (line.low, line.high, line.value, 0.0)]
    scale = [end for end in ends if end is not None]
    heads = row(["Pair", "Difference", "95 % interval", "", "n", "Result"], "th")
    rows = "".join(_row(line, scale) for line in lines)
    label = escaped(f"Differences in {label_of(lines[0].measure)}")
    return (
        f"<div class=scroll tabindex=0 role=region aria-label='{label}'><table>"
        f"<thead>{heads}</thead><tbody>{rows}</tbody></table></div>"
    )


def _row(line: _Line, scale: Sequence[float]) -> str:
    about = (
        f"data-difference='{escaped(line.measure)}' data-a='{escaped(line.a)}' "
        f"data-b='{escaped(line.b)}'"
    )
    interval = "–"
    bar = ""
    if line.low is not None and line.high is not None:
        interval = f"{signed(line.low)} … {signed(line.high)}"
        bar = interval_bar(line.value, line.low, line.high, scale)
    result = APART if line.told_apart else NOT_APART
    paired = "" if line.paired else " (not paired)"
    mark = " class=apart" if line.told_apart else ""
    return (
        f"<tr><th scope=row>{escaped(line.a)} − {escaped(line.b)}</th>"
        f"<td><data value='{line.value!r}' {about}>{signed(line.value)}</data></td>"
        f"<td>{interval}</td><td>{bar}</td><td>{escaped(line.n)}</td>"
        f"<td{mark}>{result}{paired}</td></tr>"
    )


def label_of(key: str) -> str:
    """What a measure is called; one that this version does not know by its key."""
    return next((one.label for one in measures.MEASURES if one.key == key), key)


def signed(value: float) -> str:
    """A difference, with its sign and as many digits as say something."""
    text = f"{value:+.4f}" if abs(value) < 100 else f"{value:+,.1f}"
    return text.replace("-", "−")
