"""Names of the original code, at the true shapes of SD 1.x and SDXL."""

from __future__ import annotations

import torch
from diffusers import UNet2DConditionModel

from studio.adapters.ldm import original_names


def names_of(**config: object) -> dict[str, str]:
    with torch.device("meta"):
        unet = UNet2DConditionModel(**config)
    return original_names(
        name for name, module in unet.named_modules() if getattr(module, "weight", None) is not None
    )


def test_sd1() -> None:
    """Spot checks from the listing of the published checkpoint."""
    found = names_of(
        down_block_types=("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
        up_block_types=("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3,
        block_out_channels=(320, 640, 1280, 1280), cross_attention_dim=768,
    )  # fmt: skip
    block = "transformer_blocks.0.attn1.to_q"
    for name, expected in {
        "conv_in": "input_blocks.0.0",
        "down_blocks.0.resnets.0.conv1": "input_blocks.1.0.in_layers.2",
        f"down_blocks.0.attentions.0.{block}": f"input_blocks.1.1.{block}",
        "down_blocks.0.downsamplers.0.conv": "input_blocks.3.0.op",
        f"down_blocks.1.attentions.0.{block}": f"input_blocks.4.1.{block}",
        "down_blocks.3.resnets.1.time_emb_proj": "input_blocks.11.0.emb_layers.1",
        "mid_block.attentions.0.proj_in": "middle_block.1.proj_in",
        "mid_block.resnets.1.conv2": "middle_block.2.out_layers.3",
        "up_blocks.0.upsamplers.0.conv": "output_blocks.2.1.conv",
        f"up_blocks.1.attentions.0.{block}": f"output_blocks.3.1.{block}",
        "up_blocks.1.upsamplers.0.conv": "output_blocks.5.2.conv",
        f"up_blocks.3.attentions.2.{block}": f"output_blocks.11.1.{block}",
        "up_blocks.3.resnets.2.conv_shortcut": "output_blocks.11.0.skip_connection",
        "conv_out": "out.2",
    }.items():
        assert found[name] == expected
    assert len(set(found.values())) == len(found)


def test_sdxl() -> None:
    found = names_of(
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        block_out_channels=(320, 640, 1280), transformer_layers_per_block=(1, 2, 10),
        cross_attention_dim=2048, use_linear_projection=True, addition_embed_type="text_time",
        addition_time_embed_dim=256, projection_class_embeddings_input_dim=2816,
    )  # fmt: skip
    block = "transformer_blocks.9.ff.net.0.proj"
    for name, expected in {
        "add_embedding.linear_1": "label_emb.0.0",
        "down_blocks.1.attentions.0.proj_in": "input_blocks.4.1.proj_in",
        f"down_blocks.2.attentions.1.{block}": f"input_blocks.8.1.{block}",
        f"up_blocks.0.attentions.2.{block}": f"output_blocks.2.1.{block}",
        "up_blocks.0.upsamplers.0.conv": "output_blocks.2.2.conv",
        "up_blocks.2.resnets.2.conv1": "output_blocks.8.0.in_layers.2",
    }.items():
        assert found[name] == expected
