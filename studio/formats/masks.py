"""Masks: which part of an image matters, white where it does.

    cat.jpg  cat.mask.png    beside the image (also cat-masklabel.png, cat-mask.png, cat_mask.png)
    cat.jpg  masks/cat.png   or in a folder `masks` or `mask` beside it, under the same name

Systems differ in upper case and in how they compose letters, so “Masks/CAT.PNG” is meant as well.

    cat.jpg  cat-condlabel.png   what another trainer conditions on: neither an image nor a mask

Owns: which file is whose mask. Refuses to know: pixels, training.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

from studio.core.names import same_name
from studio.core.paths import entries

MASK_FOLDERS = ("masks", "mask")
_ENDINGS = (".mask", "-masklabel", "-mask", "_mask")
_CONDITIONS = ("-condlabel",)
_IMAGES = (".png", ".webp", ".bmp", ".jpg", ".jpeg", ".tif", ".tiff", ".gif", ".avif")


def is_mask(name: str, stems: Collection[str]) -> bool:
    """True for a file that is the mask of an image beside it; `stems` are those of the images
    there, as `same_name` writes them."""
    return _belongs(name, _ENDINGS, stems)


def is_condition(name: str, stems: Collection[str]) -> bool:
    """True for what another trainer shows the model beside an image, such as its outlines."""
    return _belongs(name, _CONDITIONS, stems)


def holds_masks(folder: str) -> bool:
    """Whether a folder of this name holds the masks of the images beside it."""
    return folder.casefold() in MASK_FOLDERS


def _belongs(name: str, endings: tuple[str, ...], stems: Collection[str]) -> bool:
    stem = same_name(os.path.splitext(name)[0])
    return stem.endswith(endings) and any(
        stem.endswith(ending) and stem.removesuffix(ending) in stems for ending in endings
    )


class _Names:
    """The names in a folder, by what systems mix up."""

    def __init__(self, folder: Path) -> None:
        names = sorted(entry.name for entry in entries(folder))
        self.alike: dict[str, list[str]] = {}
        for name in names:
            self.alike.setdefault(same_name(name), []).append(name)
        self.stems = {os.path.splitext(name)[0] for name in names}
        inner = [name for name in names if holds_masks(name)]
        self.mask_folders = sorted(inner, key=lambda name: MASK_FOLDERS.index(name.casefold()))


class Masks:
    """Which file is whose mask, for many images in one go: every folder is looked at once."""

    def __init__(self) -> None:
        self._folders: dict[Path, _Names] = {}

    def of(self, image: Path) -> Path | None:
        """The file that holds an image's mask, or None. Case and the form of Unicode do not matter,
        unless the name as it is written is that of another image's mask."""
        beside = self._names(image.parent)
        places = [(image.parent, end) for end in _ENDINGS]
        places += [(image.parent / name, "") for name in beside.mask_folders]
        for folder, end in places:
            names = self._names(folder).alike
            for ending in _IMAGES:
                wanted = f"{image.stem}{end}{ending}"
                for name in sorted(names.get(same_name(wanted), ()), key=lambda n: n != wanted):
                    whose = name[: len(name) - len(end) - len(ending)]
                    other = whose != image.stem and whose in beside.stems
                    if not other and (folder / name).is_file():
                        return folder / name
        return None

    def _names(self, folder: Path) -> _Names:
        if folder not in self._folders:
            self._folders[folder] = _Names(folder)
        return self._folders[folder]
