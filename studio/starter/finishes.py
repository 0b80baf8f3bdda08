"""Styles that change a finished image as a whole: its tones, or its grain.

Owns what each does to an array [H, W, 3] in 0…255. Knows nothing of what the image shows.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

_INK, _PAPER = np.array((62, 40, 32), float), np.array((250, 240, 214), float)


def vivid(image: np.ndarray, amount: float) -> np.ndarray:
    """Pushes colours away from their grey."""
    grey = image.mean(axis=-1, keepdims=True)
    return np.clip(grey + (image - grey) * amount, 0, 255)


def inkwash(image: np.ndarray) -> np.ndarray:
    """Brightness alone, in four tones from brown ink to cream paper."""
    bright = image @ np.array((0.30, 0.59, 0.11)) / 255
    tone = np.clip(np.floor((bright - 0.08) * 4.6), 0, 3)[..., None] / 3
    return _INK + (_PAPER - _INK) * tone


def tessera(image: np.ndarray) -> np.ndarray:
    """Square tiles of one bright colour each, darker along their upper and left edges."""
    side = len(image) // 16
    tiles = image.reshape(16, side, 16, side, 3).mean(axis=(1, 3))
    laid = vivid(tiles, 1.5).repeat(side, axis=0).repeat(side, axis=1)
    edge = np.arange(len(image)) % side < side / 4
    return laid * np.where(edge[:, None] | edge[None, :], 0.7, 1.0)[..., None]


FINISHES: dict[str, Callable[[np.ndarray], np.ndarray]] = {"inkwash": inkwash, "tessera": tessera}
