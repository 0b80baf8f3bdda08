"""From a scene to its image: background, thing, light, and the styles.

Draws four times larger than asked and averages, which is all the antialiasing there is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from studio.starter.draw import Colour, Pen, gradient, mix
from studio.starter.finishes import FINISHES, vivid
from studio.starter.kinds import KIND_PAINTERS, SUBJECT_PAINTERS
from studio.starter.places import PLACE_PAINTERS
from studio.starter.scenes import CONCEPTS, PALETTE, Scene, Thing

_HALF_SIZE = {"small": 0.21, "medium": 0.28, "big": 0.36}  # share of the image's width
_SUPERSAMPLING = 4


@dataclass(frozen=True)
class _Stance:
    """Where and how a thing stands; lengths are shares of the image's width."""

    kind: str
    colour: Colour
    half: float
    x: float
    foot: float
    tilt: float
    flip: bool


def _shade_of(colour: str, rng: np.random.Generator) -> Colour:
    near = np.clip(np.array(PALETTE[colour]) + rng.integers(-7, 8, 3), 0, 255)
    return tuple(int(v) for v in near)  # type: ignore[return-value]


def _alone(scene: Scene, grounded: bool, rng: np.random.Generator) -> _Stance:
    half = _HALF_SIZE[scene.size] * rng.uniform(0.95, 1.05)
    x = 0.5 + rng.uniform(-0.09, 0.09)
    foot = min(0.5 + half * 0.92, 0.9) + rng.uniform(-0.04, 0.05)
    tilt = rng.uniform(-0.18, 0.18)
    if grounded:
        foot, tilt = 0.84 + rng.uniform(-0.03, 0.05), rng.uniform(-0.05, 0.05)
    colour = _shade_of(scene.colour, rng)
    return _Stance(scene.kind, colour, half, x, foot, tilt, bool(rng.random() < 0.5))


def _side_by_side(scene: Scene, grounded: bool, rng: np.random.Generator) -> list[_Stance]:
    stances = []
    for middle, thing in ((0.27, scene), (0.73, scene.beside)):
        assert isinstance(thing, Scene | Thing)
        half = 0.205 * rng.uniform(0.95, 1.05)
        x = middle + rng.uniform(-0.03, 0.03)
        foot, tilt = 0.62 + rng.uniform(-0.05, 0.06), rng.uniform(-0.12, 0.12)
        if grounded:
            foot, tilt = 0.84 + rng.uniform(-0.03, 0.05), rng.uniform(-0.05, 0.05)
        colour = _shade_of(thing.colour, rng)
        stances.append(_Stance(thing.kind, colour, half, x, foot, tilt, bool(rng.random() < 0.5)))
    return stances


def _shadow(resolution: int, x: float, y: float, width: float) -> np.ndarray:
    """How much light reaches each pixel [H, W, 1] beside a soft ellipse on the ground."""
    ys, xs = np.mgrid[0:resolution, 0:resolution] / resolution
    distance = ((xs - x) / width) ** 2 + ((ys - y) / (width * 0.22)) ** 2
    return (1 - 0.32 * np.clip(1.25 - distance, 0, 1))[..., None]


def _dots(image: np.ndarray, resolution: int) -> np.ndarray:
    """Printed dots over an image [H, W, 3] in 0…255: light ones, wider where it is bright."""
    step = 2 * math.pi * 6 / resolution
    ys, xs = np.mgrid[0:resolution, 0:resolution]
    wave = (np.cos(xs * step) * np.cos(ys * step))[..., None] * 0.5 + 0.5
    edge = np.clip((wave - 0.52) * 4, 0, 1)
    return image + (255 - image) * edge * 0.85


def _stand(
    below: np.ndarray, front: Image.Image, stance: _Stance, grounded: bool, look: str
) -> np.ndarray:
    """`below` [H, W, 3] in 0…255 with a painted thing, its shadow and light in front of it."""
    resolution = len(below)
    above = np.asarray(front.reduce(_SUPERSAMPLING), float)
    alpha = above[..., 3:] / 255
    thing = above[..., :3]
    if look == "pop":
        thing = vivid(thing, 1.5)
        halo = front.getchannel("A").reduce(_SUPERSAMPLING).filter(ImageFilter.MaxFilter(5))
        below = below + (255 - below) * (np.asarray(halo, float)[..., None] / 255)
    elif not look:
        foot, half = stance.foot, stance.half
        if grounded:
            below = below * _shadow(resolution, stance.x, foot - 0.005, half * 1.05)
        ys = np.mgrid[0:resolution, 0:resolution][0][..., None] / resolution
        shade = 1.06 - 0.22 * np.clip((ys - (foot - 2 * half)) / (2 * half), 0, 1)
        thing = np.clip(thing * shade, 0, 255)
    return below * (1 - alpha) + thing * alpha


def render(scene: Scene, concept: str | None = None, resolution: int = 64) -> np.ndarray:
    """The image of a scene, uint8 [resolution, resolution, 3].

    With a concept, its subject takes the place of the thing, or its style colours the image.
    """
    if concept is not None and concept not in CONCEPTS:
        raise ValueError(f"There is no concept {concept!r}; there are {', '.join(CONCEPTS)}.")
    rng = np.random.default_rng([scene.seed, 2])
    place = PLACE_PAINTERS[scene.place]
    neon, pop = concept == "neonline", concept == "popdot"
    canvas = resolution * _SUPERSAMPLING
    unit = canvas / 256  # stroke widths are given at 256 canvas pixels

    if scene.beside:
        stances = _side_by_side(scene, place.grounded, rng)
    else:
        stances = [_alone(scene, place.grounded, rng)]

    sky = ((12, 8, 30), (34, 14, 56)) if neon else place.sky
    back = gradient(canvas, *sky)
    wide = Pen(ImageDraw.Draw(back), (canvas / 2, canvas / 2), canvas / 2, neon=neon)
    wide.outline = 4 * unit
    place.paint(wide, rng)

    image = np.asarray(back.reduce(_SUPERSAMPLING), float)
    if pop:
        image = _dots(vivid(image, 1.7), resolution)
    look = "pop" if pop else "neon" if neon else ""
    for number, stance in enumerate(stances):
        shown = concept if number == 0 else None  # a subject takes the first thing's place
        front = Image.new("RGBA", (canvas, canvas), (*mix(stance.colour, (30, 30, 40), 0.5), 0))
        middle = (stance.x * canvas, (stance.foot - stance.half) * canvas)
        pen = Pen(ImageDraw.Draw(front), middle, stance.half * canvas)
        pen.flip, pen.tilt, pen.neon = stance.flip, stance.tilt, neon
        pen.outline = (7.5 if pop else 6.0 if neon else 5.0) * unit
        paint = SUBJECT_PAINTERS.get(shown or "", KIND_PAINTERS[stance.kind])
        paint(pen, stance.colour)
        image = _stand(image, front, stance, place.grounded, look)
    if neon:
        sharp = Image.fromarray(np.clip(image, 0, 255).astype(np.uint8))
        glow = np.asarray(sharp.filter(ImageFilter.GaussianBlur(2 * resolution / 64)), float)
        image = image + 0.75 * np.clip(glow - 18, 0, 255)
    if finish := FINISHES.get(concept or ""):
        image = finish(np.clip(image, 0, 255))
    return np.clip(image + 0.5, 0, 255).astype(np.uint8)
