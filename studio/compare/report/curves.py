"""Which plots a comparison has: likeness against drift, and measures over the steps of a run.

Owns: the choice, and the points. Refuses to know: how a plot is plotted (`report_plots`). Imports no
torch.
"""

from __future__ import annotations

from studio.compare import measures
from studio.compare.measures import Measure
from studio.compare.record import ComparedColumn, Comparison
from studio.compare.report.markup import escaped
from studio.compare.report.plots import Axes, Curve, Measurement, Point, curves, scatter

AGAINST = (
    ("drift", "image_image"),
    ("image_text", "image_image"),
)
"""What is gained against what it costs: (across, up), by key; the first that is known is plotted."""
MOST_CURVES = 6


def plots(comparison: Comparison) -> str:
    """Their markup; empty when there is nothing to plot."""
    plotted = [*_gain_and_cost(comparison), *_over_steps(comparison)]
    return f"<div class=plots>{''.join(plotted)}</div>" if plotted else ""


def _gain_and_cost(comparison: Comparison) -> list[str]:
    rows = {row.key: row for row in measures.MEASURES}
    for across, up in AGAINST:
        if across not in rows or up not in rows:
            continue
        points = [
            Point(number, column.name, x, y)
            for number, column in enumerate(comparison.columns, 1)
            if (x := _measured(column, across)) and (y := _measured(column, up))
        ]
        names = f"{rows[up].label} against {_low(rows[across].label)}"
        axes = Axes(names, _axis(rows[across]), _axis(rows[up]))
        if plotted := scatter(points, axes):
            key = "".join(
                f"<li value={point.number}>{escaped(point.name)}</li>" for point in points
            )
            return [plotted.replace("</figure>", f"<ol class=key>{key}</ol></figure>")]
    return []


def _over_steps(comparison: Comparison) -> list[str]:
    """A plot per measure, a curve per run and strength, where columns are steps of one."""
    runs = {
        run: columns
        for run, columns in _runs(comparison).items()
        if len({c.step for c in columns}) > 1
    }
    plotted = []
    for row in measures.MEASURES if runs else ():
        if row.is_fact:
            continue
        lines = []
        for run, columns in list(runs.items())[:MOST_CURVES]:
            found = {
                column.step or 0: value
                for column in columns
                if (value := _measured(column, row.key))
            }
            steps = sorted(found)
            lines.append(Curve(run, tuple(steps), tuple(found[step] for step in steps)))
        axes = Axes(f"{row.label} over the steps of a run", "Step", _axis(row))
        plotted.append(curves(lines, axes))
    return [one for one in plotted if one]


def _runs(comparison: Comparison) -> dict[str, list[ComparedColumn]]:
    """Columns by their run, or group; by their strength, too, where a run has several."""
    found: dict[str, dict[tuple[float, ...], list[ComparedColumn]]] = {}
    for column in comparison.columns:
        if column.step is not None and (column.run or column.group):
            strengths = tuple(file.strength for file in column.stack if file.enabled)
            run = found.setdefault(column.run or column.group, {})
            run.setdefault(strengths, []).append(column)
    return {
        run
        if len(by_strength) == 1
        else f"{run} × {', '.join(f'{one:g}' for one in strengths)}": own
        for run, by_strength in found.items()
        for strengths, own in by_strength.items()
    }


def _measured(column: ComparedColumn, key: str) -> Measurement | None:
    value = column.measures.get(key)
    if value is None:
        return None
    low, high = column.intervals.get(key) or (None, None)
    return Measurement(value, low, high)


def _axis(row: Measure) -> str:
    return f"{row.label} ({row.better} is better)"


def _low(label: str) -> str:
    return label if label.isupper() else label[0].lower() + label[1:]
