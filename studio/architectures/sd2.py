"""Stable Diffusion 2.x: OpenCLIP-H without its last layer, linear layers around the transformers.

At 512 pixels it predicts the noise, at 768 v; a file does not say which.
"""

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

SD2 = Architecture(
    name="sd2",
    title="SD 2.x",
    family="studio.families.sd2:StableDiffusion2",
    denoiser=replace(UNET, signs={"addition_embed_type": None, "use_linear_projection": True}),
    text_encoders=(
        replace(
            CLIP_L,
            width=1024,
            single_file="cond_stage_model.model.",
            openclip=True,
            pad="!",  # OpenCLIP's encoders were trained padded with id 0
            most_layers=23,  # its last layer is never read; published folders leave it out as well
        ),
    ),
    latents=Latents(channels=4, scale=8, factor=0.18215),
    variants=(
        Variant("epsilon", 512, "stable-diffusion-v2-512", "sd_v2"),
        Variant("v", 768, "stable-diffusion-v2-768-v", "sd_v2_v"),
    ),
    pipeline="StableDiffusionPipeline",
    scheduler=SCHEDULER,
    licence="CreativeML Open RAIL++-M",
    learning_rates=LEARNING_RATES,
    objective_is_stated=False,
    optional_parts=("safety_checker",),
    index_facts={"requires_safety_checker": False},
    distilled=DISTILLED,
    said=("stable-diffusion-v2", "sd_v2"),
    kohya_v2=True,
)
