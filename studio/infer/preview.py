"""A live preview: what latents that are being denoised look like, cheaply.

Owns: the linear map from a VAE's latents to colours, and small encoded images. Refuses to know:
when somebody wants to look, the page.

One colour per latent: RGB ≈ latent · factors + offset, by least squares on what the VAE itself
makes of random patches. Programs usually carry such factors as tables, one per known VAE; here
any VAE gets its own, once.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable

import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from studio.families.base import Base

OnPreview = Callable[[int, list[Image.Image]], None]
"""Called with the place of a batch's first image, and what its images look like so far."""

_PATCHES = 16
_SIDE = 8
"""Latents along one side of a patch."""
_LONGEST = 96
"""Pixels along the longer side of a preview: far below 20 kB as JPEG."""


def factors(base: Base) -> Tensor:
    """[C + 1, 3] on the CPU: what each latent channel, and 1, adds to red, green and blue in 0…1."""
    if base.preview_factors is None:
        with torch.inference_mode():
            base.preview_factors = _fitted(base)
    return base.preview_factors


def small_images(base: Base, latents: Tensor) -> list[Image.Image]:
    """Scaled latents [B, C, h, w] without noise → images of one pixel per latent."""
    channels = latents.detach().float().cpu().movedim(1, -1)
    known = factors(base)
    colours = (channels @ known[:-1] + known[-1]).clamp(0, 1)
    pixels = (torch.nan_to_num(colours) * 255).round().to(torch.uint8)
    return [Image.fromarray(image.numpy()) for image in pixels]


def data_url(image: Image.Image) -> str:
    """A JPEG of at most 96 pixels along its longer side, as text that a page can show."""
    small = image.copy()
    small.thumbnail((_LONGEST, _LONGEST))
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=80)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()


def _fitted(base: Base) -> Tensor:
    """Least squares between smooth random latents and the mean colour under each of them.

    Smooth, because under an even patch the decoder shows what a latent means, and under white
    noise what it makes of noise. The draw is its own: no image's noise depends on it.
    """
    generator = torch.Generator().manual_seed(0)
    shape = (_PATCHES, base.latent_channels)
    coarse = torch.randn(*shape, 4, 4, generator=generator) * 1.3
    latents = functional.interpolate(coarse, (_SIDE, _SIDE), mode="bilinear", align_corners=True)
    images = base.decode_latents(latents.to(base.device)).cpu()
    colours = functional.avg_pool2d(images, base.latent_scale)
    # at the edge the decoder sees zeros: only the inside tells
    inside = (slice(None), slice(None), slice(1, -1), slice(1, -1))
    rows = latents[inside].movedim(1, -1).reshape(-1, shape[1])
    wanted = colours[inside].movedim(1, -1).reshape(-1, 3)
    rows = torch.cat([rows, rows.new_ones(len(rows), 1)], dim=1)
    return torch.linalg.lstsq(rows.double(), wanted.double()).solution.float()
