"""Weights offloaded to disk: the same bits, usable, and only when it is worth it."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from studio.families import offload
from studio.families.loading import load_base
from tests.methods.conftest import prepare
from tests.tiny import make_tiny_sd1


def test_values_stay_the_same_bit_for_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offload, "PART_OF_MEMORY", 0)
    weights = [
        nn.Parameter(torch.randn(shape).to(dtype), requires_grad=False)
        for shape, dtype in (((3, 5), torch.bfloat16), ((7,), torch.float32), ((1,), torch.float16))
    ]
    before = [weight.detach().clone() for weight in weights]
    assert offload.offload_to_disk(weights)
    for weight, was in zip(weights, before, strict=True):
        assert weight.dtype == was.dtype and torch.equal(weight, was)


def test_small_weights_stay_in_memory() -> None:
    weight = nn.Parameter(torch.ones(4))
    place = weight.data_ptr()
    assert not offload.offload_to_disk([weight])
    assert weight.data_ptr() == place


def test_weights_stay_in_memory_when_the_disk_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offload, "PART_OF_MEMORY", 0)
    monkeypatch.setattr(offload.shutil, "disk_usage", lambda _: type("Full", (), {"free": 10}))
    weight = nn.Parameter(torch.ones(4))
    place = weight.data_ptr()
    assert not offload.offload_to_disk([weight])
    assert weight.data_ptr() == place


def test_dreambooth_trains_with_the_base_offloaded(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(offload, "PART_OF_MEMORY", 0)
    base = load_base(make_tiny_sd1(tmp_path_factory.mktemp("offloaded")), "cpu", "fp32")
    before = {name: tensor.clone() for name, tensor in base.denoiser.state_dict().items()}
    places = {name: parameter.data_ptr() for name, parameter in base.denoiser.named_parameters()}
    trainable = prepare(base, "dreambooth")
    moved = [
        name for name, parameter in base.denoiser.named_parameters()
        if parameter.data_ptr() != places[name]
    ]  # fmt: skip
    assert moved, "nothing was offloaded to disk"
    for tensor in trainable.state().values():
        tensor.data.add_(1)
    with trainable.attached(training=True):
        assert not torch.equal(base.denoiser.conv_in.weight, before["conv_in.weight"])
    assert all(
        torch.equal(tensor, before[name]) for name, tensor in base.denoiser.state_dict().items()
    )
