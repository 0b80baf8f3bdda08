"""What sampling begins with: noise, noise on the way to another noise, or an image.

Owns: the noise of a seed and the latents of an image. Refuses to know: samplers, prompts.
"""

from __future__ import annotations

import torch
from PIL import Image, ImageOps
from torch import Tensor

from studio.adapters.aesthetic import slerp
from studio.core.size import Size
from studio.families.base import Base
from studio.formats.images import open_image


def initial_noise(base: Base, seed: int, size: Size) -> Tensor:
    """Noise [1, C, h, w], fp32 on the CPU: the same on every device, and the same as diffusers'."""
    scale = base.latent_scale
    shape = (1, base.latent_channels, size.height // scale, size.width // scale)
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def varied_noise(noise: Tensor, other: Tensor, strength: float) -> Tensor:
    """From `noise` to `other` [1, C, h, w] on spheres: 0 is the one, 1 (nearly) the other.

    One sphere per channel and column, as A1111's web UI does it: its `slerp` normalises rows.
    """
    if not strength:
        return noise
    return (
        slerp(noise.movedim(-2, -1), other.movedim(-2, -1), strength).movedim(-1, -2).contiguous()
    )


def image_latents(base: Base, path: str, size: Size) -> Tensor:
    """The image's latents [1, C, h, w], fp32 on the base's device: the mean that the VAE gives.

    The image fills `size`, cut off evenly where its shape differs; white is put behind transparency. Errors of `open_image`.
    """
    opened = open_image(path)
    if opened.mode == "RGBA":
        white = Image.new("RGBA", opened.size, "white")
        opened = Image.alpha_composite(white, opened)
    fitted = ImageOps.fit(opened.convert("RGB"), size, Image.Resampling.LANCZOS)
    raw = torch.frombuffer(bytearray(fitted.tobytes()), dtype=torch.uint8)
    pixels = raw.reshape(1, size.height, size.width, 3).permute(0, 3, 1, 2).float() / 127.5 - 1
    moments = base.encode_images(pixels)
    return base.sample_latents(moments, torch.zeros_like(moments.chunk(2, dim=1)[0]))
