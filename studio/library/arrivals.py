"""Where files that arrive together go in a dataset: a plan made from names alone.

Owns: which arriving files a dataset uses, which names are refused, and which files belong to one
image and so keep one name (captions and masks go where their image goes).
Refuses to know: copying (`library.importing`), what a dataset's captions and tables say.

Paths inside the dataset are kept as they arrived: `masks/`, `held_out/` and `10_sks dog/` mean
something to every reader of datasets.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from studio.core.names import same_name
from studio.core.refused_names import why_refused
from studio.formats.captions import CAPTION_ENDINGS
from studio.formats.image_names import NOT_READ, is_hidden, is_image
from studio.formats.masks import holds_masks

# What readers of datasets look for beside images and captions: metadata.jsonl, dataset.toml and
# the tables of other programs.
TABLE_ENDINGS = (".jsonl", ".json", ".csv", ".toml", ".yaml", ".yml")
ENDINGS_BESIDE = (*CAPTION_ENDINGS, *TABLE_ENDINGS)
ARCHIVE = ".zip"
"""Unpacked while it arrives (`library.unpacking`)."""
_ARCHIVES = (".7z", ".rar", ".tar", ".gz", ".tgz", ".bz2", ".xz")
_FILMS = (".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v")
_BESIDE_AN_IMAGE = (".mask", "-masklabel", "-mask", "_mask", "-condlabel")


@dataclass(frozen=True)
class Arrival:
    """One file on its way into a dataset: the path it has there, and where its content lies."""

    name: str
    """Relative, with “/”, as the person's folder has it."""
    file: Path


@dataclass(frozen=True)
class LeftOut:
    """A file that is not in the dataset now, and why."""

    name: str
    why: str


@dataclass
class Group:
    """Files that share one name because they belong to one image: it, its captions, its masks."""

    folder: str
    stem: str
    arrivals: list[Arrival] = field(default_factory=list)

    @property
    def images(self) -> list[Arrival]:
        """The images themselves, no masks."""
        return [a for a in self.arrivals if is_image(a.name) and _stem(a.name) == self.stem
                and _folder(a.name) == self.folder]  # fmt: skip

    def renamed(self, arrival: Arrival, stem: str) -> str:
        """The path that `arrival` gets when the whole group is called `stem`."""
        path = PurePosixPath(arrival.name)
        name, own = path.name, same_name(self.stem)
        tail = next((name[n:] for n in range(1, len(name)) if same_name(name[:n]) == own), "")
        return str(path.with_name(stem + (tail or name[len(self.stem) :])))


def why_unused(name: str) -> str | None:
    """Why a dataset would not use a file of this name, or None when it would."""
    path = PurePosixPath(name)
    ending = path.suffix.lower()
    if any(is_hidden(part) for part in path.parts):
        return "a hidden file of the system"
    if is_image(path.name) or ending in ENDINGS_BESIDE:
        return None
    if ending == ARCHIVE:
        return None
    if ending in _ARCHIVES:
        return "an archive: unpack it first"
    if ending in _FILMS:
        return "a video, not an image"
    if ending in NOT_READ:
        return "a kind of file that is not read here: export it as PNG or JPEG"
    return "neither an image nor a caption"


def usable(names: Iterable[str]) -> tuple[list[int], list[LeftOut]]:
    """The places of the names that can be imported, and all others with the reason."""
    taken, left_out = [], []
    for place, name in enumerate(names):
        why = why_refused(name) or why_unused(name)
        if why is None:
            taken.append(place)
        else:
            left_out.append(LeftOut(name, why))
    return taken, left_out


class _Images:
    """(folder, stem) of the images that arrive."""

    def __init__(self, names: Iterable[str]) -> None:
        self._exact = {(_folder(name), _stem(name)) for name in names if is_image(name)}
        self._alike: dict[tuple[str, str], tuple[str, str]] = {}
        for folder, stem in sorted(self._exact):
            self._alike.setdefault((same_name(folder), same_name(stem)), (folder, stem))

    def find(self, folder: str, stem: str) -> tuple[str, str] | None:
        """That of the image a file of this name belongs to, whatever system wrote the name."""
        if (folder, stem) in self._exact:
            return folder, stem
        return self._alike.get((same_name(folder), same_name(stem)))


def grouped(arrivals: list[Arrival]) -> tuple[list[Group], list[Arrival]]:
    """Arrivals by the image they belong to, in order, and those that speak of a whole folder."""
    images = _Images(arrival.name for arrival in arrivals)
    groups: dict[tuple[str, str], Group] = {}
    tables = []
    for arrival in arrivals:
        if (key := _group_of(arrival.name, images)) is None:
            tables.append(arrival)
        else:
            groups.setdefault(key, Group(*key)).arrivals.append(arrival)
    return list(groups.values()), tables


def _group_of(name: str, images: _Images) -> tuple[str, str] | None:
    """(folder, stem) of the image that a file belongs to; None for a table of a whole folder."""
    folder, stem = _folder(name), _stem(name)
    if not is_image(name):
        table = PurePosixPath(name).suffix.lower() in TABLE_ENDINGS
        if is_image(stem) and images.find(folder, _stem(stem)):  # the caption 1.png.txt
            stem = _stem(stem)
        elif table and not images.find(folder, stem):
            return None
    inside = PurePosixPath(folder)
    if holds_masks(inside.name):
        outside = str(inside.parent)
        folder = "" if outside == "." else f"{outside}/"
        if found := images.find(folder, stem):
            return found
    for ending in _BESIDE_AN_IMAGE:
        base = stem[: -len(ending)]
        if same_name(stem).endswith(ending) and (found := images.find(folder, base)):
            return found
    return images.find(folder, stem) or (folder, stem)


def _folder(name: str) -> str:
    parent = str(PurePosixPath(name).parent)
    return "" if parent == "." else f"{parent}/"


def _stem(name: str) -> str:
    return PurePosixPath(name).stem
