"""From a scene to its picture: background, thing, light, and the two styles.

Draws four times larger than asked and averages, which is all the antialiasing there is.
"""

from __future__ import annotations

import math

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from studio.starter.draw import Colour, Pen, gradient, mix
from studio.starter.kinds import KIND_PAINTERS, SUBJECT_PAINTERS
from studio.starter.places import PLACE_PAINTERS
from studio.starter.scenes import CONCEPTS, PALETTE, Scene

_HALF_SIZE = {"small": 0.21, "medium": 0.28, "big": 0.36}  # share of the picture's width
_SUPERSAMPLING = 4


def _paint_thing(pen: Pen, scene: Scene, concept: str | None, colour: Colour) -> None:
    if concept in SUBJECT_PAINTERS:
        SUBJECT_PAINTERS[concept](pen, colour)
    else:
        KIND_PAINTERS[scene.kind](pen, colour)


def _shadow(resolution: int, x: float, y: float, width: float) -> np.ndarray:
    """How much light reaches each pixel [H, W, 1] beside a soft ellipse on the ground."""
    ys, xs = np.mgrid[0:resolution, 0:resolution] / resolution
    distance = ((xs - x) / width) ** 2 + ((ys - y) / (width * 0.22)) ** 2
    return (1 - 0.32 * np.clip(1.25 - distance, 0, 1))[..., None]


def _dots(picture: np.ndarray, resolution: int) -> np.ndarray:
    """Printed dots over a picture [H, W, 3] in 0…255: light ones, wider where it is bright."""
    step = 2 * math.pi * 6 / resolution
    ys, xs = np.mgrid[0:resolution, 0:resolution]
    wave = (np.cos(xs * step) * np.cos(ys * step))[..., None] * 0.5 + 0.5
    edge = np.clip((wave - 0.52) * 4, 0, 1)
    return picture + (255 - picture) * edge * 0.85


def _vivid(picture: np.ndarray, amount: float) -> np.ndarray:
    """Pushes colours away from their grey."""
    grey = picture.mean(axis=-1, keepdims=True)
    return np.clip(grey + (picture - grey) * amount, 0, 255)


def render(scene: Scene, concept: str | None = None, resolution: int = 64) -> np.ndarray:
    """The picture of a scene, uint8 [resolution, resolution, 3].

    With a concept, its subject takes the place of the thing, or its style colours the picture.
    """
    if concept is not None and concept not in CONCEPTS:
        raise ValueError(f"There is no concept {concept!r}; there are {', '.join(CONCEPTS)}.")
    rng = np.random.default_rng([scene.seed, 2])
    place = PLACE_PAINTERS[scene.place]
    neon, pop = concept == "neonline", concept == "popdot"
    canvas = resolution * _SUPERSAMPLING
    unit = canvas / 256  # stroke widths are given at 256 canvas pixels

    half = _HALF_SIZE[scene.size] * rng.uniform(0.95, 1.05)
    x = 0.5 + rng.uniform(-0.09, 0.09)
    foot = min(0.5 + half * 0.92, 0.9) + rng.uniform(-0.04, 0.05)
    tilt = rng.uniform(-0.18, 0.18)
    if place.grounded:
        foot, tilt = 0.84 + rng.uniform(-0.03, 0.05), rng.uniform(-0.05, 0.05)
    base = np.array(PALETTE[scene.colour]) + rng.integers(-7, 8, 3)
    colour: Colour = tuple(int(v) for v in np.clip(base, 0, 255))  # type: ignore[assignment]
    flip = bool(rng.random() < 0.5)

    sky = ((12, 8, 30), (34, 14, 56)) if neon else place.sky
    back = gradient(canvas, *sky)
    wide = Pen(ImageDraw.Draw(back), (canvas / 2, canvas / 2), canvas / 2, neon=neon)
    wide.outline = 4 * unit
    place.paint(wide, rng)

    front = Image.new("RGBA", (canvas, canvas), (*mix(colour, (30, 30, 40), 0.5), 0))
    pen = Pen(ImageDraw.Draw(front), (x * canvas, (foot - half) * canvas), half * canvas)
    pen.flip, pen.tilt, pen.neon = flip, tilt, neon
    pen.outline = (7.5 if pop else 6.0 if neon else 5.0) * unit
    _paint_thing(pen, scene, concept, colour)

    below = np.asarray(back.reduce(_SUPERSAMPLING), float)
    above = np.asarray(front.reduce(_SUPERSAMPLING), float)
    alpha = above[..., 3:] / 255
    thing = above[..., :3]
    if pop:
        below = _dots(_vivid(below, 1.7), resolution)
        thing = _vivid(thing, 1.5)
        halo = front.getchannel("A").reduce(_SUPERSAMPLING).filter(ImageFilter.MaxFilter(5))
        below += (255 - below) * (np.asarray(halo, float)[..., None] / 255)
    elif not neon:
        if place.grounded:
            below = below * _shadow(resolution, x, foot - 0.005, half * 1.05)
        ys = np.mgrid[0:resolution, 0:resolution][0][..., None] / resolution
        shade = 1.06 - 0.22 * np.clip((ys - (foot - 2 * half)) / (2 * half), 0, 1)
        thing = np.clip(thing * shade, 0, 255)
    picture = below * (1 - alpha) + thing * alpha
    if neon:
        sharp = Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8))
        glow = np.asarray(sharp.filter(ImageFilter.GaussianBlur(2 * resolution / 64)), float)
        picture = picture + 0.75 * np.clip(glow - 18, 0, 255)
    return np.clip(picture + 0.5, 0, 255).astype(np.uint8)
