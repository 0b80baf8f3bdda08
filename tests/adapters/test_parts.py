"""What a report says when only a part of a file acts: the UNet and each text encoder are counted."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from studio.adapters.base import Report
from studio.adapters.stack import applied
from studio.families.base import Base
from studio.settings.training import StackItem
from tests.loras import write_lora
from tests.near import assert_near
from tests.tiny import tiny_lora, write_tiny_lora

TEXT = ("q_proj", "k_proj", "v_proj", "out_proj")


def report_of(base: Base, path: Path) -> Report:
    with applied(base, [StackItem(path=str(path))]) as reports:
        return reports[0]


def renamed(source: Path, path: Path, changes: dict[str, str]) -> Path:
    """The file with the beginnings of its names replaced."""
    tensors: dict[str, Tensor] = {}
    for name, tensor in load_file(source).items():
        for old, new in changes.items():
            if name.startswith(old):
                name = new + name.removeprefix(old)
        tensors[name] = tensor
    save_file(tensors, path)
    return path


@pytest.mark.parametrize("family", ["sd1", "sdxl"])
def test_every_part_is_counted(family: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    base: Base = request.getfixturevalue(family)
    path = write_tiny_lora(
        tmp_path / "a.safetensors", base, (*TEXT, "to_q"), tuple(base.components())
    )
    report = report_of(base, path)
    assert report.unmatched == []
    assert report.message.startswith(f"{report.matched} of {report.matched} modules")
    for part in ("UNet", "text encoder", "second text encoder")[: len(base.components())]:
        assert f"{part} " in report.message
    assert "Only a part" not in report.message


@pytest.mark.parametrize("start", ["lora_te_t5xxl_", "somewhere_else_te_", "text_encoders.t5xxl."])
def test_a_text_part_that_nobody_understands_is_no_full_success(
    sd1: Base, tmp_path: Path, start: str
) -> None:
    whole = write_tiny_lora(
        tmp_path / "a.safetensors", sd1, (*TEXT, "to_q"), tuple(sd1.components())
    )
    texts = sum(name.startswith("lora_te_") for name in load_file(whole))
    report = report_of(sd1, renamed(whole, tmp_path / "b.safetensors", {"lora_te_": start}))
    assert report.message.startswith("Only a part of this file acts: ")
    assert "text encoder 0 of " in report.message
    assert report.unmatched, "the card shows it in orange"
    if start.startswith("lora_te_"):  # modules, but none that this base has
        assert "Not in this base: text_encoder.t5xxl_" in report.message
    else:
        assert f"{texts} tensors of the text encoder could not be used" in report.message


def test_modules_with_a_broken_alpha_are_counted_out(sd1: Base, tmp_path: Path) -> None:
    path = write_tiny_lora(tmp_path / "a.safetensors", sd1, ("attn1.to_q",))
    tensors = load_file(path)
    broken = next(name for name in tensors if name.endswith(".alpha"))
    save_file({**tensors, broken: torch.tensor(float("nan"))}, path)
    report = report_of(sd1, path)
    assert report.message.startswith("Only a part of this file acts: ")
    assert "3 tensors of the UNet could not be used" in report.message


def test_text_encoders_under_comfyuis_names_change_what_kohyas_names_change(
    sdxl: Base, tmp_path: Path
) -> None:
    modules = tiny_lora(sdxl, (*TEXT, "to_q"), tuple(sdxl.components()))
    kohya = write_lora(tmp_path / "k.safetensors", modules)
    tensors = load_file(kohya)
    comfy: dict[str, Tensor] = {}
    for part, root in sdxl.components().items():
        short = {"unet": "lora_unet", "text_encoder": "lora_te1", "text_encoder_2": "lora_te2"}
        start = {
            "unet": "diffusion_model.",
            "text_encoder": "text_encoders.clip_l.transformer.",
            "text_encoder_2": "text_encoders.clip_g.transformer.",
        }[part]
        for name, _ in root.named_modules():
            long = name if part == "unet" or name.startswith("text_") else f"text_model.{name}"
            for ending in ("lora_down.weight", "lora_up.weight", "alpha"):
                key = f"{short[part]}_{long.replace('.', '_')}.{ending}"
                if key in tensors:
                    comfy[f"{start}{long}.{ending}"] = tensors[key]
    assert len(comfy) == len(tensors)
    save_file(comfy, tmp_path / "c.safetensors")
    with torch.no_grad():
        weights = []
        for path in (kohya, tmp_path / "c.safetensors"):
            with applied(sdxl, [StackItem(path=str(path))]) as reports:
                assert not reports[0].unmatched
                weights.append(
                    [p.clone() for m in sdxl.components().values() for p in m.parameters()]
                )
    for one, other in zip(*weights, strict=True):
        assert_near(one, other)


def test_a_factor_per_output_also_changes_the_bias(sd1: Base, tmp_path: Path) -> None:
    """PEFT's IA3 multiplies what a layer gives out, and that includes its bias."""
    name = "mid_block.attentions.0.transformer_blocks.0.attn1.to_out.0"
    layer = sd1.denoiser.get_submodule(name)
    weight, bias = layer.weight.detach().clone(), layer.bias.detach().clone()
    factors = torch.linspace(0.5, 1.5, len(bias))
    save_file({f"unet.{name}.ia3_l": factors[:, None]}, tmp_path / "a.safetensors")
    with applied(sd1, [StackItem(path=str(tmp_path / "a.safetensors"))]):
        assert_near(layer.weight.detach(), weight * factors[:, None])
        assert_near(layer.bias.detach(), bias * factors)
    assert torch.equal(layer.weight, weight) and torch.equal(layer.bias, bias)
