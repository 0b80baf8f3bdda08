"""Original names ⇄ diffusers names: known landmarks, both directions, and diffusers' own converter."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from studio.architectures import ARCHITECTURES
from studio.core.errors import MismatchError
from studio.formats import ldm_names, openclip_names, safetensors_file, single_file_layout
from studio.formats.ldm_names import SD1, SDXL, UNetLayout
from tests import tiny

LANDMARKS = [
    (SD1, "input_blocks.0.0.weight", "conv_in.weight"),
    (SD1, "input_blocks.1.1.transformer_blocks.0.attn1.to_q",
     "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q"),
    (SD1, "input_blocks.3.0.op.bias", "down_blocks.0.downsamplers.0.conv.bias"),
    (SD1, "input_blocks.4.0.skip_connection", "down_blocks.1.resnets.0.conv_shortcut"),
    (SD1, "input_blocks.4.1.proj_in", "down_blocks.1.attentions.0.proj_in"),
    (SD1, "input_blocks.11.0.emb_layers.1", "down_blocks.3.resnets.1.time_emb_proj"),
    (SD1, "middle_block.0.in_layers.0", "mid_block.resnets.0.norm1"),
    (SD1, "middle_block.1.norm", "mid_block.attentions.0.norm"),
    (SD1, "middle_block.2.out_layers.3.weight", "mid_block.resnets.1.conv2.weight"),
    (SD1, "output_blocks.2.1.conv", "up_blocks.0.upsamplers.0.conv"),
    (SD1, "output_blocks.3.1.proj_out", "up_blocks.1.attentions.0.proj_out"),
    (SD1, "output_blocks.5.2.conv", "up_blocks.1.upsamplers.0.conv"),
    (SD1, "output_blocks.11.1.transformer_blocks.0.ff.net.0.proj",
     "up_blocks.3.attentions.2.transformer_blocks.0.ff.net.0.proj"),
    (SD1, "time_embed.2.weight", "time_embedding.linear_2.weight"),
    (SD1, "out.0.weight", "conv_norm_out.weight"),
    (SD1, "out.2.bias", "conv_out.bias"),
    (SDXL, "input_blocks.4.1.transformer_blocks.1.attn2.to_k",
     "down_blocks.1.attentions.0.transformer_blocks.1.attn2.to_k"),
    (SDXL, "input_blocks.8.1.transformer_blocks.9.norm1", "down_blocks.2.attentions.1.transformer_blocks.9.norm1"),
    (SDXL, "output_blocks.0.1.proj_in", "up_blocks.0.attentions.0.proj_in"),
    (SDXL, "output_blocks.2.2.conv", "up_blocks.0.upsamplers.0.conv"),
    (SDXL, "output_blocks.5.2.conv", "up_blocks.1.upsamplers.0.conv"),
    (SDXL, "label_emb.0.2.weight", "add_embedding.linear_2.weight"),
]  # fmt: skip


@pytest.mark.parametrize("layout, ldm, diffusers", LANDMARKS)
def test_landmarks(layout, ldm, diffusers):
    assert ldm_names.ldm_to_diffusers_unet(ldm, layout) == diffusers
    assert ldm_names.diffusers_to_ldm_unet(diffusers, layout) == ldm


@pytest.mark.parametrize("name", ["", "x", "input_blocks", "input_blocks.12.0.in_layers.0", "output_blocks.12.0",
                                  "input_blocks.10.1.proj_in", "model_ema.decay"])  # fmt: skip
def test_names_the_layout_does_not_have(name):
    assert ldm_names.ldm_to_diffusers_unet(name, SD1) is None


CONFIGS: dict[str, tuple[dict[str, Any], UNetLayout | None]] = {
    "sd1": ({"layers_per_block": 2, "block_out_channels": (8, 8, 16, 16), "cross_attention_dim": 8}, SD1),
    "sdxl": (
        {
            "layers_per_block": 2, "block_out_channels": (8, 8, 16), "cross_attention_dim": 8,
            "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
            "addition_embed_type": "text_time", "addition_time_embed_dim": 8,
            "projection_class_embeddings_input_dim": 56, "use_linear_projection": True,
        },
        SDXL,
    ),
    "small": (
        {
            "layers_per_block": 1, "block_out_channels": (8, 8, 16), "cross_attention_dim": 8,
            "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        },
        UNetLayout((1, 1, 1), (False, True, True)),
    ),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CONFIGS)
def test_every_unet_parameter_there_and_back_and_by_diffusers_converter(name):
    from diffusers import UNet2DConditionModel
    from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint

    config, layout = CONFIGS[name]
    unet = UNet2DConditionModel(norm_num_groups=4, attention_head_dim=4, **config)
    assert UNetLayout.from_config(unet.config) == layout
    layout = UNetLayout.from_config(unet.config)
    numbered = {key: torch.tensor(i) for i, key in enumerate(unet.state_dict())}
    theirs = {
        "model.diffusion_model." + str(ldm_names.diffusers_to_ldm_unet(key, layout)): value
        for key, value in numbered.items()
    }
    assert len(theirs) == len(numbered)
    assert not any("None" in key for key in theirs)
    back, rest = single_file_layout.from_single_file(theirs, layout)
    assert rest == []
    assert back["unet"] == numbered
    if name != "small":  # the library's converter counts two layers per block
        assert convert_ldm_unet_checkpoint(theirs, dict(unet.config)) == numbered


@pytest.fixture(scope="module")
def bases(tmp_path_factory):
    """The three tiny bases as state dicts of their parts."""
    pytest.importorskip("diffusers")
    found = {}
    for name, make in (
        ("sd1", tiny.make_tiny_sd1),
        ("sd2", tiny.make_tiny_sd2),
        ("sdxl", tiny.make_tiny_sdxl),
    ):
        folder = make(tmp_path_factory.mktemp(name))
        parts = {}
        for part in ("unet", "vae", "text_encoder", "text_encoder_2"):
            for path in sorted((folder / part).glob("*.safetensors")):
                parts[part] = safetensors_file.read_tensors(path)[0]
        found[name] = parts
    return found


LAYOUT = UNetLayout((1, 1), (False, True))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("family", ["sd1", "sd2", "sdxl"])
def test_whole_models_survive_one_file(bases, tmp_path, family):
    parts = bases[family]
    path = single_file_layout.write(
        tmp_path / "m.safetensors",
        parts,
        ARCHITECTURES[family],
        LAYOUT,
        vae_blocks=2,
        metadata={"a": "b"},
    )
    whole, _ = safetensors_file.read_tensors(path)
    assert single_file_layout.architecture_of(whole) is ARCHITECTURES[family]
    assert any(name.startswith("model.diffusion_model.input_blocks.") for name in whole)
    back, rest = single_file_layout.from_single_file(whole, LAYOUT, vae_blocks=2)
    assert rest == []
    assert back.keys() == parts.keys()
    for part, state in parts.items():
        named = {
            ldm_names.with_text_model(key) if part.startswith("text") else key: tensor
            for key, tensor in state.items()
            if not key.endswith("position_ids")
        }
        assert back[part].keys() == named.keys(), part
        for key, tensor in named.items():
            assert torch.equal(back[part][key], tensor), (part, key)


@pytest.mark.filterwarnings("ignore")
def test_the_vae_and_openclip_by_diffusers_converters(bases):
    from types import SimpleNamespace

    from diffusers.loaders.single_file_utils import (
        convert_ldm_vae_checkpoint,
        convert_open_clip_checkpoint,
    )

    parts = bases["sdxl"]
    whole = single_file_layout.to_single_file(parts, ARCHITECTURES["sdxl"], LAYOUT, vae_blocks=2)
    attention = "first_stage_model.encoder.mid.attn_1.q.weight"
    assert whole[attention].dim() == 4
    config = {
        "down_block_types": ["DownEncoderBlock2D"] * 2,
        "up_block_types": ["UpDecoderBlock2D"] * 2,
    }
    vae = convert_ldm_vae_checkpoint(
        {k: v for k, v in whole.items() if k.startswith("first_stage_model.")}, config
    )
    assert vae.keys() == parts["vae"].keys()
    assert all(torch.equal(vae[key], tensor) for key, tensor in parts["vae"].items())
    model = SimpleNamespace(config=SimpleNamespace(hidden_size=64))
    clip = convert_open_clip_checkpoint(model, dict(whole), prefix="conditioner.embedders.1.model.")
    ours = {ldm_names.with_text_model(key): value for key, value in parts["text_encoder_2"].items()}
    checked = 0
    for key, tensor in clip.items():
        key = ldm_names.with_text_model(key)
        if key in ours:
            assert torch.equal(tensor, ours[key]), key
            checked += 1
    assert checked >= 2 * 16


def test_leftovers_of_training_are_listed(bases):
    whole = single_file_layout.to_single_file(
        bases["sd1"], ARCHITECTURES["sd1"], LAYOUT, vae_blocks=2
    )
    junk = {name: torch.ones(1) for name in ("model_ema.decay", "betas", "cond_stage_model.logit_scale",
                                             "cond_stage_model.transformer.text_model.embeddings.position_ids")}  # fmt: skip
    _, rest = single_file_layout.from_single_file({**whole, **junk}, LAYOUT, vae_blocks=2)
    assert rest == sorted(junk)


def test_a_part_without_an_original_name_is_said(bases):
    parts = {
        **bases["sd1"],
        "unet": {**bases["sd1"]["unet"], "encoder_hid_proj.weight": torch.ones(1)},
    }
    with pytest.raises(MismatchError, match=r"encoder_hid_proj\.weight"):
        single_file_layout.to_single_file(parts, ARCHITECTURES["sd1"], LAYOUT, vae_blocks=2)


@pytest.mark.parametrize("name", ["logit_scale", "visual.proj", "transformer.resblocks.x.ln_1.weight",
                                  "transformer.resblocks.0.who"])  # fmt: skip
def test_openclip_names_that_clip_does_not_have(name):
    assert openclip_names.openclip_to_clip(name) == []


def test_kohya_names_in_original_spelling_can_be_resolved_by_underscores():
    """How an adapter file in sgm spelling finds its module: every base name, original, underscored."""
    path = "down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k"
    original = ldm_names.diffusers_to_ldm_unet(path, SDXL)
    assert original is not None
    assert original.replace(".", "_") == "input_blocks_4_1_transformer_blocks_0_attn2_to_k"
