"""What sampling begins with: noise, noise on the way to another noise, or an image.

Owns: the noise of a seed, how an image is fitted to a size, and its latents. Refuses to know: samplers,
prompts.
"""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from studio.adapters.aesthetic import slerp
from studio.core.size import Size
from studio.families.base import Base
from studio.formats.images import open_image
from studio.settings.generation import Fit


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


def image_latents(base: Base, path: str, size: Size, fit: Fit = "crop") -> Tensor:
    """The latents [1, C, h, w] of an image file, fitted to `size`; errors of `open_image`."""
    return latents_of(base, fitted(opened(path), size, fit))


def opened(path: str) -> Image.Image:
    """The image in RGB, with white behind transparency; errors of `open_image`."""
    found = open_image(path)
    if found.mode == "RGBA":
        found = Image.alpha_composite(Image.new("RGBA", found.size, "white"), found)
    return found.convert("RGB")


def fitted(image: Image.Image, size: Size, fit: Fit) -> Image.Image:
    """`image` at `size`: cut off evenly, stretched, or with its edges continued on both sides."""
    if fit == "crop":
        return ImageOps.fit(image, size, Image.Resampling.LANCZOS)
    if fit == "stretch":
        return image.resize(size, Image.Resampling.LANCZOS)
    inner = ImageOps.contain(image, size, Image.Resampling.LANCZOS)
    left, top = (size.width - inner.width) // 2, (size.height - inner.height) // 2
    right, bottom = size.width - inner.width - left, size.height - inner.height - top
    sides = ((top, bottom), (left, right), (0, 0))
    return Image.fromarray(np.pad(np.asarray(inner), sides, mode="edge"))


def pixels_of(image: Image.Image) -> Tensor:
    """An RGB image → [1, 3, H, W] in −1…1, fp32."""
    raw = torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8)
    return raw.reshape(1, image.height, image.width, 3).permute(0, 3, 1, 2).float() / 127.5 - 1


def latents_of(base: Base, image: Image.Image) -> Tensor:
    """The latents [1, C, h, w] of an RGB image, fp32 on the base's device."""
    return encoded(base, pixels_of(image))


def encoded(base: Base, pixels: Tensor) -> Tensor:
    """Images [B, 3, H, W] in −1…1 → latents [B, C, h, w], fp32: the mean that the VAE gives."""
    moments = base.encode_images(pixels)
    return base.sample_latents(moments, torch.zeros_like(moments.chunk(2, dim=1)[0]))
