"""Where the class images of a base and a prompt are kept, which there are, and how many of them are still
to be made.

Owns: their folders, and how they are sampled, which is a part of a folder's name. Refuses to know:
torch, what the images are for.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from studio.core.errors import DatasetError, FileError
from studio.core.names import path_of, printable
from studio.core.paths import entries
from studio.core.text import read_json
from studio.formats.dataset import image_files
from studio.formats.images import read_parameters
from studio.settings.training import PriorSettings, Sampler

STEPS, GUIDANCE = 20, 4.0
SAMPLER: Sampler = "DDIM"
BASE_FILE = "base.json"
"""Beside the folders of a base: what it is called."""


@dataclass(frozen=True)
class Kept:
    """The images of one prompt that runs have generated with one base."""

    id: str
    folder: Path
    base: str
    """Its name, or nothing where no run has noted it."""
    weights: str
    """The beginning of the base's hash."""
    prompt: str
    files: tuple[Path, ...]
    bytes: int


def kept(cache: Path) -> list[Kept]:
    """What there is, by base and prompt."""
    folders = [folder for base in entries(cache / "class") for folder in entries(base)]
    found = [one for folder in folders if (one := _kept(folder)) is not None]
    return sorted(found, key=lambda one: (one.base, one.weights, one.prompt))


def _kept(folder: Path) -> Kept | None:
    files = tuple(sorted(path for path in entries(folder) if path.suffix == ".png"))
    try:
        prompt = read_parameters(files[0]) if files else None
        size = sum(path.stat().st_size for path in files)
    except (FileError, OSError):
        prompt, size = "", 0
    if not files:
        return None
    try:
        name = read_json(folder.parent / BASE_FILE)["name"]
    except (OSError, ValueError, KeyError, TypeError):
        name = ""
    weights = printable(folder.parent.name)
    identity = f"{printable(folder.name)}-{weights}"
    return Kept(identity, folder, str(name), weights, prompt or "", files, size)


def folder_of(cache: Path, base_hash: str, prompt: str, weights: str = "full") -> Path:
    """The folder of a prompt's images; image k is called `k.png` with five digits, and has seed k.

    A base whose weights are kept in fewer bits generates other images.
    """
    base = base_hash[:16] if weights == "full" else f"{base_hash[:16]}-{weights}"
    return cache / "class" / base / _name(prompt)


def file_name(seed: int) -> str:
    """The name of one image."""
    return f"{seed:05d}.png"


def wanted_prompts(prior: PriorSettings, count: int) -> list[str]:
    """The prompts of `count` images: all in turn."""
    return [prior.prompts[k % len(prior.prompts)] for k in range(count)]


def missing(prior: PriorSettings, cache: Path) -> int:
    """How many class images a run has to make first.

    Whose weights the base has is known only when it is loaded: images of the same prompts that
    another base has made count as made.
    """
    if not prior.weight or not prior.prompts:
        return 0
    count = max(0, prior.images - _own(prior.folder))
    bases = entries(cache / "class")
    made = {
        prompt: {path.name for base in bases for path in entries(base / _name(prompt))}
        for prompt in set(prior.prompts)
    }
    prompts = wanted_prompts(prior, count)
    return sum(file_name(seed) not in made[prompt] for seed, prompt in enumerate(prompts))


def _own(folder: str) -> int:
    try:
        return len(image_files(path_of(folder).expanduser())) if folder else 0
    except DatasetError:  # said elsewhere
        return 0


def _name(prompt: str) -> str:
    facts = f"{prompt}/{STEPS}/{GUIDANCE}/{SAMPLER}"
    return hashlib.sha256(facts.encode()).hexdigest()[:16]
