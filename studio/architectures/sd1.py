"""Stable Diffusion 1.x: one CLIP-L, 512 pixels, predicts the noise."""

from __future__ import annotations

from dataclasses import replace

from studio.architectures.record import Architecture, Latents, Variant
from studio.architectures.stable_diffusion import (
    CLIP_L,
    DISTILLED,
    LEARNING_RATES,
    SCHEDULER,
    UNET,
)

SD1 = Architecture(
    name="sd1",
    title="SD 1.x",
    family="studio.families.sd1:StableDiffusion1",
    denoiser=replace(
        UNET, signs={"addition_embed_type": None, "use_linear_projection": False}, heads=8
    ),
    text_encoders=(CLIP_L,),
    latents=Latents(channels=4, scale=8, factor=0.18215),
    variants=(Variant("epsilon", 512, "stable-diffusion-v1", "sd_v1"),),
    pipeline="StableDiffusionPipeline",
    scheduler=SCHEDULER,
    licence="CreativeML Open RAIL-M",
    learning_rates=LEARNING_RATES,
    optional_parts=("safety_checker",),
    index_facts={"requires_safety_checker": False},
    distilled=DISTILLED,
    said=("stable-diffusion-v1", "sd_v1"),
    cloneofsimo=True,
)
