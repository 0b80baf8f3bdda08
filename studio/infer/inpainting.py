"""What a mask does in the sampling loop: a step that keeps what is outside, and the further inputs of
inpainting bases.

Owns: both. Refuses to know: masks as files, cutting out and pasting back (`studio.infer.mask`).

Shapes: B images · C latent channels · h × w latent size · H × W image size in pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from studio.core.size import Size
from studio.diffusion.samplers import SamplingPlan
from studio.families.base import Base
from studio.infer.init_latents import encoded
from studio.infer.sampling import Denoiser


@dataclass(frozen=True)
class Canvas:
    """Images and what of them is inpainted: `pixels` [N, 3, H, W] in −1…1, one image for all jobs or one
    per job; `mask` [1, 1, H, W], 1 where they are inpainted. On the CPU."""

    pixels: Tensor
    mask: Tensor

    @property
    def size(self) -> Size:
        """Of the images."""
        return Size(self.pixels.shape[-1], self.pixels.shape[-2])

    def images(self, places: list[int]) -> Tensor:
        """Those of the jobs `places` [1 or B, 3, H, W]."""
        return self.pixels if len(self.pixels) == 1 else self.pixels[places]


@dataclass(frozen=True)
class Kept:
    """After every step, latents outside of a mask are again those of the image, with the noise that
    the step leaves (as diffusers' inpainting does on bases that read no mask)."""

    latents: Tensor
    """Of the images, without noise [B, C, h, w]."""
    noise: Tensor
    """What the images begin with [B, C, h, w]."""
    mask: Tensor
    """[1, 1, h, w], 1 where they are inpainted."""

    def __call__(self, plan: SamplingPlan, index: int, latents: Tensor) -> Tensor:
        """Latents [B, C, h, w] after evaluation `index` → the same inside of the mask."""
        known = plan.noisy(self.latents, self.noise, index + 1)
        return self.mask * latents + (1 - self.mask) * known


@dataclass(frozen=True)
class Informed:
    """A denoiser that is also given the mask, and the image's latents without what is masked."""

    denoiser: Denoiser
    further: Tensor
    """[B, 1 + C, h, w]."""

    def __call__(self, inputs: Tensor, timestep: Tensor, step: int) -> Tensor:
        """See `Denoiser`; of guidance's twofold batch each half is given the same."""
        further = self.further.repeat(len(inputs) // len(self.further), 1, 1, 1)
        return self.denoiser(torch.cat([inputs, further.to(inputs)], dim=1), timestep, step)


def kept(base: Base, canvas: Canvas, latents: Tensor, noise: Tensor) -> Kept:
    """A latent is inpainted where any of its pixels is: nothing is too thin."""
    mask = functional.max_pool2d(canvas.mask, base.latent_scale).to(base.device)
    return Kept(latents.expand_as(noise), noise, mask)


def further_inputs(base: Base, pixels: Tensor, mask: Tensor) -> Tensor:
    """What an inpainting base reads beside latents [B, 1 + C, h, w]: `mask` [1, 1, H, W] as these bases
    were trained with it, one pixel per latent, and the latents of `pixels` [B, 3, H, W] that are grey
    where it is 1."""
    latents = encoded(base, pixels * (mask < 0.5))
    small = functional.interpolate(mask, latents.shape[-2:])
    return torch.cat([small.to(latents).expand(len(latents), -1, -1, -1), latents], dim=1)


def all_masked(base: Base, size: Size) -> Tensor:
    """The same [1, 1 + C, h, w] for an image of which nothing is known: it generates from text."""
    mask = torch.ones(1, 1, size.height, size.width)
    return further_inputs(base, torch.zeros(1, 3, size.height, size.width), mask)
