"""A tiny CLIP, randomly initialised: a real folder that loads like a base's own."""

from __future__ import annotations

from pathlib import Path

import torch

from tests.tiny import tiny_tokenizer


def make_clip(folder: Path, text_layers: int = 2, text_width: int = 32) -> Path:
    """A full CLIP, 16 wide, for 32 × 32 pixels, normalising unlike OpenAI's.

    Its text side is as wide as the tiny bases' first encoders, unless told otherwise.
    """
    from transformers import CLIPConfig, CLIPModel, CLIPProcessor
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    tokenizer = tiny_tokenizer()
    size = len(tokenizer)
    shared = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "projection_dim": 16,
        "initializer_factor": 4.0,  # strong enough that images and words differ
    }
    text = {"vocab_size": size, "bos_token_id": size - 2, "eos_token_id": size - 1, **shared}
    text |= {"num_hidden_layers": text_layers, "hidden_size": text_width}
    vision = {"image_size": 32, "patch_size": 8, **shared}
    torch.manual_seed(5)
    model = CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=16))
    model.save_pretrained(folder)
    pixels = CLIPImageProcessorPil(
        size={"shortest_edge": 32},
        crop_size={"height": 32, "width": 32},
        image_mean=[0.5, 0.4, 0.3],
        image_std=[0.5, 0.6, 0.7],
    )
    CLIPProcessor(pixels, tokenizer).save_pretrained(folder)
    return folder
