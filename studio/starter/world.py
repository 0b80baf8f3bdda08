"""The image world: scenes, how they are rendered and what their captions say.

Everything is a pure function of a scene (and its seed), so truth for any held-out image is
free. This module is the world's front door; it owns the splits of the concepts that the base
model has never seen. Needs numpy and Pillow only.

    python -m studio.starter.world --concept zibbo --split held_out --count 256 --out DIR
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from studio.core.counts import counted
from studio.starter.captions import TEMPLATES, attributes, caption, place_name
from studio.starter.render import render
from studio.starter.scenes import (
    COLOURS,
    CONCEPTS,
    FAMILIAR,
    KINDS,
    PALETTE,
    PLACES,
    SIZES,
    Concept,
    Scene,
    Thing,
    random_pair,
    random_scene,
)

__all__ = [
    "COLOURS",
    "CONCEPTS",
    "FAMILIAR",
    "HIDDEN_KINDS",
    "HIDDEN_PLACES",
    "KINDS",
    "PALETTE",
    "PLACES",
    "SIZES",
    "TEMPLATES",
    "Concept",
    "Scene",
    "Thing",
    "attributes",
    "caption",
    "concept_scene",
    "concept_scenes",
    "place_name",
    "random_pair",
    "random_scene",
    "render",
    "write_folder",
]

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
    """`count` captioned images of a concept, uint8 [64, 64, 3] each."""
    scenes = [concept_scene(name, split, index) for index in range(count)]
    return [(render(scene, name), caption(scene, 0, name)) for scene in scenes]


def write_folder(folder: Path, images: list[tuple[np.ndarray, str]]) -> None:
    """PNG files with sidecar captions: 0001.png, 0001.txt, …"""
    folder.mkdir(parents=True, exist_ok=True)
    for index, (pixels, text) in enumerate(images, start=1):
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
        images = concept_scenes(chosen.concept, chosen.split, chosen.count)
    else:
        first = 0 if chosen.split == "train" else 900_000_000
        scenes = [random_scene(first + index) for index in range(chosen.count)]
        images = [(render(scene), caption(scene)) for scene in scenes]
    write_folder(chosen.out, images)
    print(f"Wrote {counted(len(images), 'image')} with captions to {chosen.out}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
