"""A whole model on the stack: half-way, with a LoRA beside it, and refused where it does not fit."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from studio.adapters.stack import applied
from studio.core.errors import MismatchError
from studio.families.base import Base
from studio.families.loading import load_base
from studio.families.saving import save_single
from studio.formats import safetensors_file
from studio.settings.training import StackItem
from tests.near import assert_near
from tests.tiny import make_tiny_sd1, make_tiny_sdxl


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Base:
    return load_base(make_tiny_sd1(tmp_path_factory.mktemp("own") / "base"), "cpu", "fp32")


@pytest.fixture(scope="module")
def trained(own: Base, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The base with two layers changed, in one file."""
    states = {
        "unet": {"conv_in.weight": own.denoiser.conv_in.weight + 0.5},
        "text_encoder": {
            name: tensor + 0.25
            for name, tensor in own.text_encoders[0].state_dict().items()
            if name.endswith("layers.0.mlp.fc1.bias")
        },
    }
    assert len(states["text_encoder"]) == 1
    folder = tmp_path_factory.mktemp("trained")
    return save_single(own, folder / "trained.safetensors", states, torch.float32)


def bias(base: Base) -> torch.Tensor:
    states = base.text_encoders[0].state_dict()
    return next(t for name, t in states.items() if name.endswith("layers.0.mlp.fc1.bias")).clone()


def test_strengths_go_part_of_the_way_and_separately(own: Base, trained: Path) -> None:
    unet, text = own.denoiser.conv_in.weight.clone(), bias(own)
    with applied(own, [StackItem(path=str(trained), strength=0.5, text_strength=2)]) as (report,):
        assert_near(own.denoiser.conv_in.weight, unet + 0.25)
        assert_near(bias(own), text + 0.5)
        assert report.message.startswith("2 of ")
        assert not report.unmatched
    assert torch.equal(own.denoiser.conv_in.weight, unet) and torch.equal(bias(own), text)


def test_an_equal_model_has_no_effect_and_says_so(own: Base, tmp_path: Path) -> None:
    same = save_single(own, tmp_path / "same.safetensors", {}, torch.float16)
    with applied(own, [StackItem(path=str(same))]) as (report,):
        assert "no effect" in report.message


def test_another_familys_model_is_refused(own: Base, tmp_path: Path) -> None:
    other = load_base(make_tiny_sdxl(tmp_path / "xl"), "cpu", "fp32")
    file = save_single(other, tmp_path / "xl.safetensors", {}, torch.float32)
    before = own.denoiser.conv_in.weight.clone()
    with (
        pytest.raises(MismatchError, match="It is SDXL"),
        applied(own, [StackItem(path=str(file))]),
    ):
        pass
    assert torch.equal(own.denoiser.conv_in.weight, before)


def test_a_pickled_checkpoint_does_the_same(own: Base, trained: Path, tmp_path: Path) -> None:
    state = safetensors_file.read_tensors(trained)[0]
    old = tmp_path / "trained.ckpt"
    torch.save({"state_dict": state, "global_step": 7}, old)
    with applied(own, [StackItem(path=str(trained))]):
        expected = own.denoiser.conv_in.weight.clone()
    with applied(own, [StackItem(path=str(old))]) as (report,):
        assert report.kind == "checkpoint" and report.message.startswith("2 of ")
        assert torch.equal(own.denoiser.conv_in.weight, expected)
