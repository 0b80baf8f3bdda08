"""What a batch of images is once it is on disk.

Owns: the records that generating returns. Refuses to know: how images are made. Loads no torch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

OnPreview = Callable[[int, list[str]], None]
"""Called with the place of a batch's first image and what its images look like, as data URLs."""


@dataclass(frozen=True)
class SavedPicture:
    """One generated picture on disk."""

    path: Path
    seed: int
    prompt: str
    parameters: str


@dataclass(frozen=True)
class Generated:
    """One batch: the pictures, and what each adapter of the stack did."""

    pictures: list[SavedPicture]
    reports: list[dict[str, Any]]
    seconds: float


@dataclass(frozen=True)
class DrawnLane:
    """One lane of several: its name, the prompt it was drawn from, its batch."""

    name: str
    prompt: str
    batch: Generated
