"""Images as vision models read them: a square of their size, numbers from 0 to 1.

Owns: resizing, the middle square, transparency. Refuses to know: models, what they normalise by.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

if TYPE_CHECKING:
    from PIL.Image import Image


def squares(
    images: Tensor | np.ndarray | Sequence[Image], side: int, short: int | None = None
) -> Tensor:
    """Images, uint8 [N, H, W, 3] or PIL of any sizes → fp32 [N, 3, side, side] in 0 … 1.

    The short side becomes `short` (`side` where it is not given), bicubic with antialiasing; the
    middle square of `side` counts. Transparency becomes white.
    """
    if isinstance(images, np.ndarray):
        images = torch.from_numpy(np.ascontiguousarray(images))
    if isinstance(images, Tensor):
        return _square(images.permute(0, 3, 1, 2), side, short or side)
    return torch.cat([_square(_pixels(image), side, short or side) for image in images])


def _square(pixels: Tensor, side: int, short: int) -> Tensor:
    """uint8 [N, 3, H, W] → fp32 [N, 3, side, side] in 0…1."""
    height, width = pixels.shape[-2:]
    own = min(height, width)
    size = short * height // own, short * width // own
    pixels = pixels.float()
    if size != (height, width):
        pixels = (
            F.interpolate(pixels, size, mode="bicubic", antialias=True, align_corners=False)
            .clamp(0, 255)
            .round()
        )
    top, left = (size[0] - side) // 2, (size[1] - side) // 2
    return pixels[..., top : top + side, left : left + side] / 255


def _pixels(image: Image) -> Tensor:
    """PIL → uint8 [1, 3, H, W]; transparency becomes white."""
    if "A" in image.getbands():
        from PIL import Image as pillow

        white = pillow.new("RGBA", image.size, "white")
        image = pillow.alpha_composite(white, image.convert("RGBA"))
    return torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1)[None]
