"""The pass that inpaints the inside of a mask: what of an image goes into sampling, what comes back.

Owns: cutting a mask's region out of images at the size it is inpainted at, and putting it back.
Refuses to know: sampling, stacks.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image

from studio.core.size import Size
from studio.families.base import Base
from studio.infer.decoding import image_size, size_multiple
from studio.infer.init_latents import pixels_of
from studio.infer.inpainting import Canvas
from studio.infer.mask import feathered, pasted, region, working_size
from studio.settings.passes import InpaintSettings


class MaskedRegion:
    """A mask on images of its size."""

    def __init__(
        self, base: Base, mask: Image.Image, settings: InpaintSettings, wanted: Size
    ) -> None:
        """`mask` is one of `read_mask`; `wanted` the size that settings ask for, 0 the base's own."""
        shape = image_size(base, wanted)
        self.box = region(mask, settings.area, settings.padding, shape)
        self.size = working_size(self.box, shape, size_multiple(base))
        self.seen = feathered(mask, settings.blur)
        cut = mask.crop(self.box).resize(self.size, Image.Resampling.BILINEAR)
        # any white counts: made smaller, a thin line would be lost
        self.mask = torch.from_numpy((np.asarray(cut) > 0).astype(np.float32))[None, None]

    def canvas(self, images: Sequence[Image.Image]) -> Canvas:
        """Their regions as sampling takes them."""
        regions = [image.crop(self.box) for image in images]
        sized = [one.resize(self.size, Image.Resampling.LANCZOS) for one in regions]
        return Canvas(torch.cat([pixels_of(image) for image in sized]), self.mask)

    def back(self, image: Image.Image, inpainted: Image.Image) -> Image.Image:
        """`image` with its region `inpainted`; outside of the mask bit for bit."""
        return pasted(image, self.box, inpainted, self.seen)
