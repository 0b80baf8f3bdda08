"""What a batch of images is once it is on disk.

Owns: the records that generating returns. Refuses to know: how images are made. Loads no torch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

OnPreview = Callable[[int, list[str]], None]
"""Called with the place of a batch's first image and what its images look like, as data URLs."""


@dataclass(frozen=True)
class SavedImage:
    """One generated image on disk."""

    path: Path
    seed: int
    prompt: str
    parameters: str


@dataclass(frozen=True)
class FileReport:
    """What became of one file of the stack."""

    path: str
    kind: str
    matched: int
    """Parts of it that matched in the base."""
    unmatched: list[str]
    message: str


@dataclass(frozen=True)
class Generated:
    """One batch: the images, and what each adapter of the stack did."""

    images: list[SavedImage]
    reports: list[FileReport]
    seconds: float


@dataclass(frozen=True)
class GeneratedLane:
    """One lane of several: its name, the prompt it was generated from, its batch."""

    name: str
    prompt: str
    batch: Generated


@dataclass(frozen=True)
class Effect:
    """What was found. `difference` is the mean |with - without| of a channel, 0…1 of its range."""

    difference: float | None
    """None when the file cannot be used on this base at all."""
    reason: str
    """Why there is no effect; empty when there is one."""
    layers: dict[str, list[str]] = field(default_factory=dict)
    """For a LoRA its layers: `fits`, `size` (another size in this base), `missing`."""
