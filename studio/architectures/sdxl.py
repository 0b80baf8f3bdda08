"""Stable Diffusion XL: CLIP-L and OpenCLIP-G side by side, a pooled text, 1024 pixels."""

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

SDXL = Architecture(
    name="sdxl",
    title="SDXL",
    family="studio.families.sdxl:StableDiffusionXL",
    denoiser=replace(UNET, signs={"addition_embed_type": "text_time"}, original_names=True),
    text_encoders=(
        replace(CLIP_L, kohya="lora_te1", single_file="conditioner.embedders.0.transformer."),
        replace(
            CLIP_L,
            width=1280,
            kohya="lora_te2",
            spellings=("te2", "text_encoder_2", "clip_g"),
            class_name="CLIPTextModelWithProjection",
            single_file="conditioner.embedders.1.model.",
            openclip=True,
            pad="!",  # OpenCLIP's encoders were trained padded with id 0
        ),
    ),
    latents=Latents(channels=4, scale=8, factor=0.13025),
    variants=(Variant("epsilon", 1024, "stable-diffusion-xl-v1-base", "sdxl_base_v1-0"),),
    pipeline="StableDiffusionXLPipeline",
    scheduler=SCHEDULER,
    licence="CreativeML Open RAIL++-M",
    learning_rates=LEARNING_RATES,
    index_facts={"force_zeros_for_empty_prompt": True},
    distilled=DISTILLED,
    without="an SDXL refiner",
    said=("stable-diffusion-xl", "sdxl"),
    key_signs=(
        r"text_encoder_2\.|lora_te2_",
        r"(?:attentions[._]\d+|blocks[._]\d+[._]1|middle_block[._]1)[._]transformer_blocks[._][1-9]",
    ),
)
