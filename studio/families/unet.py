"""What the families with diffusers' conditional U-Net have in common.

Owns: loading, the size their images come in, calling the U-Net. Refuses to know: text encoders,
methods, adapters.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from studio.families.base import Base, Family
from studio.families.conditioning import Conditioning
from studio.families.loading import load_parts


class UNetFamily(Family):
    """A family whose denoiser is a `UNet2DConditionModel`."""

    def load(
        self,
        path: Path,
        device: torch.device,
        dtype: torch.dtype,
        vocabulary: Path | None = None,
    ) -> Base:
        """See `Family.load`."""
        return load_parts(self, path, device, dtype, vocabulary)

    def size_multiple(self, base: Base) -> int:
        """Pixels per innermost latent of the U-Net."""
        config: Any = base.denoiser.config
        return int(self.latent_scale(base) * 2 ** (len(config.block_out_channels) - 1))

    def denoise(
        self,
        base: Base,
        latents: Tensor,
        timesteps: Tensor,
        conditioning: Conditioning,
        size: tuple[int, int],
    ) -> Tensor:
        """See `Base.denoise`."""
        prediction: Tensor = base.denoiser(
            latents.to(base.dtype),
            timesteps,
            encoder_hidden_states=conditioning.embeds.to(base.dtype),
            **self.more(base, latents, conditioning, size),
            return_dict=False,
        )[0]
        return prediction

    def more(
        self, base: Base, latents: Tensor, conditioning: Conditioning, size: tuple[int, int]
    ) -> dict[str, Any]:
        """What else the U-Net is told, by the names of its arguments."""
        return {}
