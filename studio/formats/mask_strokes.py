"""A mask from strokes of a brush, as a page sends them. Its twin in the page is `core/mask_strokes.js`.

Owns: what a stroke is and what it paints. Refuses to know: what the mask is for.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from PIL.Image import Image

MOST_POINTS = 200_000


class Stroke(NamedTuple):
    """A line of the brush in pixels of the image; with `invert` it turns all that is there around."""

    size: float
    erase: bool
    points: list[tuple[float, float]]
    invert: bool = False


def read_strokes(sent: Any) -> list[Stroke]:
    """The strokes that a page sent. ValueError, TypeError or KeyError for what no page sends."""
    strokes = [_read(stroke) for stroke in sent]
    if sum(len(stroke.points) for stroke in strokes) > MOST_POINTS:
        raise TooManyStrokes
    return strokes


class TooManyStrokes(Exception):
    """More points than anybody paints."""


def painted(size: tuple[int, int], strokes: Sequence[Stroke], under: Image | None = None) -> Image:
    """The mask of an image of `size`: white under strokes, black under those that erase, elsewhere what
    `under` has, or black."""
    from PIL import Image, ImageChops, ImageDraw

    mask = under.copy() if under else Image.new("L", size, 0)
    for stroke in strokes:
        if stroke.invert:
            mask = ImageChops.invert(mask)
            continue
        brush = ImageDraw.Draw(mask)
        colour, half = 0 if stroke.erase else 255, stroke.size / 2
        brush.line(stroke.points, fill=colour, width=max(round(stroke.size), 1))
        for x, y in stroke.points:
            brush.ellipse((x - half, y - half, x + half, y + half), fill=colour)
    return mask


def _read(stroke: Any) -> Stroke:
    if stroke.get("invert") is True:
        return Stroke(0, False, [], True)
    size, points = float(stroke["size"]), [(float(x), float(y)) for x, y in stroke["points"]]
    numbers = [size, *(value for point in points for value in point)]
    if not all(math.isfinite(value) and abs(value) < 1e6 for value in numbers) or size <= 0:
        raise ValueError("no stroke")
    return Stroke(size, stroke["erase"] is True, points)
