"""Stable Diffusion XL: two text encoders side by side, a pooled text, and an image size.

Owns: how this family reads text, and what else its U-Net is told. Refuses to know: widths, methods, adapters.
Source: Podell et al. 2023. The empty prompt is encoded like any other (`force_zeros` is not used).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from studio.architectures.sdxl import SDXL
from studio.families import text
from studio.families.base import Base
from studio.families.conditioning import Conditioning
from studio.families.unet import UNetFamily
from studio.families.weighted import Text


class StableDiffusionXL(UNetFamily):
    """SDXL 1.0 and everything trained from it."""

    architecture = SDXL

    def encode(self, base: Base, prompts: Sequence[Text], clip_skip: int) -> Conditioning:
        """Penultimate layers of both encoders [B, T, d₁ + d₂] and the pooled output of the second."""

        def forward(encoder: Any, ids: Tensor) -> tuple[Tensor, Tensor | None]:
            output = encoder(ids, output_hidden_states=True)
            states = output.hidden_states
            # the penultimate layer before the final norm; states[0] is the embedding
            hidden = states[-(min(clip_skip, len(states) - 3) + 2)]
            return hidden, getattr(output, "text_embeds", None)

        first = text.encode(base, 0, prompts, forward)
        second = text.encode(base, 1, prompts, forward)
        return Conditioning(torch.cat([first.hidden, second.hidden], dim=-1), second.pooled)

    def unused_layers(self, base: Base) -> dict[str, tuple[str, ...]]:
        """What comes after the first encoder's penultimate layer, whose output is what counts."""
        last = base.text_encoders[0].config.num_hidden_layers - 1
        return {"text_encoder": (f"layers.{last}.", "final_layer_norm.")}

    def more(
        self, base: Base, latents: Tensor, conditioning: Conditioning, size: tuple[int, int]
    ) -> dict[str, Any]:
        """Told as original and target size: `size`; cropped at its corner; and the pooled text."""
        assert conditioning.pooled is not None, "SDXL needs the pooled text"
        height, width = size
        time_ids = torch.tensor(
            [height, width, 0, 0, height, width], device=latents.device, dtype=base.dtype
        ).expand(len(latents), 6)
        if conditioning.corner is not None:
            time_ids = time_ids.clone()
            time_ids[:, 2:4] = conditioning.corner.to(time_ids)
        return {
            "added_cond_kwargs": {
                "text_embeds": conditioning.pooled.to(base.dtype),
                "time_ids": time_ids,
            }
        }
