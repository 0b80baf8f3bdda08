"""Hypernetworks against a plain reference written from the description of the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from studio.adapters.stack import applied
from studio.config import StackItem
from studio.errors import MismatchError
from studio.families.base import Base
from studio.formats import hypernetwork
from studio.formats.hypernetwork import HypernetworkFile, expected_shapes
from tests.near import assert_near

VARIANTS: list[dict[str, Any]] = [
    {},
    {"activation": "relu", "activate_output": False},
    {"activation": "swish", "layer_structure": [1, 2, 2, 1]},
    {"activation": "tanh", "is_layer_norm": True},
    {"activation": "leakyrelu", "dropout_structure": [0, 0.3, 0], "use_dropout": True},
    {"layer_structure": [1, 0.5, 1], "activation": "softplus"},
]


def make(path: Path, widths: tuple[int, ...], seed: int = 0, **settings: Any) -> Path:
    file = HypernetworkFile(path, {}, **settings)
    generator = torch.Generator().manual_seed(seed)

    def state(width: int) -> dict[str, Tensor]:
        return {
            key: torch.randn(shape, generator=generator) * 0.3
            for key, shape in expected_shapes(file.sequence(), width).items()
        }

    file.networks = {width: (state(width), state(width)) for width in widths}
    return hypernetwork.write_pt(path, file)


def item(path: Path, strength: float = 1.0) -> StackItem:
    return StackItem(path=str(path), strength=strength)


def reference(settings: dict[str, Any], state: dict[str, Tensor], x: Tensor) -> Tensor:
    """MLP(x), step by step; in eval mode a dropout does nothing but count in the numbering."""
    structure = settings.get("layer_structure", [1, 2, 1])
    functions = {
        "relu": torch.relu, "tanh": torch.tanh, "swish": nn.functional.hardswish,
        "leakyrelu": nn.functional.leaky_relu, "softplus": nn.functional.softplus,
    }  # fmt: skip
    name = settings.get("activation", "linear")
    dropout = settings.get("dropout_structure", [0] * len(structure))
    index = 0
    for layer in range(len(structure) - 1):
        x = x @ state[f"linear.{index}.weight"].T + state[f"linear.{index}.bias"]
        index += 1
        last = layer == len(structure) - 2
        if name != "linear" and (not last or settings.get("activate_output", True)):
            x = functions[name](x)
            index += 1
        if settings.get("is_layer_norm"):
            weight, bias = state[f"linear.{index}.weight"], state[f"linear.{index}.bias"]
            x = (x - x.mean(-1, keepdim=True)) / (
                x.var(-1, keepdim=True, correction=0) + 1e-5
            ).sqrt()
            x = x * weight + bias
            index += 1
        if dropout[layer + 1]:
            index += 1
    return x


@pytest.mark.parametrize("settings", VARIANTS)
def test_keys_and_values_equal_the_reference(
    sd1: Base, tmp_path: Path, settings: dict[str, Any]
) -> None:
    path = make(tmp_path / "h.pt", (32, 64), **settings)
    states = hypernetwork.read(path).networks
    strength = 0.7
    checked = 0
    for name, module in sd1.unet.named_modules():
        if not name.endswith(("attn1", "attn2")):
            continue
        width = module.to_k.in_features
        x = torch.randn(2, 5, width, generator=torch.Generator().manual_seed(1))
        queries = module.to_q(torch.ones(1, 1, module.to_q.in_features))
        expected = [
            layer(x + strength * reference(settings, states[width][part], x))
            for part, layer in enumerate((module.to_k, module.to_v))
        ]
        with applied(sd1, [item(path, strength)]):
            assert_near(module.to_k(x), expected[0])
            assert_near(module.to_v(x), expected[1])
            assert torch.equal(module.to_q(torch.ones(1, 1, module.to_q.in_features)), queries)
            assert torch.equal(module.to_k(x), module.to_k(x))  # eval mode: nothing is dropped
        checked += 1
    assert checked == 8


def test_several_feed_one_into_the_next_and_come_off(sd1: Base, tmp_path: Path) -> None:
    first = make(tmp_path / "a.pt", (32,), seed=1)
    second = make(tmp_path / "b.pt", (32,), seed=2, activation="relu")
    layer = next(m for n, m in sd1.unet.named_modules() if n.endswith("attn2")).to_v
    x = torch.randn(1, 3, 32, generator=torch.Generator().manual_seed(0))
    plain = layer(x)
    a, b = (hypernetwork.read(path).networks[32][1] for path in (first, second))
    step = x + 0.5 * reference({}, a, x)
    expected = layer(step - 1.0 * reference({"activation": "relu"}, b, step))
    stack = [item(first, 0.5), item(second, -1.0)]
    with applied(sd1, stack) as reports:
        assert_near(layer(x), expected)
        assert [report.matched for report in reports] == [4, 4]
    with applied(sd1, stack[::-1]):
        assert not torch.allclose(layer(x), expected, atol=1e-3)  # the order matters
    with applied(sd1, [item(first, 0.0)]):
        assert torch.equal(layer(x), plain)
    assert torch.equal(layer(x), plain)
    assert not layer._forward_pre_hooks


def test_a_file_for_another_base(sd1: Base, sdxl: Base, tmp_path: Path) -> None:
    path = make(tmp_path / "h.pt", (768, 64))
    message = "over 64 and 768 numbers.*over 64 and 96"
    with pytest.raises(MismatchError, match=message) as caught, applied(sdxl, [item(path)]):
        pytest.fail("the stack must not be applied")
    assert "h.pt" in str(caught.value)
    both = make(tmp_path / "both.pt", (32, 768))  # made for two families at once
    with applied(sd1, [item(both)]) as reports:
        assert reports[0].unmatched == ["width 768"]
