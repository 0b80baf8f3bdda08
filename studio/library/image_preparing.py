"""Recipes for many images of a dataset: crops by rule, masks that are painted, undoing.

Owns: what a crop by rule is, and that one change at a time reaches the file. Refuses to know: pages,
how a recipe becomes pixels. The images are only read.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from studio.core.counts import counted
from studio.core.errors import InputError, SettingsError
from studio.core.names import printable
from studio.core.paths import ASSETS
from studio.formats import image_recipes
from studio.formats.image_recipe import WHOLE, ImageRecipe, Size
from studio.formats.image_recipes import name_of, read_recipes
from studio.formats.images import image_size
from studio.train.buckets import bucket_for

How = Literal["focus", "center", "none"]
HOWS: tuple[How, ...] = ("focus", "center", "none")
MOST_SHAPE = 8.0  # : 1


@dataclass(frozen=True)
class Shape:
    """Which shape a crop gets: that of the image's own bucket, or a fixed one."""

    resolution: int
    multiple: int
    fixed: Size | None = None
    """Width : height."""

    def of(self, size: Size) -> Size:
        """For an image of a size."""
        return self.fixed or bucket_for(*size, self.resolution, self.multiple)


def read_shape(text: str) -> Size | None:
    """“bucket” (None), “square”, “3:2” or “576x448”. SettingsError for anything else."""
    if text == "bucket":
        return None
    if text == "square":
        return 1, 1
    parts = text.replace("×", "x").replace("x", ":").split(":")
    if len(parts) == 2 and all(part.isascii() and part.isdigit() for part in parts):
        width, height = (int(part[:6]) for part in parts)
        if width and height and 1 / MOST_SHAPE <= width / height <= MOST_SHAPE:
            return width, height
    raise SettingsError(
        f"“{printable(text)}” is no shape of a crop",
        remedy=f"Say bucket, square, or width and height such as 3:2, at most {MOST_SHAPE:g}:1.",
    )


def cropped(image: Path, recipe: ImageRecipe, how: How, shape: Shape) -> ImageRecipe:
    """The recipe with another crop. Errors of `open_image`."""
    from studio.formats.image_focus import centre_crop, focus_crop
    from studio.formats.image_prepare import open_prepared

    whole = recipe.changed(crop=WHOLE)
    if how == "none":
        return whole
    if how == "center":
        frame = whole.size(image_size(image))
        return recipe.changed(crop=centre_crop(frame, shape.of(frame)))
    opened = open_prepared(image, whole)
    return recipe.changed(crop=focus_crop(opened, shape.of(opened.size)))


class RecipeBook:
    """Changes to the recipes of datasets, one at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def change(self, folder: Path, changes: Mapping[Path, ImageRecipe], what: str) -> None:
        """Writes recipes of images; those that stay as they are do not count as a change. InputError
        for a sample that ships."""
        check_own(folder)
        with self._lock:
            before = read_recipes(folder)
            new = {
                name_of(folder, image): recipe
                for image, recipe in changes.items()
                if recipe != before.of(image) or name_of(folder, image) in before.wrong
            }
            if new:
                image_recipes.write_recipes(folder, new, what)

    def crop(
        self,
        folder: Path,
        images: Sequence[Path],
        how: How,
        shape: Shape,
        on_image: Callable[[int, int], None] | None = None,
    ) -> dict[Path, ImageRecipe]:
        """Crops by rule for many images; nothing is written. `on_image(done, total)` may raise. Images
        that cannot be read are left out."""
        recipes, found = read_recipes(folder), {}
        for number, image in enumerate(images, 1):
            with contextlib.suppress(InputError):  # the dataset names it as broken
                found[image] = cropped(image, recipes.of(image), how, shape)
            if on_image is not None:
                on_image(number, len(images))
        return found

    def undo(self, folder: Path) -> str:
        """Takes the newest change back and says what it was. InputError when there is none."""
        check_own(folder)
        with self._lock:
            what = image_recipes.undo(folder)
        if not what:
            raise InputError("There is nothing to undo", where=folder)
        return what


def check_own(folder: Path) -> None:
    """InputError for a sample that ships with the studio: it stays as it is."""
    if folder.resolve().is_relative_to(ASSETS):
        raise InputError(
            "This is a sample that ships with the studio",
            where=folder,
            remedy="Make a copy of it first; the copy is yours.",
        )


def said(what: str, images: Sequence[Path]) -> str:
    """A change in a few words: “Crop of 1.jpg”, “Crop of 12 images”."""
    return f"{what} of {images[0].name if len(images) == 1 else counted(len(images), 'image')}"
