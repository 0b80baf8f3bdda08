"""Stable Diffusion 1.x: one CLIP text encoder, its last layer after the final norm.

Owns: how this family loads, encodes and denoises. Refuses to know: widths (they come with the
base), methods, adapters. Source: Rombach et al. 2022 and the diffusers folder layout.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from studio.families import text
from studio.families.base import Base, Conditioning, Family
from studio.families.loading import load_parts
from studio.families.weighted import Text


class StableDiffusion1(Family):
    """SD 1.4, 1.5, everything trained from them, and the starter."""

    name = "sd1"
    title = "SD 1.x"
    architecture = "stable-diffusion-v1"
    kohya_prefixes: ClassVar[dict[str, str]] = {"unet": "lora_unet", "text_encoder": "lora_te"}
    pipeline = "StableDiffusionPipeline"
    optional_parts = ("safety_checker",)
    index_facts: ClassVar[dict[str, Any]] = {"requires_safety_checker": False}

    def load(
        self,
        path: Path,
        device: torch.device,
        dtype: torch.dtype,
        vocabulary: Path | None = None,
    ) -> Base:
        """See `Family.load`."""
        return load_parts(self, path, device, dtype, ["CLIPTextModel"], vocabulary)

    def encode(self, base: Base, prompts: Sequence[Text], clip_skip: int) -> Conditioning:
        """Hidden states [B, T, D] of the last layer, or `clip_skip` layers before it."""

        def forward(encoder: Any, ids: Tensor) -> tuple[Tensor, None]:
            if clip_skip == 0:
                return encoder(ids)[0], None
            states = encoder(ids, output_hidden_states=True).hidden_states
            # states[0] is the embedding: at least one layer must remain
            kept = states[-(min(clip_skip, len(states) - 2) + 1)]
            return text.final_layer_norm(encoder)(kept), None

        return Conditioning(text.encode(base, 0, prompts, forward).hidden)

    def denoise(
        self,
        base: Base,
        latents: Tensor,
        timesteps: Tensor,
        conditioning: Conditioning,
        size: tuple[int, int],
    ) -> Tensor:
        """See `Base.denoise`; `size` is not told to this family."""
        prediction: Tensor = base.unet(
            latents.to(base.dtype),
            timesteps,
            encoder_hidden_states=conditioning.embeds.to(base.dtype),
            return_dict=False,
        )[0]
        return prediction
