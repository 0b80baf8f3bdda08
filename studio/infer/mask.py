"""Masks as images: read and checked, what is cut out around one, its soft edge, pasting back.

Owns: these steps on pixels. Refuses to know: latents, sampling (`studio.infer.inpainting`).

A mask has 255 where the image is inpainted and 0 where it stays. Boxes are (left, top, right, bottom) in
pixels, right and bottom just outside.
"""

from __future__ import annotations

import math

import numpy as np
from PIL import Image, ImageFilter

from studio.core.errors import InputError, SettingsError
from studio.core.size import Size
from studio.formats.images import open_image
from studio.settings.passes import Area

Box = tuple[int, int, int, int]
_HALF = 128


def read_mask(path: str, size: tuple[int, int]) -> Image.Image:
    """The mask in the file `path`, of 0 and 255 alone, for an image of `size`; transparency is black.

    Raises the errors of `open_image`; SettingsError for another size, InputError where it marks
    nothing or everything.
    """
    opened = open_image(path)
    if opened.size != tuple(size):
        raise SettingsError(
            "The mask has another size than the image",
            where=path,
            why=f"It is {_words(opened.size)} px, the image {_words(size)} px.",
            remedy="Make the mask as large as the image: every pixel of it says whether that pixel of "
            "the image is inpainted.",
        )
    mask = as_mask(opened)
    darkest, brightest = mask.getextrema()
    if not brightest:
        raise InputError(
            "The mask is empty",
            where=path,
            why="It is black everywhere, so nothing would be inpainted.",
            remedy="Paint white what is to be inpainted.",
        )
    if darkest:
        raise InputError(
            "The mask covers the whole image",
            where=path,
            why="It is white everywhere, so nothing of the image would stay.",
            remedy="Leave the mask out: image to image inpaints the whole image. Or paint black what "
            "is to stay.",
        )
    return mask


def as_mask(opened: Image.Image) -> Image.Image:
    """An image as a mask of 0 and 255 alone; transparency is black."""
    if opened.mode == "RGBA":
        opened = Image.alpha_composite(Image.new("RGBA", opened.size, "black"), opened)
    return opened.convert("L").point(lambda value: 255 * (value >= _HALF))


def region(mask: Image.Image, area: Area, padding: int, shape: Size) -> Box:
    """What is cut out to be inpainted: the whole image, or the white of `mask` with `padding` pixels
    around it, widened to the proportions of `shape` as far as the image goes."""
    width, height = mask.size
    found = mask.getbbox()
    if area == "whole" or found is None:
        return (0, 0, width, height)
    left, top, right, bottom = found
    left, top = max(left - padding, 0), max(top - padding, 0)
    right, bottom = min(right + padding, width), min(bottom + padding, height)
    wide = math.ceil((bottom - top) * shape.width / shape.height)
    high = math.ceil((right - left) * shape.height / shape.width)
    left, right = _widened(left, right, wide, width)
    top, bottom = _widened(top, bottom, high, height)
    return (left, top, right, bottom)


def working_size(box: Box, wanted: Size, multiple: int) -> Size:
    """The size at which a region is inpainted: its proportions, the area of `wanted`, both sides
    multiples of `multiple`."""
    width, height = box[2] - box[0], box[3] - box[1]
    scale = math.sqrt(wanted.width * wanted.height / (width * height))
    sides = [max(round(side * scale / multiple), 1) * multiple for side in (width, height)]
    return Size(*sides)


def feathered(mask: Image.Image, blur: int) -> Image.Image:
    """How much of what was inpainted is seen, 0…255: nothing outside of `mask`, all of it `blur` pixels
    inside, or in the middle of what is narrower."""
    inner, count = mask, 0
    total = np.zeros((mask.height, mask.width), np.uint16)
    while count < max(blur, 1) and inner.getbbox() is not None:
        total += np.asarray(inner)
        inner, count = inner.filter(ImageFilter.MinFilter(3)), count + 1
    return Image.fromarray((total // max(count, 1)).astype(np.uint8))


def pasted(image: Image.Image, box: Box, inpainted: Image.Image, seen: Image.Image) -> Image.Image:
    """`image` with `inpainted` in its region `box`, as far as `seen` shows it; the rest bit for bit."""
    part = inpainted.resize((box[2] - box[0], box[3] - box[1]), Image.Resampling.LANCZOS)
    result = image.copy()
    result.paste(part, box, seen.crop(box))
    return result


def _widened(low: int, high: int, wanted: int, most: int) -> tuple[int, int]:
    """low…high made `wanted` long about its middle, moved and cut to stay in 0…most."""
    length = min(max(wanted, high - low), most)
    low = min(max((low + high - length) // 2, 0), most - length)
    return low, low + length


def _words(size: tuple[int, int]) -> str:
    return f"{size[0]} × {size[1]}"
