"""The plots of a report, as drawings inside the page: they print, and follow its colours.

Owns: scales, marks and labels. Refuses to know: comparisons; it gets points and names. Imports no
torch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from studio.compare.report.markup import escaped

WIDTH, HEIGHT = 460, 300
LEFT, RIGHT, TOP, BOTTOM = 58, 16, 14, 42
COLOURS = 6
"""Colours of series, `--plot-1` …; more series begin again."""


@dataclass(frozen=True)
class Measurement:
    """A value, and where it lies with 95 % confidence, where that is known."""

    value: float
    low: float | None = None
    high: float | None = None

    @property
    def ends(self) -> list[float]:
        """Every number of it that a scale must hold."""
        found = [self.value, self.low, self.high]
        return [end for end in found if end is not None and math.isfinite(end)]


@dataclass(frozen=True)
class Point:
    """One column between two measures; `number` is what stands beside it."""

    number: int
    name: str
    x: Measurement
    y: Measurement


@dataclass(frozen=True)
class Curve:
    """One run over its steps."""

    name: str
    steps: tuple[float, ...]
    values: tuple[Measurement, ...]


@dataclass(frozen=True)
class Axes:
    """What the two directions mean, in words."""

    title: str
    x: str
    y: str


class _Scale:
    """Numbers → places, with round ticks."""

    def __init__(self, values: Sequence[float], first: float, last: float) -> None:
        low, high = min(values), max(values)
        room = (high - low or abs(high) or 1.0) * 0.08
        self.low, self.high = low - room, high + room
        self.first, self.last = first, last

    def __call__(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return round(self.first + share * (self.last - self.first), 1)

    def ticks(self) -> list[float]:
        """About four round numbers."""
        rough = (self.high - self.low) / 4
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough)
        start = math.ceil(self.low / step)
        count = math.floor(self.high / step) - start + 1
        return [(start + n) * step for n in range(max(0, min(count, 12)))]


def scatter(points: Sequence[Point], axes: Axes) -> str:
    """Points with the intervals of both values; empty with fewer than two that have both."""
    points = [one for one in points if one.x.ends and one.y.ends and _finite(one)]
    if len(points) < 2:
        return ""
    across = _Scale([end for one in points for end in one.x.ends], LEFT, WIDTH - RIGHT)
    up = _Scale([end for one in points for end in one.y.ends], HEIGHT - BOTTOM, TOP)
    marks = []
    for one in points:
        x, y = across(one.x.value), up(one.y.value)
        colour = f"var(--plot-{(one.number - 1) % COLOURS + 1})"
        bars = _error_bars(one, across, up)
        marks.append(
            f"<g stroke='{colour}' fill='{colour}'><title>{escaped(one.name)}</title>{bars}"
            f"<circle cx='{x}' cy='{y}' r='4.5'/></g>"
            f"<text class=mark x='{x + 7}' y='{y - 7}'>{one.number}</text>"
        )
    names = ", ".join(f"{one.number} {one.name}" for one in points)
    label = f"{axes.title}: {names}"
    return _figure(label, axes, _frame(axes, across, up), "".join(marks))


def curves(lines: Sequence[Curve], axes: Axes) -> str:
    """One line per curve over its steps, with its intervals; empty when there is nothing to connect."""
    lines = [line for line in lines if len(line.steps) > 1]
    steps = [step for line in lines for step in line.steps]
    ends = [end for line in lines for value in line.values for end in value.ends]
    if not lines or not ends:
        return ""
    across = _Scale(steps, LEFT, WIDTH - RIGHT)
    up = _Scale(ends, HEIGHT - BOTTOM, TOP)
    plotted = []
    for number, line in enumerate(lines):
        colour = f"var(--plot-{number % COLOURS + 1})"
        dots, path = [], []
        for step, value in zip(line.steps, line.values, strict=True):
            if not math.isfinite(value.value):
                continue
            x, y = across(step), up(value.value)
            path.append(f"{x},{y}")
            dots.append(f"<circle cx='{x}' cy='{y}' r='3.5' stroke='none'/>")
            if value.low is not None and value.high is not None:
                dots.append(_line(x, up(value.low), x, up(value.high)))
        plotted.append(
            f"<g stroke='{colour}' fill='{colour}'><title>{escaped(line.name)}</title>"
            f"<polyline points='{' '.join(path)}' fill='none' stroke-width='2'/>{''.join(dots)}</g>"
        )
    label = f"{axes.title}: {', '.join(line.name for line in lines)}"
    return _figure(label, axes, _frame(axes, across, up), "".join(plotted))


def interval_bar(value: float, low: float, high: float, scale: Sequence[float]) -> str:
    """A difference on a line with zero, for a table's cell."""
    finite = [end for end in (*scale, low, high, value) if math.isfinite(end)]
    if not all(map(math.isfinite, (value, low, high))):
        return ""
    across = _Scale(finite, 2, 134)
    zero = across(0.0)
    colour = "var(--soft)" if low <= 0 <= high else "var(--accent)"
    return (
        "<svg viewBox='0 0 136 16' aria-hidden=true>"
        f"<line class=axis x1='{zero}' y1='0' x2='{zero}' y2='16' stroke-width='1.5'/>"
        f"<g stroke='{colour}' fill='{colour}'>{_line(across(low), 8, across(high), 8)}"
        f"<circle cx='{across(value)}' cy='8' r='3.5' stroke='none'/></g></svg>"
    )


def _figure(label: str, axes: Axes, *parts: str) -> str:
    return (
        f"<figure><figcaption>{escaped(axes.title)}</figcaption>"
        f"<svg viewBox='0 0 {WIDTH} {HEIGHT}' role=img aria-label='{escaped(label)}'>"
        f"{''.join(parts)}</svg></figure>"
    )


def _frame(axes: Axes, across: _Scale, up: _Scale) -> str:
    bottom = HEIGHT - BOTTOM
    parts = [f"<g class=axis>{_line(LEFT, bottom, WIDTH - RIGHT, bottom)}"]
    parts += [_line(LEFT, up(tick), WIDTH - RIGHT, up(tick)) for tick in up.ticks()]
    parts.append("</g>")
    parts += _ticks(across.ticks(), lambda t: (across(t), bottom + 15), "middle")
    parts += _ticks(up.ticks(), lambda t: (LEFT - 6, up(t) + 4), "end")
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(
        f"<text x='{middle}' y='{HEIGHT - 8}' text-anchor=middle>{escaped(axes.x)}</text>"
        f"<text transform='translate(12 {(TOP + bottom) / 2}) rotate(-90)' text-anchor=middle>"
        f"{escaped(axes.y)}</text>"
    )
    return "".join(parts)


def _ticks(
    ticks: Sequence[float], place: Callable[[float], tuple[float, float]], anchor: str
) -> list[str]:
    found = []
    for tick in ticks:
        x, y = place(tick)
        text = f"{tick:.10g}".replace("-", "−") if abs(tick) < 1e6 else f"{tick:.3g}"
        found.append(f"<text x='{x}' y='{y}' text-anchor={anchor}>{text}</text>")
    return found


def _error_bars(one: Point, across: _Scale, up: _Scale) -> str:
    x, y = across(one.x.value), up(one.y.value)
    bars = ""
    if one.x.low is not None and one.x.high is not None:
        bars += _line(across(one.x.low), y, across(one.x.high), y)
    if one.y.low is not None and one.y.high is not None:
        bars += _line(x, up(one.y.low), x, up(one.y.high))
    return bars


def _line(x1: float, y1: float, x2: float, y2: float) -> str:
    return f"<line class=bar x1='{x1}' y1='{y1}' x2='{x2}' y2='{y2}'/>"


def _finite(one: Point) -> bool:
    values = (*one.x.ends, *one.y.ends)
    known = [v for m in (one.x, one.y) for v in (m.value, m.low, m.high) if v is not None]
    return len(values) == len(known)
