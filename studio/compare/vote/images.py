"""Two images as a voter gets them: pixels and nothing else.

Settings, times, names and colour profiles of the files stay behind, both have one format and one size.
Images of two sizes (a column may come from elsewhere) become as large as the smaller one, cut to its
proportions: borders or another sharpness would say which is which.

Owns: this. Refuses to know: whose images they are.
"""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageOps

from studio.formats.image_write import encoded, without_alpha
from studio.formats.images import open_image

LONGEST_SIDE = 1536  # pixels; more only takes longer over a link
REFERENCE_SIDE = 256


def blind(left: Path, right: Path) -> tuple[bytes, bytes] | None:
    """Both as PNG files; None when they are the same pixel by pixel, which tells nothing.

    Raises FileError for an image that is gone or cannot be read.
    """
    images = [without_alpha(open_image(path)) for path in (left, right)]
    smaller = min((one.size for one in images), key=lambda size: size[0] * size[1])
    scale = min(1.0, LONGEST_SIDE / max(smaller))
    size = (max(1, round(smaller[0] * scale)), max(1, round(smaller[1] * scale)))
    first, second = (_sized(one, size) for one in images)
    if first.tobytes() == second.tobytes():
        return None
    return _png(first), _png(second)


def reference(path: Path) -> bytes:
    """A reference image, small. Raises FileError."""
    image = without_alpha(open_image(path))
    image.thumbnail((REFERENCE_SIDE, REFERENCE_SIDE))
    return _png(image)


def _sized(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    if image.size == size:
        return image
    return ImageOps.fit(image, size, Image.Resampling.LANCZOS)


def _png(image: Image.Image) -> bytes:
    """A PNG of the pixels alone."""
    bare = Image.frombytes("RGB", image.size, image.tobytes())
    return encoded(bare, "PNG", compress_level=1)
