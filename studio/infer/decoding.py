"""From latents to images: decoding, and the sizes that a base can make.

Owns: these. Refuses to know: where latents come from.
"""

from __future__ import annotations

import torch
from PIL import Image
from torch import Tensor

from studio.core.errors import SettingsError
from studio.core.size import Size
from studio.families.base import Base
from studio.settings.training import Tiles

_DECODED_AT_ONCE = 1 << 20
"""Pixels."""


def decoded(base: Base, latents: Tensor, size: Size, tiles: Tiles = "auto") -> Tensor:
    """Latents [B, C, h, w] → uint8 [B, H, W, 3] on the CPU, about a megapixel at a time: decoding
    takes more memory than denoising. `tiles` says when an image is decoded in parts."""
    pixels = size.width * size.height
    cut = tiles == "always" or (tiles == "auto" and pixels > _DECODED_AT_ONCE)
    with torch.inference_mode():
        parts = []
        for part in latents.split(max(_DECODED_AT_ONCE // pixels, 1)):
            images = base.decode_latents(part, cut) * 255
            parts.append(images.round().to(torch.uint8).permute(0, 2, 3, 1).cpu())
    return torch.cat(parts)


def image_size(base: Base, size: Size) -> Size:
    """The size in pixels, 0 meaning the base's own; SettingsError when the base cannot make it."""
    found = Size(size.width or base.native_size, size.height or base.native_size)
    scale = size_multiple(base)
    for name, value in (("height", found.height), ("width", found.width)):
        if value % scale:
            lower = max(value // scale, 1) * scale
            raise SettingsError(
                f"The {name} {value} px is not possible with “{base.name}”",
                why=f"Its images come in multiples of {scale} px.",
                remedy=f"Use {lower} or {lower + scale}.",
            )
    return found


def size_multiple(base: Base) -> int:
    """Pixels: images come in multiples of it, which are whole latents and whole tokens."""
    return base.latent_scale * base.architecture.denoiser.patch


def to_image(pixels: Tensor) -> Image.Image:
    """uint8 [H, W, 3] → an image."""
    return Image.fromarray(pixels.numpy())
