"""Hires fix: the size of the second pass, its steps, and enlarging what the first one made.

Owns: these. Refuses to know: the sampling loop, prompts.
"""

from __future__ import annotations

import math

import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from studio.core.size import Size
from studio.families.base import Base
from studio.infer.decoding import decoded, to_image
from studio.infer.init_latents import latents_of
from studio.settings.passes import HiresSettings, Upscaler

_MOST_STEPS = 1000
"""No schedule is finer."""
LATENT: dict[Upscaler, str] = {
    "Latent": "bilinear", "Latent (nearest)": "nearest", "Latent (bicubic)": "bicubic",
}  # fmt: skip
"""Upscaler of latents → torch's interpolation."""


def larger(size: Size, upscale: float, multiple: int) -> Size:
    """`size` times `upscale`, both sides rounded to multiples of `multiple`."""
    return Size(*(round(side * upscale / multiple) * multiple for side in size))


def schedule_steps(settings: HiresSettings, first: int) -> int:
    """Steps of a schedule whose share `denoising_strength` is what the settings ask for, as in A1111's
    web UI; `first` is the first pass's number."""
    wanted = settings.steps or first
    if not settings.denoising_strength:
        return wanted
    return max(wanted, min(math.ceil(wanted / settings.denoising_strength - 1e-6), _MOST_STEPS))


def enlarged(base: Base, latents: Tensor, size: Size, upscaler: Upscaler) -> Tensor:
    """Latents [B, C, h, w] → those of the same images at `size`, by the upscaler's own way."""
    scale = base.latent_scale
    if upscaler in LATENT:
        shape = (size.height // scale, size.width // scale)
        return functional.interpolate(latents, shape, mode=LATENT[upscaler])
    before = Size(latents.shape[-1] * scale, latents.shape[-2] * scale)
    images = [to_image(pixels) for pixels in decoded(base, latents, before)]
    large = [image.resize(size, Image.Resampling.LANCZOS) for image in images]
    return torch.cat([latents_of(base, image) for image in large])
