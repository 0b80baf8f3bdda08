"""Masks: which part of an image matters, white where it does.

    cat.jpg  cat.mask.png    beside the image (also cat-masklabel.png, cat-mask.png, cat_mask.png)
    cat.jpg  masks/cat.png   or in a folder `masks` or `mask` beside it, under the same name

    cat.jpg  cat-condlabel.png   what another trainer conditions on: neither an image nor a mask

Owns: which file is whose mask. Refuses to know: pixels, training.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

MASK_FOLDERS = ("masks", "mask")
_ENDINGS = (".mask", "-masklabel", "-mask", "_mask")
_CONDITIONS = ("-condlabel",)
_PICTURES = (".png", ".webp", ".bmp", ".jpg", ".jpeg", ".tif", ".tiff", ".gif", ".avif")


def is_mask(name: str, stems: Collection[str]) -> bool:
    """True for a file that is the mask of an image beside it; `stems` are the names there."""
    return _belongs(name, _ENDINGS, stems)


def is_condition(name: str, stems: Collection[str]) -> bool:
    """True for what another trainer shows the model beside an image, such as its outlines."""
    return _belongs(name, _CONDITIONS, stems)


def _belongs(name: str, endings: tuple[str, ...], stems: Collection[str]) -> bool:
    stem = os.path.splitext(name)[0]
    return stem.endswith(endings) and any(
        stem.endswith(ending) and stem.removesuffix(ending) in stems for ending in endings
    )


def mask_file(picture: Path) -> Path | None:
    """The file that holds an image's mask, or None."""
    places = [(picture.parent, picture.stem + ending) for ending in _ENDINGS]
    places += [(picture.parent / folder, picture.stem) for folder in MASK_FOLDERS]
    for folder, stem in places:
        for ending in _PICTURES:
            file = folder / f"{stem}{ending}"
            if file.is_file():
                return file
    return None
