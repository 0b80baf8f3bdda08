"""Which file fits which base, in every spelling; and what is said when it does not."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from studio.adapters.loading import load_adapter
from studio.adapters.stack import applied
from studio.core.errors import FileError, MismatchError
from studio.families.base import Base
from studio.formats import embedding, safetensors_file
from studio.settings.training import StackItem
from tests.loras import write_lora
from tests.near import assert_near
from tests.tiny import tiny_lora, write_tiny_embedding, write_tiny_lora

TEXT = ("q_proj", "k_proj", "v_proj", "out_proj")


def weights(base: Base, path: Path, **more: object) -> tuple[dict[str, Tensor], list[str]]:
    """The changed parameters under the file, and what it said did not fit."""
    plain = {
        f"{component}.{name}": parameter
        for component, root in base.components().items()
        for name, parameter in root.named_parameters()
    }
    with applied(base, [StackItem.parse({"path": str(path), **more})]) as reports:
        changed = {
            f"{component}.{name}": parameter.detach()
            for component, root in base.components().items()
            for name, parameter in root.named_parameters()
            if parameter is not plain[f"{component}.{name}"]
        }
    return changed, reports[0].unmatched


def same(found: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    assert found.keys() == expected.keys()
    for name in found:
        assert_near(found[name], expected[name])


def respelled(base: Base, kohya: Path, path: Path, spelling: str) -> Path:
    """The same numbers as `kohya`, under the names another program would write."""
    old = load_file(kohya)
    tensors = {}
    for component, root in base.components().items():
        prefix = base.architecture.kohya_prefixes[component]
        for name, _ in root.named_modules():
            long = name if component == "unet" or name.startswith("text_") else f"text_model.{name}"
            key = f"{prefix}_{long.replace('.', '_')}"
            if f"{key}.lora_up.weight" not in old:
                continue
            # without alpha in the file its factor (here 1/2) belongs into the numbers
            up = old[f"{key}.lora_up.weight"] * 0.5
            down = old[f"{key}.lora_down.weight"]
            if spelling == "peft":
                start = f"{component}.{long}"
                tensors[f"{start}.lora_A.weight"], tensors[f"{start}.lora_B.weight"] = down, up
            elif spelling == "peft-short":  # without the text_model level
                start = f"{component}.{long.removeprefix('text_model.')}"
                tensors[f"{start}.lora_A.weight"], tensors[f"{start}.lora_B.weight"] = down, up
            else:
                start = f"{component}.{long}"
                tensors[f"{start}.lora.down.weight"] = down
                tensors[f"{start}.lora.up.weight"] = up
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path)
    return path


@pytest.mark.parametrize("family", ["sd1", "sd2", "sdxl"])
@pytest.mark.parametrize("spelling", ["peft", "peft-short", "diffusers"])
def test_every_spelling_means_the_same(
    family: str, spelling: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    base: Base = request.getfixturevalue(family)
    layers = (*TEXT, "to_q", "to_out.0", "conv2", "ff.net.2")
    kohya = write_lora(tmp_path / "k.safetensors", tiny_lora(base, layers, [*base.components()]))
    expected, unmatched = weights(base, kohya)
    assert unmatched == []
    assert len(expected) > 20
    found, unmatched = weights(base, respelled(base, kohya, tmp_path / "p.safetensors", spelling))
    assert unmatched == []
    same(found, expected)


def test_changes_equal_the_formula(sd1: Base, tmp_path: Path) -> None:
    path = write_tiny_lora(tmp_path / "a.safetensors", sd1, ("attn2.to_k", "conv1"))
    tensors = load_file(path)
    changed, _ = weights(sd1, path, strength=0.6)
    for name, weight in changed.items():
        module = name.removeprefix("unet.").removesuffix(".weight")
        key = f"lora_unet_{module.replace('.', '_')}"
        down, up = (tensors[f"{key}.lora_{side}.weight"].float() for side in ("down", "up"))
        scale = float(tensors[f"{key}.alpha"]) / down.shape[0] * 0.6
        plain = sd1.denoiser.get_parameter(name.removeprefix("unet."))
        delta = (up.flatten(1) @ down.flatten(1)).reshape(weight.shape) * scale
        assert_near(weight, plain + delta)


def test_a_linear_file_fits_a_one_by_one_convolution(sd1: Base, sd2: Base, tmp_path: Path) -> None:
    """SD 1.x has convolutions where SD 2.x has linear layers; the numbers are the same."""
    linear = write_tiny_lora(tmp_path / "linear.safetensors", sd2, ("proj_in",))
    changed, unmatched = weights(sd1, linear)
    assert len(changed) == 4 and unmatched == []


def test_an_sdxl_adapter_on_sd1_names_both_sides(sd1: Base, sdxl: Base, tmp_path: Path) -> None:
    path = write_tiny_lora(
        tmp_path / "big.safetensors", sdxl, (*TEXT, "to_k"), tuple(sdxl.components())
    )
    with pytest.raises(MismatchError) as caught, applied(sd1, [StackItem(path=str(path))]):
        pass
    message = str(caught.value)
    assert "big.safetensors" in message
    assert "made for SDXL (text 96 wide)" in message
    assert "“tiny-one”, is SD 1.x (text 32 wide)" in message
    assert "off the stack" in message


def test_an_sd1_adapter_on_sdxl_names_both_sides(sd1: Base, sdxl: Base, tmp_path: Path) -> None:
    path = write_tiny_lora(tmp_path / "small.safetensors", sd1, ("attn2.to_k",))
    tensors = load_file(path)
    save_file(tensors, path, {"ss_base_model_version": "sd_v1"})
    with pytest.raises(
        MismatchError, match=r"made for SD 1\.x \(text 32 wide\).*is SDXL \(text 96"
    ):
        weights(sdxl, path)


def test_a_file_for_another_kind_of_network(sd1: Base, tmp_path: Path) -> None:
    down, up = torch.zeros(4, 32), torch.zeros(32, 4)
    key = "lora_unet_double_blocks_0_img_attn_qkv"
    save_file(
        {f"{key}.lora_down.weight": down, f"{key}.lora_up.weight": up}, tmp_path / "f.safetensors"
    )
    with pytest.raises(MismatchError, match="made for Flux"):
        weights(sd1, tmp_path / "f.safetensors")


def test_what_found_no_place_is_named_and_the_rest_is_used(sd1: Base, tmp_path: Path) -> None:
    path = write_tiny_lora(tmp_path / "a.safetensors", sd1, ("attn1.to_q",))
    expected, _ = weights(sd1, path)
    tensors = load_file(path)
    stray = "lora_unet_down_blocks_9_attentions_0_proj_in"
    tensors[f"{stray}.lora_down.weight"] = torch.zeros(4, 32)
    tensors[f"{stray}.lora_up.weight"] = torch.zeros(32, 4)
    tensors["something.else"] = torch.zeros(3)
    save_file(tensors, path)
    found, unmatched = weights(sd1, path)
    same(found, expected)
    assert sorted(unmatched) == [
        "something.else", "unet.down_blocks_9_attentions_0_proj_in",
    ]  # fmt: skip


@pytest.mark.parametrize("given", ["sd1", "sdxl"])
def test_an_embedding_for_another_base(
    given: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    other = "sdxl" if given == "sd1" else "sd1"
    path = write_tiny_embedding(tmp_path / "word.safetensors", request.getfixturevalue(given))
    widths = {"sd1": "32", "sdxl": "32 and 64"}
    message = f"vectors are {widths[given]} wide.*is {widths[other]} wide"
    with pytest.raises(MismatchError, match=message):
        weights(request.getfixturevalue(other), path)


def test_an_embedding_answers_to_its_file_and_its_token(sd1: Base, tmp_path: Path) -> None:
    vectors = torch.randn(2, 32)
    path = embedding.write_diffusers(tmp_path / "my-thing.safetensors", {"<thing>": vectors})
    with applied(sd1, [StackItem(path=str(path), strength=0.5)]) as reports:
        assert set(sd1.words) == {"my-thing", "<thing>"}
        assert torch.equal(sd1.words["my-thing"][0], vectors * 0.5)
        assert "“my-thing” or “<thing>”" in reports[0].message


def test_an_embedding_bundled_in_a_lora_arrives(sd1: Base, tmp_path: Path) -> None:
    path = write_tiny_lora(tmp_path / "a.safetensors", sd1, ("attn1.to_q",))
    vectors = torch.randn(3, 32)
    save_file({**load_file(path), "bundle_emb.zorp.string_to_param.*": vectors}, path)
    with applied(sd1, [StackItem(path=str(path))]):
        assert torch.equal(sd1.words["zorp"][0], vectors)
    assert sd1.words == {}


def test_content_decides_not_the_name(sd1: Base, tmp_path: Path) -> None:
    word = write_tiny_embedding(tmp_path / "a.pt", sd1)
    layers = write_tiny_lora(tmp_path / "b.bin", sd1)
    assert load_adapter(word).kind == "embedding"
    assert load_adapter(layers).kind == "lora"
    whole = tmp_path / "model.safetensors"
    save_file({"model.diffusion_model.input_blocks.0.0.weight": torch.zeros(2, 2, 3, 3)}, whole)
    truncated = tmp_path / "cut.safetensors"
    truncated.write_bytes(layers.read_bytes()[:-10])
    for broken in (whole, truncated):
        with pytest.raises(FileError, match=broken.name):
            load_adapter(broken)


def test_a_positional_file_is_counted_on_the_loaded_base(sd1: Base, tmp_path: Path) -> None:
    """cloneofsimo's slots: blocks down, up, middle; the tiny base has 0, 1 · 2, 0 · 1 attentions."""
    from studio.formats import cloneofsimo

    slots = cloneofsimo.unet_slots((0, 1), (2, 0))
    layers = ("to_q", "to_k", "to_v", "to_out.0", "ff.net.0.proj")
    kohya = write_tiny_lora(tmp_path / "k.safetensors", sd1, layers)
    expected, _ = weights(sd1, kohya)
    old, tensors = load_file(kohya), {}
    for slot, name in enumerate(slots):
        key = f"lora_unet_{name.replace('.', '_')}"
        tensors[f"unet:{slot}:up"] = old[f"{key}.lora_up.weight"] * 0.5  # alpha is baked in
        tensors[f"unet:{slot}:down"] = old[f"{key}.lora_down.weight"]
    save_file(tensors, tmp_path / "p.safetensors", {"unet": '["CrossAttention", "GEGLU"]'})
    found, unmatched = weights(sd1, tmp_path / "p.safetensors")
    assert unmatched == []
    same(found, expected)


def test_changes_of_biases_and_norms(sd1: Base, tmp_path: Path) -> None:
    """Full and norm parts of LyCORIS files; a bias may appear where there was none."""
    block = "lora_unet_down_blocks_1_attentions_0"
    tensors = {
        f"{block}_norm.w_norm": torch.full((64,), 0.1),
        f"{block}_norm.b_norm": torch.full((64,), 0.2),
        f"{block}_transformer_blocks_0_attn1_to_q.diff": torch.full((64, 64), 0.3),
        f"{block}_transformer_blocks_0_attn1_to_q.diff_b": torch.full((64,), 0.4),
    }
    save_file(tensors, tmp_path / "full.safetensors")
    attention = sd1.denoiser.down_blocks[1].attentions[0]
    layer = attention.transformer_blocks[0].attn1.to_q
    assert layer.bias is None
    plain = attention.norm.bias.clone()
    with applied(sd1, [StackItem(path=str(tmp_path / "full.safetensors"), strength=0.5)]):
        assert_near(layer.bias, torch.full((64,), 0.2))
        assert_near(attention.norm.bias, plain + 0.1)
    assert layer.bias is None
    tensors[f"{block}_norm.b_norm"] = torch.zeros(5)
    save_file(tensors, tmp_path / "odd.safetensors")
    with pytest.raises(MismatchError, match="bias"):
        weights(sd1, tmp_path / "odd.safetensors")


def test_output_vectors_are_named_when_the_file_is_put_on(sd1: Base, tmp_path: Path) -> None:
    width = sd1.text_encoders[0].config.hidden_size
    tensors = {"emb_params": torch.ones(2, width), "emb_params_out": torch.ones(2, width)}
    path = safetensors_file.write(tmp_path / "word.safetensors", tensors)
    with applied(sd1, [StackItem(path=str(path))]) as (report,):
        assert report.unmatched == ["emb_params_out"] and report.matched == 1
        assert "output vectors (emb_params_out) are not used" in report.message
