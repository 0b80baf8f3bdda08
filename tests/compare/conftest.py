"""A tiny base that generates noise, a tiny CLIP beside it, and adapters made for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from studio.families.base import Base
from tests.compare.tiny_clip import make_clip
from tests.tiny import make_tiny_sd1


@pytest.fixture(scope="session")
def clip_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base's folder as far as measuring is concerned: `clip/` inside."""
    folder = tmp_path_factory.mktemp("measured")
    make_clip(folder / "clip")
    return folder


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Base:
    """A tiny SD 1.x with a CLIP of its own, 32 × 32 pixels."""
    from studio.families.loading import load_base

    folder = make_tiny_sd1(tmp_path_factory.mktemp("tiny") / "base")
    make_clip(folder / "clip")
    return load_base(folder, "cpu")


@pytest.fixture
def make_lora(tmp_path: Path) -> Callable[..., Path]:
    """Writes a small kohya LoRA for one attention layer of the tiny base."""

    def make(name: str = "lora", seed: int = 0, scale: float = 1.0, width: int = 64) -> Path:
        from safetensors.torch import save_file

        layer = "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_q"
        generator = torch.Generator().manual_seed(seed)
        file = tmp_path / f"{name}.safetensors"
        save_file(
            {
                f"{layer}.lora_down.weight": torch.randn(2, width, generator=generator) * scale,
                f"{layer}.lora_up.weight": torch.randn(width, 2, generator=generator) * scale,
                f"{layer}.alpha": torch.tensor(2.0),
            },
            file,
        )
        return file

    return make
