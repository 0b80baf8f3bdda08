"""Stable Diffusion XL: two text encoders side by side, a pooled text, and a picture size.

Owns: how this family loads, encodes and denoises. Refuses to know: widths, methods, adapters.
Source: Podell et al. 2023. The empty prompt is encoded like any other (`force_zeros` is not used).
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


class StableDiffusionXL(Family):
    """SDXL 1.0 and everything trained from it."""

    name = "sdxl"
    title = "SDXL"
    architecture = "stable-diffusion-xl-v1-base"
    kohya_prefixes: ClassVar[dict[str, str]] = {
        "unet": "lora_unet",
        "text_encoder": "lora_te1",
        "text_encoder_2": "lora_te2",
    }
    original_names = True
    pipeline = "StableDiffusionXLPipeline"
    index_facts: ClassVar[dict[str, Any]] = {"force_zeros_for_empty_prompt": True}

    def load(
        self,
        path: Path,
        device: torch.device,
        dtype: torch.dtype,
        vocabulary: Path | None = None,
    ) -> Base:
        """See `Family.load`."""
        classes = ["CLIPTextModel", "CLIPTextModelWithProjection"]
        return load_parts(self, path, device, dtype, classes, vocabulary)

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

    def unread(self, base: Base) -> dict[str, tuple[str, ...]]:
        """What comes after the first encoder's penultimate layer, whose output is what counts."""
        last = base.text_encoders[0].config.num_hidden_layers - 1
        return {"text_encoder": (f"layers.{last}.", "final_layer_norm.")}

    def denoise(
        self,
        base: Base,
        latents: Tensor,
        timesteps: Tensor,
        conditioning: Conditioning,
        size: tuple[int, int],
    ) -> Tensor:
        """See `Base.denoise`. Told as original and target size: `size`; cropped at its corner."""
        assert conditioning.pooled is not None, "SDXL needs the pooled text"
        height, width = size
        time_ids = torch.tensor(
            [height, width, 0, 0, height, width], device=latents.device, dtype=base.dtype
        ).expand(len(latents), 6)
        if conditioning.corner is not None:
            time_ids = time_ids.clone()
            time_ids[:, 2:4] = conditioning.corner.to(time_ids)
        prediction: Tensor = base.unet(
            latents.to(base.dtype),
            timesteps,
            encoder_hidden_states=conditioning.embeds.to(base.dtype),
            added_cond_kwargs={
                "text_embeds": conditioning.pooled.to(base.dtype),
                "time_ids": time_ids,
            },
            return_dict=False,
        )[0]
        return prediction
