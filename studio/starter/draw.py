"""Cartoon drawing: a pen over a supersampled Pillow canvas, and small colour arithmetic.

Owns outlines, fills, gradients and the neon look of a stroke. Knows nothing of what is drawn.
Coordinates: x to the right, y down. A pen maps its own unit box [-1, 1]² to canvas pixels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

Colour = tuple[int, int, int]
Point = tuple[float, float]

INK: Colour = (44, 34, 52)
WHITE: Colour = (255, 255, 255)
_CIRCLE = [(math.cos(a), math.sin(a)) for a in np.linspace(0, 2 * math.pi, 28, endpoint=False)]


def mix(a: Colour, b: Colour, share: float) -> Colour:
    """The colour `share` of the way from `a` to `b`, share in [0, 1]."""
    return tuple(round(x + (y - x) * share) for x, y in zip(a, b, strict=True))  # type: ignore[return-value]


def light(colour: Colour, share: float = 0.45) -> Colour:
    """`colour` mixed with white."""
    return mix(colour, WHITE, share)


def dark(colour: Colour, share: float = 0.3) -> Colour:
    """`colour` mixed with the ink."""
    return mix(colour, INK, share)


def glowing(colour: Colour) -> Colour:
    """The neon tube of a colour: as bright as it gets, its hue pushed apart from grey."""
    values = np.array(colour, float)
    peak = max(float(values.max()), 1.0)
    if peak < 90:
        return (150, 140, 190)
    values = 255 * (values / peak) ** 1.6
    return tuple(int(v) for v in np.clip(values + 25, 0, 255))  # type: ignore[return-value]


def gradient(size: int, top: Colour, bottom: Colour) -> Image.Image:
    """A vertical gradient, `size` × `size` pixels."""
    steps = np.linspace(0, 1, size)[:, None]
    column = np.array(top) + (np.array(bottom) - np.array(top)) * steps
    return Image.fromarray(column.round().astype(np.uint8)[:, None, :]).resize((size, size))


@dataclass
class Pen:
    """Draws shapes given in the unit box, outlined in ink (or as neon tubes)."""

    draw: ImageDraw.ImageDraw
    centre: Point
    scale: float
    flip: bool = False
    tilt: float = 0.0
    outline: float = 0.0
    neon: bool = False

    def place(self, points: Sequence[Point]) -> list[Point]:
        """Unit-box points to canvas pixels."""
        sign = -1.0 if self.flip else 1.0
        cos, sin = math.cos(self.tilt) * self.scale, math.sin(self.tilt) * self.scale
        cx, cy = self.centre
        return [(cx + sign * x * cos - y * sin, cy + sign * x * sin + y * cos) for x, y in points]

    def shape(self, points: Sequence[Point], fill: Colour, *, outlined: bool = True) -> None:
        """A filled polygon."""
        spots = self.place(points)
        if self.neon:
            self.draw.polygon(spots, fill=mix((14, 8, 30), fill, 0.10))
            bright = glowing(fill)
            if not outlined:
                bright = mix((14, 8, 30), bright, 0.5)
            width = max(1, round(self.outline))
            self.draw.line([*spots, spots[0], spots[1]], fill=bright, width=width, joint="curve")
            return
        self.draw.polygon(spots, fill=fill)
        if outlined and self.outline:
            width = max(1, round(self.outline))
            self.draw.line([*spots, spots[0], spots[1]], fill=INK, width=width, joint="curve")

    def ellipse(
        self,
        x: float,
        y: float,
        rx: float,
        ry: float,
        fill: Colour,
        *,
        turn: float = 0.0,
        outlined: bool = True,
    ) -> None:
        """A filled ellipse around (x, y), turned by `turn` radians."""
        c, s = math.cos(turn), math.sin(turn)
        ring = [(x + u * rx * c - v * ry * s, y + u * rx * s + v * ry * c) for u, v in _CIRCLE]
        self.shape(ring, fill, outlined=outlined)

    def box(
        self,
        left: float,
        top: float,
        right: float,
        bottom: float,
        fill: Colour,
        *,
        corner: float = 0.0,
        outlined: bool = True,
    ) -> None:
        """A filled rectangle with rounded corners of radius `corner`."""
        if corner <= 0:
            points = [(left, top), (right, top), (right, bottom), (left, bottom)]
            self.shape(points, fill, outlined=outlined)
            return
        ring: list[Point] = []
        for cx, cy, start in (
            (right - corner, bottom - corner, 0.0),
            (left + corner, bottom - corner, 0.5),
            (left + corner, top + corner, 1.0),
            (right - corner, top + corner, 1.5),
        ):
            for step in range(5):
                angle = math.pi * (start + step / 8)
                ring.append((cx + corner * math.cos(angle), cy + corner * math.sin(angle)))
        self.shape(ring, fill, outlined=outlined)

    def line(self, points: Sequence[Point], colour: Colour, width: float) -> None:
        """An open stroke, `width` in unit-box units."""
        pixels = max(1, round(width * self.scale))
        if self.neon:
            colour = glowing(colour) if max(colour) > 90 else (120, 110, 170)
            pixels = max(1, round(self.outline))
        self.draw.line(self.place(points), fill=colour, width=pixels, joint="curve")

    def eye(self, x: float, y: float, radius: float, look: float = 0.25) -> None:
        """A round white eye whose pupil looks to the side by `look` of the radius."""
        self.ellipse(x, y, radius, radius, (250, 250, 252))
        self.ellipse(
            x + look * radius, y + 0.1 * radius, radius * 0.6, radius * 0.6, INK, outlined=False
        )

    def dot(self, x: float, y: float, radius: float) -> None:
        """A simple dark eye."""
        self.ellipse(x, y, radius, radius, INK, outlined=False)
