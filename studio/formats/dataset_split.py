"""Some images of a dataset held back, by what they show: the rest is copied to be trained on.

Owns: which ones (the same ones wherever the folder lies and whatever the files are called), and the
copy, a dataset like any other with the images held back in its `held_out`. The original is only
read. Refuses to know: who trains, what the held-out images are for.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import tomli_w

from studio.core import atomic
from studio.formats.captions import copy_caption
from studio.formats.dataset import HELD_OUT, DatasetImage, DatasetInfo
from studio.formats.dataset_file import DATASET_FILE, read_dataset_file
from studio.formats.image_recipes import copy_recipes
from studio.formats.masks import Masks
from studio.formats.several import marked

SHARE, LEAST, MOST = 0.2, 10, 64
"""Of the images so many are held back, at most `MOST`; a dataset of fewer than `LEAST` has none to
spare."""


def held_back(hashes: Mapping[Path, str]) -> list[Path]:
    """The images to hold back, given each one's SHA-256: those with the smallest, because that has
    nothing to do with what they show. Images that are equal are all held back or none.

    None of a dataset that is too small.
    """
    if len(hashes) < LEAST:
        return []
    count = min(MOST, math.ceil(SHARE * len(hashes)))
    ordered = sorted(hashes, key=lambda path: (hashes[path], path.name))
    chosen = {hashes[path] for path in ordered[:count]}
    found = [path for path in ordered if hashes[path] in chosen]
    return found if len(found) < len(hashes) else []


def write_split(info: DatasetInfo, held: Sequence[Path], target: Path) -> Path:
    """Copies a dataset to `target` with the images `held` in its `held_out`; returns `target`.

    It is whole or not there. However the original is laid out, the copy has images at the top,
    captions beside them as the dataset has them, and sub-folders only for triggers and weights of
    their own. StorageError when the disk refuses.
    """
    masks, chosen, taken = Masks(), set(held), set[str]()
    says = read_dataset_file(info.path)
    weights: dict[str, int] = {}
    places: dict[Path, Path] = {}
    with atomic.replacing(target) as folder:
        for item in info.items:
            inner = HELD_OUT if item.path in chosen else _inner(item, says.repeats, info.class_word)
            if inner.startswith(_WEIGHTED):
                weights[inner] = item.repeats
            place = folder / inner / _free(f"{inner}/{item.path.stem}", item.path, taken)
            atomic.copy_file(item.path, place)
            places[item.path] = place
            copy_caption(marked(item.text, bool(item.captions)), place, lines=info.lines)
            if (mask := masks.of(item.path)) is not None:
                atomic.copy_file(mask, place.with_name(f"{place.stem}.mask{mask.suffix}"))
        if info.recipes is not None:
            copy_recipes(info.recipes, places, folder)
        values = {
            "name": info.name,
            "trigger": info.trigger,
            "class_word": info.class_word,
            "kind": info.kind,
            "repeats": says.repeats,
            "held_out": HELD_OUT,
            "captions": says.captions,
            "folders": weights,
        }
        atomic.write_text(folder / DATASET_FILE, tomli_w.dumps(values))
    return target


_WEIGHTED = "weight-"


def _inner(item: DatasetImage, usual: int, class_word: str) -> str:
    """The sub-folder that gives an image its weight and trigger word; empty for the top."""
    if item.trigger:
        return f"{item.repeats}_{item.trigger} {class_word}".strip()
    return "" if item.repeats == usual else f"{_WEIGHTED}{item.repeats}"


def _free(wanted: str, path: Path, taken: set[str]) -> str:
    """A file name whose stem nothing else in its folder has: two images may not share a caption."""
    stem, count = wanted, 2
    while stem.casefold() in taken:
        stem, count = f"{wanted}-{count}", count + 1
    taken.add(stem.casefold())
    return f"{stem.rpartition('/')[2]}{path.suffix}"
