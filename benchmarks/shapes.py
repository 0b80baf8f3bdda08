"""Randomly initialised bases of the true SD 1.5 and SDXL shapes, made in memory.

Speed and memory do not depend on what the weights say. `random_folder` puts one on disk, where it
loads like any base. Owns: the published sizes of both models and of CLIP ViT-L/14.
The tokenizer is the starter's; its few words index the large vocabulary's first rows.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from studio.architectures.stable_diffusion import SCHEDULER
from studio.core.paths import STARTER
from studio.families import family
from studio.families.base import Base

UNETS: dict[str, dict[str, Any]] = {
    "sd1": {
        "sample_size": 64,
        "block_out_channels": (320, 640, 1280, 1280),
        "down_block_types": ("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
        "up_block_types": ("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3,
        "cross_attention_dim": 768,
        "attention_head_dim": 8,
    },
    "sdxl": {
        "sample_size": 128,
        "block_out_channels": (320, 640, 1280),
        "down_block_types": ("DownBlock2D",) + ("CrossAttnDownBlock2D",) * 2,
        "up_block_types": ("CrossAttnUpBlock2D",) * 2 + ("UpBlock2D",),
        "transformer_layers_per_block": (1, 2, 10),
        "attention_head_dim": (5, 10, 20),
        "cross_attention_dim": 2048,
        "use_linear_projection": True,
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": 256,
        "projection_class_embeddings_input_dim": 2816,
    },
}
CLIP_L = {
    "hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12,
    "num_attention_heads": 12, "projection_dim": 768, "hidden_act": "quick_gelu",
}  # fmt: skip
CLIP_L_VISION = {
    "hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24,
    "num_attention_heads": 16, "image_size": 224, "patch_size": 14, "hidden_act": "quick_gelu",
}  # fmt: skip
OPENCLIP_G = {
    "hidden_size": 1280, "intermediate_size": 5120, "num_hidden_layers": 32,
    "num_attention_heads": 20, "projection_dim": 1280, "hidden_act": "gelu",
}  # fmt: skip
TINY = 8  # divides widths for a quick look on a CPU, which also has two levels only


def random_base(name: str, device: str, dtype: torch.dtype, tiny: bool = False) -> Base:
    """A base of family `sd1` or `sdxl` with random weights of small variance, frozen, in eval mode."""
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection
    from transformers import CLIPTokenizer as Tokenizer

    place = torch.device(device)
    texts = [CLIP_L] if name == "sd1" else [CLIP_L, OPENCLIP_G]
    unet_config = dict(UNETS[name])
    vae_widths: tuple[int, ...] = (128, 256, 512, 512)
    if tiny:
        texts, unet_config, vae_widths = _shrunk(texts, unet_config)
    with torch.device("meta"):
        parts: list[nn.Module] = [
            UNet2DConditionModel(**unet_config),
            AutoencoderKL(
                down_block_types=("DownEncoderBlock2D",) * 4,
                up_block_types=("UpDecoderBlock2D",) * 4,
                block_out_channels=vae_widths,
                layers_per_block=2,
                latent_channels=4,
                norm_num_groups=32 if not tiny else 8,
                scaling_factor=0.18215 if name == "sd1" else 0.13025,
            ),
        ]
        classes = [CLIPTextModel, CLIPTextModelWithProjection]
        for made, sizes in zip(classes, texts, strict=False):
            parts.append(made(CLIPTextConfig(vocab_size=49408, **sizes)))
    for part in parts:
        _materialise(part, place, torch.float32 if _is_vae(part, dtype) else dtype)
    unet, vae, *encoders = parts
    tokenizer = Tokenizer.from_pretrained(STARTER / "tokenizer")
    return Base(
        family=family(name),
        name=f"random-{name}",
        path=Path(f"random-{name}"),
        hash="0" * 64,
        denoiser=unet,
        vae=vae,
        text_encoders=encoders,
        tokenizers=[tokenizer] * len(encoders),
        scheduler_config=dict(SCHEDULER),
        device=place,
        dtype=dtype,
        prediction_type="epsilon",
        native_size=512 if name == "sd1" else 1024,
    )


def random_folder(name: str, folder: Path, dtype: torch.dtype) -> Path:
    """A diffusers folder of such a base with a CLIP beside it, made when it is not there yet."""
    import json

    if (folder / "model_index.json").is_file():
        return folder
    base = random_base(name, "cpu", dtype)
    for part, module in {**base.components(), "vae": base.vae}.items():
        module.save_pretrained(folder / part)
    for number, tokenizer in enumerate(base.tokenizers):
        tokenizer.save_pretrained(folder / ("tokenizer" if number == 0 else "tokenizer_2"))
    _write_clip(base, folder / "clip", dtype, tiny=False)
    parts = {
        part: ["diffusers" if part in ("unet", "vae") else "transformers", type(module).__name__]
        for part, module in {**base.components(), "vae": base.vae}.items()
    }
    for number in range(len(base.tokenizers)):
        name_of = "tokenizer" if number == 0 else "tokenizer_2"
        parts[name_of] = ["transformers", "CLIPTokenizer"]
    pipeline = "StableDiffusionPipeline" if name == "sd1" else "StableDiffusionXLPipeline"
    (folder / "scheduler").mkdir(exist_ok=True)
    (folder / "scheduler" / "scheduler_config.json").write_text(json.dumps(SCHEDULER))
    index = {"_class_name": pipeline, "scheduler": ["diffusers", "DDIMScheduler"], **parts}
    (folder / "model_index.json").write_text(json.dumps(index))
    return folder


def add_clip(base: Base, folder: Path, tiny: bool = False) -> None:
    """A random CLIP in `folder`, where the base then counts as lying: aesthetic embeddings need one."""
    _write_clip(base, folder / "clip", base.dtype, tiny)
    base.path = folder


def _write_clip(base: Base, folder: Path, dtype: torch.dtype, tiny: bool) -> None:
    from transformers import CLIPConfig, CLIPModel, CLIPProcessor
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    text, vision = {**CLIP_L, "vocab_size": 49408}, dict(CLIP_L_VISION)
    if tiny:
        [text], _, _ = _shrunk([text], dict(UNETS["sd1"]))
        [vision], _, _ = _shrunk([{**vision, "projection_dim": 768}], dict(UNETS["sd1"]))
    width = text["projection_dim"]
    with torch.device("meta"):
        clip = CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=width))
    _materialise(clip, torch.device("cpu"), dtype)
    clip.save_pretrained(folder)
    CLIPProcessor(CLIPImageProcessorPil(), base.tokenizers[0]).save_pretrained(folder)


def _shrunk(texts: list[dict], unet: dict) -> tuple[list[dict], dict, tuple[int, ...]]:
    small = [
        {**t, "hidden_size": t["hidden_size"] // TINY, "num_hidden_layers": 2,
         "intermediate_size": t["intermediate_size"] // TINY, "num_attention_heads": 4,
         "projection_dim": t["projection_dim"] // TINY}
        for t in texts
    ]  # fmt: skip
    unet = {
        **unet,
        "block_out_channels": tuple(width // TINY for width in unet["block_out_channels"][:2]),
        "down_block_types": (unet["down_block_types"][1], unet["down_block_types"][-1]),
        "up_block_types": (unet["up_block_types"][0], unet["up_block_types"][-2]),
        "layers_per_block": 1,
    }
    if "transformer_layers_per_block" in unet:
        unet["transformer_layers_per_block"] = (1, 2)
    unet["cross_attention_dim"] //= TINY
    unet["norm_num_groups"] = 8
    unet["attention_head_dim"] = 4
    if "projection_class_embeddings_input_dim" in unet:
        unet["addition_time_embed_dim"] = 32
        unet["projection_class_embeddings_input_dim"] = 6 * 32 + small[1]["projection_dim"]
    return small, unet, (16, 32, 64, 64)


def _is_vae(part: nn.Module, dtype: torch.dtype) -> bool:
    return dtype == torch.float16 and type(part).__name__ == "AutoencoderKL"


def _materialise(part: nn.Module, device: torch.device, dtype: torch.dtype) -> None:
    """Real memory for a part made on no device; values small enough to stay finite in fp16."""
    part.to_empty(device=device)
    part.to(dtype)
    generator = torch.Generator(device).manual_seed(0)
    for name, tensor in part.named_parameters():
        if name.endswith("norm.weight") or (tensor.ndim == 1 and name.endswith("weight")):
            tensor.data.fill_(1.0)
        elif tensor.ndim == 1:
            tensor.data.zero_()
        else:
            tensor.data.normal_(0, 0.02, generator=generator)
    for name, buffer in part.named_buffers():
        if name.endswith("position_ids"):
            buffer.copy_(torch.arange(buffer.shape[-1], device=device).expand_as(buffer))
    part.eval().requires_grad_(False)
