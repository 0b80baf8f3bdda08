"""The search for a checkpoint, as a part of its report: what is recommended, why, and the curves behind it.

Owns: this part of the page. Refuses to know: how a checkpoint is chosen. Imports no torch.
"""

from __future__ import annotations

from studio.compare.record import Comparison
from studio.compare.report.markup import escaped, row
from studio.compare.report.plots import Axes, Curve, Measurement, curves
from studio.compare.selection.record import Chosen, Entry, Point, Selection, read_selection
from studio.compare.selection.rule import LABELS, exit_words
from studio.core.errors import StudioError

MOST_CURVES = 6


def selection(comparison: Comparison) -> str:
    """Its markup; empty for a comparison that chose nothing."""
    try:
        found = read_selection(comparison.folder)
    except (StudioError, OSError, ValueError):
        return ""
    if not found.entries:
        return ""
    parts = []
    if found.recommended is not None:
        parts.append(f"<p><b>Recommended: {escaped(_called(found, found.recommended))}</b></p>")
    parts += [f"<p>{escaped(text)}</p>" for text in (found.reason, *found.notes) if text]
    if rest := [one for one in found.alike if one != found.recommended]:
        others = ", ".join(_called(found, one) for one in rest)
        parts.append(f"<p>Cannot be told apart from it: {escaped(others)}.</p>")
    keys = list(dict.fromkeys(key for entry in found.entries for key in entry.points))
    plots = "".join(_plot(found, key) for key in keys)
    return "".join(
        [*parts, f"<div class=plots>{plots}</div>" if plots else "", _table(found, keys)]
    )


def _called(found: Selection, one: Chosen | Entry) -> str:
    return f"{found.runs.get(one.run, one.run)}, step {one.step:,}, strength {one.strength:g}"


def _plot(found: Selection, key: str) -> str:
    """One measure over the steps, a curve per run and strength."""
    lines: dict[str, dict[int, Point]] = {}
    for entry in found.entries:
        if (point := entry.points.get(key)) is not None:
            name = f"{found.runs.get(entry.run, entry.run)} × {entry.strength:g}"
            lines.setdefault(name, {})[entry.step] = point
    most = sorted(lines.items(), key=lambda pair: -len(pair[1]))[:MOST_CURVES]
    shapes = [
        Curve(
            name,
            tuple(sorted(points)),
            tuple(_measurement(points[step]) for step in sorted(points)),
        )
        for name, points in most
    ]
    label = LABELS.get(key, key)
    plot = curves(shapes, Axes(f"{label} over the steps", "Step", label))
    names = "".join(f"<li>{escaped(one.name)}</li>" for one in shapes if len(one.steps) > 1)
    return plot.replace("</figure>", f"<ol class=key>{names}</ol></figure>")


def _table(found: Selection, keys: list[str]) -> str:
    heads = ["Checkpoint", *(LABELS.get(key, key) for key in keys), "Images", "Dropped because"]
    rows = []
    for entry in found.entries:
        cells = [f"<th scope=row>{escaped(_called(found, entry))}</th>"]
        cells += [f"<td>{_cell(entry, key)}</td>" for key in keys]
        out = exit_words(entry.out, entry.by) if entry.out else "–"
        cells.append(f"<td>{entry.images}</td><td class=text>{escaped(out)}</td>")
        rows.append(f"<tr>{''.join(cells)}</tr>")
    texts = (0, len(heads) - 1)
    return (
        f"<details><summary>Every checkpoint ({len(rows)})</summary>"
        "<div class=scroll tabindex=0 role=region aria-label='Every checkpoint'><table>"
        f"<thead>{row(heads, 'th', texts)}</thead><tbody>{''.join(rows)}</tbody></table></div></details>"
    )


def _cell(entry: Entry, key: str) -> str:
    point = entry.points.get(key)
    if point is None:
        return "–"
    interval = ""
    if point.low is not None and point.high is not None:
        interval = f" ({point.low:.3f} … {point.high:.3f})"
    about = f"data-checkpoint='{entry.column}' data-of='{escaped(key)}'"
    return f"<data value='{point.value!r}' {about}>{point.value:.3f}</data>{interval}"


def _measurement(point: Point) -> Measurement:
    return Measurement(point.value, point.low, point.high)
