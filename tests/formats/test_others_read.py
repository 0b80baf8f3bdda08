"""What we write, diffusers loads by its own code, with the same numbers in the same places."""

from __future__ import annotations

import pytest
import torch

from studio.formats import embedding, lora
from tests import tiny
from tests.near import assert_near

pytestmark = pytest.mark.filterwarnings("ignore")
UNET = "down_blocks.1.attentions.0.transformer_blocks.0"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A tiny SD 1.x base."""
    pytest.importorskip("diffusers")
    return tiny.make_tiny_sd1(tmp_path_factory.mktemp("base"))


@pytest.fixture
def pipeline(folder):
    """The base in diffusers' own pipeline, fresh for every test."""
    from diffusers import StableDiffusionPipeline

    return StableDiffusionPipeline.from_pretrained(folder)


def test_a_kohya_lora_changes_the_same_weights_by_the_same_amounts(pipeline, tmp_path):
    unet = pipeline.unet
    names = [
        f"{UNET}.attn1.to_q", f"{UNET}.attn2.to_k", f"{UNET}.attn1.to_out.0", f"{UNET}.ff.net.0.proj",
        "down_blocks.1.attentions.0.proj_in", "down_blocks.1.resnets.0.conv1",
    ]  # fmt: skip
    modules, before = [], {}
    for name in names:
        weight = unet.get_submodule(name).weight.detach().clone()
        before[name] = weight
        down = torch.randn(2, *weight.shape[1:]) * 0.1
        up = torch.randn(weight.shape[0], 2, *[1] * (weight.dim() - 2)) * 0.1
        modules.append(
            lora.LoraModule("unet", name, "dotted", "lora", {"up": up, "down": down}, 1.0)
        )
    text = pipeline.text_encoder
    # All four: diffusers recognises a text encoder's LoRA by its output projection.
    for name, layer in text.named_modules():
        if name.endswith(("0.self_attn.q_proj", "k_proj", "v_proj", "out_proj")) and ".0." in name:
            before[name] = layer.weight.detach().clone()
            parts = {"up": torch.randn(32, 2) * 0.1, "down": torch.randn(2, 32) * 0.1}
            modules.append(lora.LoraModule("text_encoder", name, "dotted", "lora", parts, 2.0))
    assert len(modules) == len(names) + 4
    path = lora.write_kohya(tmp_path / "x.safetensors", modules, {"ss_network_dim": "2"})

    pipeline.load_lora_weights(str(path))
    pipeline.fuse_lora()
    pipeline.unload_lora_weights()
    for module in modules:
        part = unet if module.component == "unet" else text
        change = part.get_submodule(module.name).weight.detach() - before[module.name]
        expected = module.delta(before[module.name])
        assert_near(change, expected)


@pytest.mark.parametrize("kind", ["a1111", "diffusers"])
def test_embeddings_become_tokens(pipeline, tmp_path, kind):
    vectors = torch.randn(3, 32)
    if kind == "a1111":
        path = embedding.write_a1111(tmp_path / "cat.pt", vectors, name="<cat>")
    else:
        path = embedding.write_diffusers(tmp_path / "cat.safetensors", {"<cat>": vectors})
    pipeline.load_textual_inversion(str(path), token="<cat>")
    ids = pipeline.tokenizer.convert_tokens_to_ids(["<cat>", "<cat>_1", "<cat>_2"])
    rows = pipeline.text_encoder.get_input_embeddings().weight[ids]
    assert torch.equal(rows.detach(), vectors)
