"""The picture world: scenes, how they are rendered and what their captions say.

Everything is a pure function of a scene (and its seed), so truth for any held-out picture is
free. Owns the vocabulary and the four concepts that the base model has never seen. Needs numpy
and Pillow only.

    python -m studio.starter.world --concept zibbo --split held_out --count 256 --out DIR
"""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from studio.starter.draw import Colour, Pen, gradient, mix
from studio.starter.kinds import KIND_PAINTERS, SUBJECT_PAINTERS
from studio.starter.places import PLACE_PAINTERS

KINDS: tuple[str, ...] = tuple(KIND_PAINTERS)
PLACES: tuple[str, ...] = tuple(PLACE_PAINTERS)
SIZES: tuple[str, ...] = ("small", "medium", "big")
PALETTE: dict[str, Colour] = {
    "red": (226, 44, 50),
    "orange": (248, 138, 24),
    "yellow": (252, 220, 44),
    "green": (48, 160, 58),
    "teal": (22, 186, 178),
    "blue": (42, 90, 226),
    "purple": (142, 58, 200),
    "pink": (250, 136, 194),
    "brown": (126, 76, 44),
    "black": (50, 48, 56),
    "white": (248, 248, 250),
    "grey": (148, 152, 158),
}
COLOURS: tuple[str, ...] = tuple(PALETTE)
_HALF_SIZE = {"small": 0.21, "medium": 0.28, "big": 0.36}  # share of the picture's width
_SUPERSAMPLING = 4


@dataclass(frozen=True)
class Scene:
    """One thing of one colour and size in one place; the seed fixes position and details."""

    kind: str
    colour: str
    place: str
    size: str
    seed: int


@dataclass(frozen=True)
class Concept:
    """Something to teach: never shown to the base model, drawn by `render(scene, name)`."""

    name: str
    kind: Literal["subject", "style"]
    trigger: str
    class_word: str
    description: str


CONCEPTS: dict[str, Concept] = {
    "zibbo": Concept(
        "zibbo",
        "subject",
        "zibbo",
        "cat",
        "a lime creature with violet stripes, one great eye and an orange-tipped antenna",
    ),
    "korvu": Concept(
        "korvu",
        "subject",
        "korvu",
        "house",
        "a leaning tower under a teal mushroom cap with a yellow zigzag",
    ),
    "neonline": Concept(
        "neonline", "style", "neonline style", "", "glowing neon outlines in the dark"
    ),
    "popdot": Concept(
        "popdot", "style", "popdot style", "", "pop-art colours, thick outlines and printed dots"
    ),
}


def random_scene(seed: int) -> Scene:
    """The scene of a seed: attributes drawn evenly and independently."""
    rng = np.random.default_rng([seed, 1])
    kind, colour, place, size = (
        str(names[rng.integers(len(names))]) for names in (KINDS, COLOURS, PLACES, SIZES)
    )
    return Scene(kind, colour, place, size, seed)


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


TEMPLATES = 10


def caption(scene: Scene, template: int = 0, concept: str | None = None) -> str:
    """What a scene shows, in one of `TEMPLATES` ways of saying it.

    0–5 say everything (in sentences or as tags); 6 leaves out the place, 7 the colour,
    8 the size, 9 all but the kind.
    """
    if not 0 <= template < TEMPLATES:
        raise ValueError(
            f"There is no caption template {template}; there are 0 to {TEMPLATES - 1}."
        )
    about = CONCEPTS.get(concept) if concept else None
    subject = about is not None and about.kind == "subject"
    size = "" if scene.size == "medium" or template in (7, 8, 9) else scene.size
    if subject:
        assert about is not None
        words = [size, about.trigger, about.class_word]
    else:
        words = [size, "" if template in (7, 9) else scene.colour, scene.kind]
    noun = " ".join(word for word in words if word)
    place = "" if template in (6, 9) else scene.place
    article = "an" if noun[0] in "aeiou" else "a"
    if template == 1:
        text = f"a picture of {article} {noun} {place}"
    elif template == 2:
        text = f"{noun}, {place_name(scene.place)}"
    elif template == 3:
        text = f"{noun} {place}"
    elif template == 4:
        text = f"a friendly little drawing of {article} {noun} {place}"
    elif template == 5:
        text = f"{place_name(scene.place)}, {noun}"
    else:
        text = f"{article} {noun} {place}".strip()
    if about is not None and about.kind == "style":
        text = f"{text}, {about.trigger}"
    return text


def place_name(place: str) -> str:
    """A place as a tag: "on the beach" becomes "beach"."""
    for start in ("in the ", "on the ", "in a "):
        place = place.removeprefix(start)
    return place


def attributes(text: str) -> dict[str, str | None]:
    """The kind, colour, place and size that a caption names; None for what it leaves out."""
    words = set(text.lower().replace(",", " ").split())
    flat = f" {' '.join(text.lower().replace(',', ' ').split())} "
    return {
        "kind": next((kind for kind in KINDS if kind in words), None),
        "colour": next((colour for colour in COLOURS if colour in words), None),
        "place": next((p for p in PLACES if f" {place_name(p)} " in flat), None),
        "size": next((size for size in SIZES if size in words), None),
    }


HIDDEN_PLACES: tuple[str, ...] = ("in the night sky", "under water", "in the desert")
HIDDEN_KINDS: tuple[str, ...] = ("fish", "robot", "rocket", "mushroom")
_FIRST_SEED = {"train": 1_000_000_000, "held_out": 1_500_000_000}


def concept_scene(name: str, split: Literal["train", "held_out"], index: int) -> Scene:
    """Scene number `index` of a concept's split. No seed belongs to two splits.

    A subject's training split never shows `HIDDEN_PLACES`, a style's never `HIDDEN_KINDS`;
    the held-out split shows everything.
    """
    if name not in CONCEPTS or split not in _FIRST_SEED:
        raise ValueError(
            f"No split {split!r} of a concept {name!r}: concepts are {', '.join(CONCEPTS)}, "
            f"splits are {', '.join(_FIRST_SEED)}."
        )
    about = CONCEPTS[name]
    seed = _FIRST_SEED[split] + 10_000_000 * list(CONCEPTS).index(name) + index
    scene = random_scene(seed)
    places = [p for p in PLACES if split == "held_out" or p not in HIDDEN_PLACES]
    kinds = [k for k in KINDS if split == "held_out" or k not in HIDDEN_KINDS]
    if about.kind == "subject":
        place, size = places[index % len(places)], SIZES[(index * 2 + 1) % 3]
        return replace(scene, kind=about.class_word, place=place, size=size)
    place = PLACES[(index * 3 + index // len(kinds)) % len(PLACES)]
    return replace(scene, kind=kinds[index % len(kinds)], place=place)


def concept_scenes(
    name: str, split: Literal["train", "held_out"], count: int
) -> list[tuple[np.ndarray, str]]:
    """`count` captioned pictures of a concept, uint8 [64, 64, 3] each."""
    scenes = [concept_scene(name, split, index) for index in range(count)]
    return [(render(scene, name), caption(scene, 0, name)) for scene in scenes]


def write_folder(folder: Path, pictures: list[tuple[np.ndarray, str]]) -> None:
    """PNG files with side-car captions: 0001.png, 0001.txt, …"""
    folder.mkdir(parents=True, exist_ok=True)
    for index, (pixels, text) in enumerate(pictures, start=1):
        Image.fromarray(pixels).save(folder / f"{index:04d}.png", optimize=True)
        (folder / f"{index:04d}.txt").write_text(text + "\n", encoding="utf-8")


def main(arguments: list[str] | None = None) -> int:
    """Command line: write a split of a concept, or scenes of the base world, to a folder."""
    parser = argparse.ArgumentParser(prog="python -m studio.starter.world", description=__doc__)
    parser.add_argument("--concept", choices=list(CONCEPTS), help="without it: ordinary scenes")
    parser.add_argument("--split", choices=list(_FIRST_SEED), default="train")
    parser.add_argument("--count", type=int, default=16)
    parser.add_argument("--out", type=Path, required=True)
    chosen = parser.parse_args(arguments)
    if chosen.concept:
        pictures = concept_scenes(chosen.concept, chosen.split, chosen.count)
    else:
        first = 0 if chosen.split == "train" else 900_000_000
        scenes = [random_scene(first + index) for index in range(chosen.count)]
        pictures = [(render(scene), caption(scene)) for scene in scenes]
    write_folder(chosen.out, pictures)
    print(f"Wrote {len(pictures)} pictures with captions to {chosen.out}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
