"""Stable Diffusion 1.x: one CLIP text encoder, its last layer after the final norm.

Owns: how this family reads text. Refuses to know: widths (they come with the base), methods,
adapters. Source: Rombach et al. 2022 and the diffusers folder layout.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from studio.architectures.sd1 import SD1
from studio.families import text
from studio.families.base import Base
from studio.families.conditioning import Conditioning
from studio.families.unet import UNetFamily
from studio.families.weighted import Text


class StableDiffusion1(UNetFamily):
    """SD 1.4, 1.5, everything trained from them, and the starter."""

    architecture = SD1

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
