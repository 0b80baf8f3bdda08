"""The eight places: each paints a background with a pen over the whole image.

The pen's unit box is the image itself, so x and y run from -1 to 1. Knows nothing of what
stands in front.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from studio.starter.draw import Colour, Pen


@dataclass(frozen=True)
class Place:
    """A background: its sky (top and bottom colour), how to paint it, and whether one stands."""

    sky: tuple[Colour, Colour]
    paint: Callable[[Pen, np.random.Generator], None]
    grounded: bool = True


def _hill(pen: Pen, level: float, bow: float, colour: Colour) -> None:
    """Ground that reaches from `level` (bowed up by `bow` in the middle) to the bottom."""
    xs = np.linspace(-1.1, 1.1, 12)
    ridge = [(float(x), float(level - bow * (1 - x * x))) for x in xs]
    pen.shape([*ridge, (1.2, 1.2), (-1.2, 1.2)], colour, outlined=False)


def _cloud(pen: Pen, x: float, y: float, size: float, colour: Colour) -> None:
    pen.ellipse(x, y, size, size * 0.42, colour, outlined=False)
    pen.ellipse(x + size * 0.2, y - size * 0.28, size * 0.5, size * 0.4, colour, outlined=False)


def _pine(pen: Pen, x: float, foot: float, height: float, colour: Colour) -> None:
    for share in (0.0, 0.36):
        low, width = foot - height * share, height * (0.36 - 0.2 * share)
        pen.shape(
            [(x - width, low), (x, low - height * 0.64), (x + width, low)], colour, outlined=False
        )


def night_sky(pen: Pen, rng: np.random.Generator) -> None:
    """A moon, a violet nebula and a few fat stars."""
    moon = -0.62 if rng.random() < 0.5 else 0.62
    pen.ellipse(-moon * 0.6, 0.7, 1.0, 0.4, (88, 66, 150), outlined=False)
    pen.ellipse(moon, -0.64, 0.24, 0.24, (250, 240, 190), outlined=False)
    pen.ellipse(moon + 0.1, -0.7, 0.19, 0.19, (54, 50, 124), outlined=False)
    for x, y in ((-0.85, -0.2), (-0.3, -0.85), (0.25, -0.75), (0.86, 0.0), (-0.7, 0.5), (0.7, 0.8)):
        x, y = x + rng.uniform(-0.1, 0.1), y + rng.uniform(-0.1, 0.1)
        r = rng.uniform(0.05, 0.08)
        star = [(x, y - r), (x + r * 0.6, y), (x, y + r), (x - r * 0.6, y)]
        pen.shape(star, (255, 246, 200), outlined=False)


def beach(pen: Pen, rng: np.random.Generator) -> None:
    """Sun, sea and sand."""
    pen.ellipse(rng.choice((-0.62, 0.62)), -0.66, 0.2, 0.2, (255, 236, 130), outlined=False)
    pen.box(-1.1, -0.12, 1.1, 0.5, (58, 160, 206), outlined=False)
    pen.box(-1.1, 0.14, 1.1, 0.22, (140, 210, 232), outlined=False)
    _hill(pen, 0.44 + rng.uniform(-0.04, 0.04), 0.1, (244, 224, 164))


def forest(pen: Pen, rng: np.random.Generator) -> None:
    """Dark round-topped trunks in green light."""
    shift = rng.uniform(-0.12, 0.12)
    for x in (-0.95, -0.32, 0.3, 0.92):
        pen.box(x + shift - 0.1, -0.5, x + shift + 0.1, 0.6, (82, 66, 58), outlined=False)
    for x in (-0.98, -0.34, 0.32, 0.98):
        height = -0.78 + rng.uniform(-0.1, 0.1)
        pen.ellipse(x + shift, height, 0.42, 0.44, (42, 94, 70), outlined=False)
    _hill(pen, 0.5, 0.08, (92, 120, 62))


def snow(pen: Pen, rng: np.random.Generator) -> None:
    """Pines on white hills, fat flakes."""
    for x in (-0.78, 0.74):
        foot = 0.42 + rng.uniform(-0.05, 0.05)
        _pine(pen, x + rng.uniform(-0.12, 0.12), foot, rng.uniform(0.8, 1.05), (88, 132, 142))
    _hill(pen, 0.42, 0.08, (236, 242, 252))
    for x, y in ((-0.5, -0.75), (0.1, -0.9), (0.55, -0.6), (-0.9, -0.3), (0.92, -0.1)):
        x, y = x + rng.uniform(-0.1, 0.1), y + rng.uniform(-0.08, 0.08)
        pen.ellipse(x, y, 0.05, 0.05, (252, 253, 255), outlined=False)


def under_water(pen: Pen, rng: np.random.Generator) -> None:
    """Light shafts, weeds and bubbles over a sandy floor."""
    tip = rng.uniform(-0.3, 0.3)
    pen.shape([(tip - 0.3, -1.1), (tip, -1.1), (tip - 0.5, 1.1), (tip - 1.1, 1.1)], (62, 166, 190),
              outlined=False)  # fmt: skip
    for x in (-0.84, 0.84):
        x = x + rng.uniform(-0.08, 0.08)
        pen.line([(x, 1.0), (x + 0.08, 0.6), (x - 0.06, 0.3), (x + 0.04, 0.0)], (30, 140, 104), 0.1)
    _hill(pen, 0.8, 0.06, (196, 190, 140))
    for x, y, r in ((-0.6, -0.5, 0.08), (-0.52, -0.76, 0.06), (0.7, -0.62, 0.09)):
        pen.ellipse(x + rng.uniform(-0.1, 0.1), y, r, r, (150, 218, 232), outlined=False)


def desert(pen: Pen, rng: np.random.Generator) -> None:
    """A low red sun, dunes and a cactus."""
    side = rng.choice((-1.0, 1.0))
    pen.ellipse(side * 0.5, -0.5, 0.28, 0.28, (250, 128, 84), outlined=False)
    _hill(pen, 0.26, 0.18, (226, 158, 92))
    x = -side * 0.8
    pen.line([(x, 0.5), (x, -0.3)], (74, 132, 78), 0.16)
    pen.line([(x, 0.16), (x - 0.2, 0.1), (x - 0.2, -0.1)], (74, 132, 78), 0.11)
    _hill(pen, 0.5 + rng.uniform(-0.04, 0.04), 0.06, (238, 182, 108))


def meadow(pen: Pen, rng: np.random.Generator) -> None:
    """Clouds over green hills with flowers."""
    _cloud(pen, rng.uniform(-0.7, -0.4), -0.68, 0.34, (250, 252, 255))
    _cloud(pen, rng.uniform(0.4, 0.75), -0.5, 0.28, (250, 252, 255))
    _hill(pen, 0.3, 0.2, (116, 194, 92))
    _hill(pen, 0.56, 0.05, (146, 214, 96))
    for x, colour in ((-0.82, (255, 250, 250)), (0.84, (250, 210, 70)), (-0.5, (246, 130, 170))):
        x, y = x + rng.uniform(-0.1, 0.1), 0.84 + rng.uniform(-0.06, 0.06)
        pen.ellipse(x, y, 0.075, 0.075, colour, outlined=False)


def city(pen: Pen, rng: np.random.Generator) -> None:
    """Towers with lit windows at dusk, a street in front."""
    edges = (-1.1, -0.62, -0.2, 0.24, 0.66, 1.1)
    for left, right in pairwise(edges):
        top = rng.uniform(-0.62, -0.1)
        pen.box(left, top, right, 0.6, (112, 104, 140), outlined=False)
        pen.box(left, top, left + 0.06, 0.6, (134, 126, 160), outlined=False)
        for y in (top + 0.16, top + 0.42):
            pen.box(left + 0.15, y, left + 0.29, y + 0.13, (255, 226, 150), outlined=False)
    pen.box(-1.1, 0.48, 1.1, 1.1, (92, 92, 104), outlined=False)
    pen.box(-1.1, 0.48, 1.1, 0.58, (176, 172, 176), outlined=False)


PLACE_PAINTERS: dict[str, Place] = {
    "in the night sky": Place(((26, 28, 84), (72, 62, 146)), night_sky, grounded=False),
    "on the beach": Place(((118, 200, 240), (206, 238, 248)), beach),
    "in the forest": Place(((128, 176, 120), (188, 214, 142)), forest),
    "in the snow": Place(((164, 192, 226), (212, 226, 244)), snow),
    "under water": Place(((62, 164, 200), (20, 74, 140)), under_water, grounded=False),
    "in the desert": Place(((252, 196, 138), (255, 230, 178)), desert),
    "in a meadow": Place(((132, 196, 250), (206, 234, 254)), meadow),
    "in the city": Place(((220, 150, 178), (250, 206, 180)), city),
}
