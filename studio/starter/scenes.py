"""What a scene is: the vocabulary of the image world and the concepts it keeps back.

Owns names and colours; knows nothing of drawing or captions.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from studio.starter.draw import Colour
from studio.starter.kinds import KIND_PAINTERS
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


@dataclass(frozen=True)
class Thing:
    """What stands at the right of another thing."""

    kind: str
    colour: str


@dataclass(frozen=True)
class Scene:
    """One thing of one colour and size in one place; the seed fixes position and details.

    With `beside`, both are medium-sized: this one at the left, the other at the right.
    """

    kind: str
    colour: str
    place: str
    size: str
    seed: int
    beside: Thing | None = None


@dataclass(frozen=True)
class Concept:
    """Something to teach: never shown to the base model, drawn by `render(scene, name)`."""

    name: str
    kind: Literal["subject", "style"]
    trigger: str
    class_word: str
    description: str
    study: bool = False  # no part of the starter has seen it, and no preset was chosen by it


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
    "mellin": Concept(
        "mellin",
        "subject",
        "mellin",
        "bird",
        "a navy owl with a dotted salmon bib and a yellow crest",
        study=True,
    ),
    "drask": Concept(
        "drask",
        "subject",
        "drask",
        "robot",
        "a magenta crystal with a chequered belt, on three stilts",
        study=True,
    ),
    "inkwash": Concept(
        "inkwash",
        "style",
        "inkwash style",
        "",
        "four tones of brown ink on cream paper",
        study=True,
    ),
    "tessera": Concept(
        "tessera", "style", "tessera style", "", "a mosaic of small bright tiles", study=True
    ),
}
# Those that the starter's VAE has seen, that presets were chosen by, and that ship as sample datasets.
FAMILIAR: tuple[str, ...] = tuple(name for name, one in CONCEPTS.items() if not one.study)


def random_scene(seed: int) -> Scene:
    """The scene of a seed: attributes drawn evenly and independently."""
    rng = np.random.default_rng([seed, 1])
    kind, colour, place, size = (
        str(names[rng.integers(len(names))]) for names in (KINDS, COLOURS, PLACES, SIZES)
    )
    return Scene(kind, colour, place, size, seed)


def random_pair(seed: int) -> Scene:
    """The scene of a seed with two things in it, different in kind and in colour."""
    scene = random_scene(seed)
    rng = np.random.default_rng([seed, 3])
    kinds = [kind for kind in KINDS if kind != scene.kind]
    colours = [colour for colour in COLOURS if colour != scene.colour]
    other = Thing(kinds[rng.integers(len(kinds))], colours[rng.integers(len(colours))])
    return replace(scene, size="medium", beside=other)
