"""Makes tiny, randomly initialised bases: real diffusers folders that load in a blink.

Owns: `make_tiny_sd1`, `make_tiny_sd2` and `make_tiny_sdxl`. Same folder contents every time.
They generate noise, not images; whatever is about *shapes, names and bytes* can be tested on them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

if TYPE_CHECKING:
    from studio.formats.lora_module import LoraModule

# Merged on top of single bytes, so that some words are one token and others several.
_WORDS = ("a", "an", "of", "cat", "dog", "red", "photo", "house", "sky")
_SCHEDULER: dict[str, Any] = {
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "steps_offset": 1,
    "clip_sample": False,
    "set_alpha_to_one": False,
    "timestep_spacing": "leading",
}


def make_tiny_sd1(folder: str | Path) -> Path:
    """An SD 1.x folder: text width 32, UNet 32/64, VAE 16/32 (latents scaled by 2), 32 px."""
    return _pipeline(folder, prediction_type="epsilon", use_linear_projection=False)


def make_tiny_sd2(folder: str | Path, prediction_type: str = "v_prediction") -> Path:
    """The same with what SD 2.x has: linear projections, `!` as padding; v (at 768) or ε (at 512)."""
    return _pipeline(folder, prediction_type, use_linear_projection=True, pad="!")


def make_tiny_sdxl(folder: str | Path) -> Path:
    """An SDXL folder: encoders 32 and 64 wide, pooled 64, size conditioning, 32 px."""
    from diffusers import EulerDiscreteScheduler, StableDiffusionXLPipeline

    tokenizer, tokenizer_2 = tiny_tokenizer(), tiny_tokenizer(pad="!")
    pipeline = StableDiffusionXLPipeline(
        vae=_seeded(_vae, 1),
        text_encoder=_seeded(lambda: _text(len(tokenizer), 32), 2),
        text_encoder_2=_seeded(lambda: _text(len(tokenizer_2), 64, projection=64), 3),
        tokenizer=tokenizer,
        tokenizer_2=tokenizer_2,
        unet=_seeded(
            lambda: _unet(
                cross_attention_dim=32 + 64,
                use_linear_projection=True,
                attention_head_dim=[4, 8],
                transformer_layers_per_block=[1, 2],
                addition_embed_type="text_time",
                addition_time_embed_dim=8,
                projection_class_embeddings_input_dim=6 * 8 + 64,
            ),
            4,
        ),
        scheduler=EulerDiscreteScheduler(
            **{k: v for k, v in _SCHEDULER.items() if k not in ("clip_sample", "set_alpha_to_one")}
        ),
        add_watermarker=False,
    )
    pipeline.save_pretrained(folder, safe_serialization=True)
    return Path(folder)


def make_tiny_inpainting(folder: str | Path) -> Path:
    """An SD 1.x folder for inpainting: as `make_tiny_sd1`, its UNet reads 9 channels."""
    return _pipeline(folder, "epsilon", use_linear_projection=False, in_channels=9)


def tiny_tokenizer(pad: str = "<|endoftext|>") -> Any:
    """A CLIPTokenizer over single bytes and a few whole words; it can spell any text."""
    from transformers import CLIPTokenizer

    letters = list(_byte_letters())
    vocabulary = letters + [letter + "</w>" for letter in letters]
    merges: list[tuple[str, str]] = []
    for word in _WORDS:
        parts = [*word[:-1], word[-1] + "</w>"]
        while len(parts) > 1:
            pair = (parts[0], parts[1])
            if pair not in merges:
                merges.append(pair)
                vocabulary.append("".join(pair))
            parts[:2] = ["".join(pair)]
    vocabulary += ["<|startoftext|>", "<|endoftext|>"]
    ids = {token: index for index, token in enumerate(dict.fromkeys(vocabulary))}
    return CLIPTokenizer(vocab=ids, merges=merges, pad_token=pad, model_max_length=77)


def _pipeline(
    folder: str | Path,
    prediction_type: str,
    use_linear_projection: bool,
    pad: str = "<|endoftext|>",
    in_channels: int = 4,
) -> Path:
    import diffusers

    tokenizer = tiny_tokenizer(pad)
    name = "StableDiffusionPipeline" if in_channels == 4 else "StableDiffusionInpaintPipeline"
    pipeline = getattr(diffusers, name)(
        vae=_seeded(_vae, 1),
        text_encoder=_seeded(lambda: _text(len(tokenizer), 32), 2),
        tokenizer=tokenizer,
        unet=_seeded(
            lambda: _unet(
                in_channels=in_channels,
                cross_attention_dim=32,
                use_linear_projection=use_linear_projection,
                attention_head_dim=4,
            ),
            3,
        ),
        scheduler=diffusers.DDIMScheduler(**_SCHEDULER, prediction_type=prediction_type),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.save_pretrained(folder, safe_serialization=True)
    return Path(folder)


def _unet(in_channels: int = 4, **different: Any) -> nn.Module:
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel(
        sample_size=16,
        in_channels=in_channels,
        out_channels=4,
        block_out_channels=(32, 64),
        layers_per_block=1,
        norm_num_groups=8,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        **different,
    )


def _vae() -> nn.Module:
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        sample_size=32,
        latent_channels=4,
        block_out_channels=(16, 32),
        layers_per_block=1,
        norm_num_groups=8,
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        scaling_factor=0.18215,
    )


def _text(vocabulary: int, width: int, projection: int | None = None) -> nn.Module:
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    config = CLIPTextConfig(
        vocab_size=vocabulary,
        hidden_size=width,
        intermediate_size=2 * width,
        projection_dim=projection or width,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=77,
        bos_token_id=vocabulary - 2,
        eos_token_id=vocabulary - 1,
        pad_token_id=vocabulary - 1,
        initializer_factor=4.0,  # strong enough that words make a difference in an image
    )
    return CLIPTextModelWithProjection(config) if projection else CLIPTextModel(config)


def _seeded(make: Callable[[], nn.Module], seed: int) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make().eval()


def _byte_letters() -> str:
    """The 256 printable letters that byte-level BPE writes bytes with (Radford et al. 2019)."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    extra = 256
    letters = []
    for byte in range(256):
        if byte in printable:
            letters.append(chr(byte))
        else:
            letters.append(chr(extra))
            extra += 1
    return "".join(letters)


def write_tiny_lora(path: str | Path, base: Any, *arguments: Any, **more: Any) -> Path:
    """The LoRA of `tiny_lora` as training ships it."""
    from studio.adapters import lora_file

    return lora_file.write(path, base, tiny_lora(base, *arguments, **more))


def tiny_lora(
    base: Any,
    layers: tuple[str, ...] = ("to_q", "to_k", "to_v", "to_out.0"),
    components: Sequence[Any] = ("unet",),
    seed: int = 0,
    size: float = 0.3,
    rank: int = 4,
) -> list[LoraModule]:
    """A LoRA for `base` (a `studio.families.base.Base`) on every module ending so.

    `size` is the standard deviation of its factors: 0.3 changes an image visibly.
    """
    from studio.formats import lora

    generator = torch.Generator().manual_seed(seed)
    modules = []
    for component in components:
        for name, module in base.components()[component].named_modules():
            if name.endswith(layers):
                weight = module.weight
                tensors = {
                    "down": torch.randn(rank, *weight.shape[1:], generator=generator) * size,
                    "up": torch.randn(
                        weight.shape[0], rank, *[1] * (weight.dim() - 2), generator=generator
                    )
                    * size,
                }
                modules.append(
                    lora.LoraModule(component, name, "dotted", "lora", tensors, rank / 2)
                )
    return modules


def write_tiny_embedding(path: str | Path, base: Any, vectors: int = 2, seed: int = 0) -> Path:
    """An embedding of `vectors` rows for every text encoder of `base`, as strong as real words."""
    from studio.formats import embedding

    generator = torch.Generator().manual_seed(seed)
    rows = [
        torch.randn(vectors, encoder.config.hidden_size, generator=generator) * 0.1
        for encoder in base.text_encoders
    ]
    if len(rows) == 2:
        return embedding.write_sdxl(path, *rows)
    return embedding.write_kohya(path, rows[0])
