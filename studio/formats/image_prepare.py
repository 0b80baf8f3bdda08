"""An image as its recipe has it: the same pixels for training, captioners, measures and copies.

Owns: turning, straightening, mirroring and cropping pixels. Refuses to know: where recipes are kept.
Quarter turns, mirroring and cropping only move pixels; a small angle interpolates (bicubic) once.
"""

from __future__ import annotations

import math
from pathlib import Path

from PIL import Image

from studio.formats.image_recipe import AS_IT_IS, Box, ImageRecipe, levelled
from studio.formats.image_recipes import Recipes, recipes_near
from studio.formats.images import MAX_PIXELS, image_size, open_image

_TURNED = {
    90: Image.Transpose.ROTATE_270,  # Pillow turns the other way round
    180: Image.Transpose.ROTATE_180,
    270: Image.Transpose.ROTATE_90,
}


def open_prepared(
    path: str | Path, recipe: ImageRecipe = AS_IT_IS, max_pixels: int = MAX_PIXELS
) -> Image.Image:
    """`open_image`, then what the recipe says."""
    return prepared(open_image(path, max_pixels), recipe)


class Opener:
    """Opens images as their recipes have them; each folder's recipes are read once. DatasetError
    where they cannot be read."""

    def __init__(self) -> None:
        self._known: dict[Path, Recipes] = {}

    def __call__(self, path: Path) -> Image.Image:
        if path.parent not in self._known:
            self._known[path.parent] = recipes_near(path.parent)
        return open_prepared(path, self._known[path.parent].of(path))


def mask_pixels(image: Path, mask: Path) -> Image.Image:
    """The mask of an image in grey, in the image's own size and not yet prepared; `mask` is its file,
    or the image itself where transparency is the mask. Errors of `open_image`."""
    found = open_image(mask)
    if mask == image:
        opaque = Image.new("L", found.size, 255)
        return found.getchannel("A") if "A" in found.getbands() else opaque
    found = found.convert("L")
    if found.size != (size := image_size(image)):
        found = found.resize(size, Image.Resampling.BILINEAR)
    return found


def prepared(image: Image.Image, recipe: ImageRecipe) -> Image.Image:
    """An upright image (or a mask of its size) as the recipe has it."""
    if not recipe.moves:
        return image
    left, top, right, bottom = recipe.box(image.size)
    width, _ = recipe.frame(image.size)
    if recipe.turn:
        image = image.transpose(_TURNED[recipe.turn])
    if recipe.flip:  # mirrored last: the box is found before
        left, right = width - right, width - left
    if recipe.angle:
        image = _straightened(image, recipe, (left, top, right, bottom))
    elif (left, top, right, bottom) != (0, 0, *image.size):
        image = image.crop((left, top, right, bottom))
    return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if recipe.flip else image


def _straightened(image: Image.Image, recipe: ImageRecipe, box: Box) -> Image.Image:
    """The box of the image rotated about its centre."""
    left, top, right, bottom = box
    width, height = levelled(image.size, recipe.angle)
    cos, sin = math.cos(math.radians(recipe.angle)), math.sin(math.radians(recipe.angle))
    x, y = left - width / 2, top - height / 2
    place = (cos, sin, cos * x + sin * y + image.width / 2,
             -sin, cos, cos * y - sin * x + image.height / 2)  # fmt: skip
    return image.transform(
        (right - left, bottom - top), Image.Transform.AFFINE, place, Image.Resampling.BICUBIC
    )
