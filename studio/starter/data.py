"""Rendered images and captions for training the starter, cached as arrays.

Owns which seeds belong to training and which to measuring: ordinary scenes train on seeds below
900 000 000; everything from there up is for measuring. Concept images for the VAE have seeds of
their own, so no dataset image is ever trained on.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from studio.core.counts import counted
from studio.starter import world

FIRST_FRESH_SEED = 900_000_000
_FIRST_CONCEPT_SEED = 2_000_000_000
BASE_SCENES = 24_000
MORE_SCENES = 72_000  # for the parts that train long enough to learn fewer by heart
PAIRS = 24_000  # scenes with two things; the UNet alone learns from them
CONCEPT_SCENES = 2_000


def training_captions(rng: np.random.Generator, scenes: list[world.Scene]) -> list[str]:
    """A caption for each scene: mostly complete, one in six leaves something out."""
    weights = np.array([0.40, 0.08, 0.12, 0.10, 0.06, 0.08, 0.05, 0.05, 0.03, 0.03])
    templates = rng.choice(world.TEMPLATES, size=len(scenes), p=weights)
    return [world.caption(scene, int(t)) for scene, t in zip(scenes, templates, strict=True)]


def fresh_scenes(count: int, seed: int = 0) -> list[world.Scene]:
    """Scenes that nothing was trained on."""
    return [world.random_scene(FIRST_FRESH_SEED + 1_000_000 * seed + i) for i in range(count)]


def concept_scene(name: str, index: int) -> world.Scene:
    """A scene with a concept for the VAE alone."""
    number = list(world.CONCEPTS).index(name)
    scene = world.random_scene(_FIRST_CONCEPT_SEED + 10_000_000 * number + index)
    about = world.CONCEPTS[name]
    return replace(scene, kind=about.class_word) if about.kind == "subject" else scene


def save_array(path: Path, array: np.ndarray) -> None:
    """Writes an array so that a crash leaves either the old file or the new one."""
    half = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    with half.open("wb") as file:
        np.save(file, array)
        file.flush()
        os.fsync(file.fileno())
    half.replace(path)


def fresh_pairs(count: int, seed: int = 0) -> list[world.Scene]:
    """Scenes with two things that nothing was trained on."""
    return [world.random_pair(FIRST_FRESH_SEED + 1_000_000 * seed + i) for i in range(count)]


def base_images(state: Path, count: int = BASE_SCENES) -> np.ndarray:
    """Renders of scenes 0 … count-1, uint8 [N, 64, 64, 3], made once."""
    return _rendered(state / f"base-{count}.npy", world.random_scene, count)


def pair_images(state: Path, count: int = PAIRS) -> np.ndarray:
    """Renders of scenes with two things, uint8 [N, 64, 64, 3], made once."""
    return _rendered(state / f"pairs-{count}.npy", world.random_pair, count)


def _rendered(path: Path, scene_of: Callable[[int], world.Scene], count: int) -> np.ndarray:
    if not path.exists():
        images = np.empty((count, 64, 64, 3), np.uint8)
        for index in range(count):
            images[index] = world.render(scene_of(index))
            if index % 4000 == 0:
                print(f"rendered {index} of {counted(count, 'scene')}", flush=True)
        save_array(path, images)
    return np.load(path, mmap_mode="r")


def concept_images(state: Path, count: int = CONCEPT_SCENES) -> np.ndarray:
    """Renders of the familiar concepts for the VAE, uint8 [4 · count, 64, 64, 3], made once."""
    path = state / f"concepts-{count}.npy"
    if not path.exists():
        names = world.FAMILIAR
        images = np.empty((len(names) * count, 64, 64, 3), np.uint8)
        for index in range(len(images)):
            name = names[index % len(names)]
            scene = concept_scene(name, index // len(names))
            images[index] = world.render(scene, name)
        save_array(path, images)
    return np.load(path, mmap_mode="r")
