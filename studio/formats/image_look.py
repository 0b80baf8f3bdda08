"""What is seen of an image when it is decoded once: a tiny copy, how sharp it is, how it is stored.

Owns: those few numbers, small enough to be remembered for every image. Refuses to know: files,
what the numbers are held against (`studio.checkup`).

Sharpness compares the variance of the Laplacian with that of the same image blurred once more
(3 × 3 mean): a sharp image loses most of it, a blurred one has little to lose. Unlike the variance
alone it does not depend on contrast, so a calm image is not taken for a blurred one.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PIL import Image
from PIL.ImageFile import ImageFile

from studio.formats.image_colour import profile_title
from studio.formats.image_write import without_alpha

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[tuple[int, ...], np.dtype[np.float32]]

SIDE = 256
"""Pixels of the short side at which sharpness is measured; smaller images are taken as they are."""
GRID = 16  # sides of the tiny grey copy
LEAST = 8  # pixels of a side: below, nothing is measured
NO_DETAIL = -1.0
"""The sharpness of an image in which there is nothing that could be sharp."""
_ROUNDING = 2.0  # variance of the Laplacian that rounding to 8 bits makes by itself
_MODES = {"CMYK": "CMYK", "LAB": "L*a*b*", "F": "floating point"}


@dataclass(frozen=True)
class Look:
    """What one image looks like."""

    tiny: str = ""
    """A grey copy of 16 × 16 pixels and the mean of red, green and blue, in base64."""
    sharpness: float = 0.0
    stored: str = ""
    """How it is stored where that is not 8-bit sRGB: “CMYK”, “16 bits per channel”, …"""
    animated: bool = False
    """Whether it holds several frames or pages; the first one is read."""
    turned: bool = False
    """Whether its EXIF tag turns it."""


def stored_as(image: ImageFile) -> str:
    """How an opened, not yet decoded image is stored, where that is not 8-bit sRGB."""
    found = [_MODES[image.mode]] if image.mode in _MODES else []
    raw = " ".join(str(tile[3]) for tile in image.tile)
    if ";16" in raw or image.mode.startswith("I"):
        found.append("16 bits per channel")
    title = profile_title(image.info.get("icc_profile"))
    if title:
        found.append(f"colour profile {title}")
    return ", ".join(found)


def look_at(image: Image.Image) -> tuple[str, float]:
    """(`Look.tiny`, `Look.sharpness`) of an image in sRGB, upright."""
    import numpy as np  # not when the studio opens

    flat = without_alpha(image)
    scale = SIDE / min(flat.size)
    if scale < 1:
        size = (max(1, round(flat.width * scale)), max(1, round(flat.height * scale)))
        flat = flat.resize(size, Image.Resampling.BOX, reducing_gap=1.0)
    grey = flat.convert("L")
    tiny = grey.resize((GRID, GRID), Image.Resampling.BOX).tobytes()
    means = flat.resize((1, 1), Image.Resampling.BOX).tobytes()
    pixels = np.asarray(grey, dtype=np.float32)
    return base64.b64encode(tiny + means).decode("ascii"), round(_sharpness(pixels), 2)


def tiny_copies(encoded: list[str]) -> tuple[Array, Array]:
    """(grey copies [N, 16, 16], mean colours [N, 3]) out of `Look.tiny` of N images."""
    import numpy as np

    data = np.frombuffer(b"".join(map(base64.b64decode, encoded)), dtype=np.uint8)
    rows = data.reshape(len(encoded), GRID * GRID + 3).astype(np.float32)
    return rows[:, : GRID * GRID].reshape(-1, GRID, GRID), rows[:, GRID * GRID :]


def _sharpness(grey: Array) -> float:
    if min(grey.shape) < LEAST or float(grey.var()) < _ROUNDING:
        return NO_DETAIL
    own = max(0.0, _laplacian(grey) - _ROUNDING)
    return own / (_laplacian(_blurred(grey)) + 1)


def _laplacian(grey: Array) -> float:
    around = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:]
    return float((around - 4 * grey[1:-1, 1:-1]).var())


def _blurred(grey: Array) -> Array:
    rows = grey[:-2] + grey[1:-1] + grey[2:]
    found: Array = (rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]) / 9
    return found
