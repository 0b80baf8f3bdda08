"""Rank and norm per block, from the file alone."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from studio.formats.lora import LoraFile
from studio.formats.lora_blocks import block, blocks, norm
from studio.formats.lora_module import LoraModule


def low_rank(name: str, component: str = "unet", rank: int = 2, alpha: float = 1.0) -> LoraModule:
    generator = torch.Generator().manual_seed(rank)
    tensors = {
        "down": torch.randn(rank, 6, generator=generator),
        "up": torch.randn(4, rank, generator=generator),
    }
    return LoraModule(component, name, "dotted", "lora", tensors, alpha)


@pytest.mark.parametrize(
    ("name", "component", "expected"),
    [
        ("down_blocks.1.attentions.0.to_q", "unet", "down 1"),
        ("up_blocks_0_attentions_1_to_k", "unet", "up 0"),
        ("input_blocks_4_1_to_v", "unet", "IN04"),
        ("output_blocks_11_1_to_v", "unet", "OUT11"),
        ("mid_block.attentions.0.to_q", "unet", "middle"),
        ("text_model_encoder_layers_3_mlp_fc1", "text_encoder", "text encoder, layer 3"),
        ("conv_in", "unet", "unet"),
    ],
)
def test_a_name_says_the_block_in_every_spelling(name, component, expected):
    assert block(low_rank(name, component)) == expected


def test_norms_equal_those_of_the_whole_change():
    module = low_rank("down_blocks.0.to_q", alpha=1.0)
    assert norm(module) == pytest.approx(float(module.delta().norm()), rel=1e-5)
    convolution = LoraModule(
        "unet", "down_blocks.0.conv", "dotted", "lora",
        {"down": torch.randn(2, 3, 3, 3), "up": torch.randn(4, 2, 1, 1)}, 2.0,
    )  # fmt: skip
    assert norm(convolution) == pytest.approx(float(convolution.delta().norm()), rel=1e-5)
    scaling = LoraModule("unet", "x", "dotted", "ia3", {"weight": torch.ones(4)})
    assert norm(scaling) is None


def test_blocks_gather_modules_ranks_and_sizes():
    modules = [
        low_rank("down_blocks.0.a"), low_rank("down_blocks.0.b", rank=3), low_rank("mid_block.c"),
    ]  # fmt: skip
    file = LoraFile(Path("x"), "kohya", {module.key: module for module in modules})
    first, second = blocks(file)
    assert (first.block, first.modules, first.ranks) == ("down 0", 2, [2, 3])
    whole = torch.cat([module.delta().flatten() for module in modules[:2]])
    assert first.norm == pytest.approx(float(whole.norm()), rel=1e-5)
    assert (second.block, second.ranks) == ("middle", [2])


def test_a_change_of_biases_alone_has_no_norm_and_is_no_error():
    biases = LoraModule("unet", "mid_block.proj", "dotted", "diff", {"diff_b": torch.ones(4)})
    assert norm(biases) is None
