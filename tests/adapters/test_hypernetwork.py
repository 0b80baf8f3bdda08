"""Hypernetworks against a plain reference written from the description of the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from studio.adapters.hypernetwork import network
from studio.adapters.stack import applied
from studio.core.errors import MismatchError
from studio.families.base import Base
from studio.formats import hypernetwork
from studio.formats.hypernetwork import HypernetworkFile, expected_shapes
from studio.formats.hypernetwork_layers import ACTIVATIONS, OVER_THE_BATCH, refusal
from studio.settings.training import StackItem
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
    for name, module in sd1.denoiser.named_modules():
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
    layer = next(m for n, m in sd1.denoiser.named_modules() if n.endswith("attn2")).to_v
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


# Written out from the descriptions of the functions; what web UIs call swish is the hard one.
def _shrunk(x: Tensor) -> Tensor:
    return torch.where(x.abs() > 0.5, x, torch.zeros_like(x))


def _softmax(x: Tensor, axis: int = 0) -> Tensor:
    """Over the images: the axis torch takes of three when a file names none."""
    powers = (x - x.amax(axis, keepdim=True)).exp()
    return powers / powers.sum(axis, keepdim=True)


def _elu(x: Tensor) -> Tensor:
    return torch.where(x > 0, x, x.exp() - 1)


FUNCTIONS: dict[str, Any] = {
    "celu": _elu, "elu": _elu,
    "gelu": lambda x: 0.5 * x * (1 + torch.erf(x / 2**0.5)),
    "hardshrink": _shrunk,
    "hardsigmoid": lambda x: (x / 6 + 0.5).clamp(0, 1),
    "hardswish": lambda x: x * (x / 6 + 0.5).clamp(0, 1),
    "swish": lambda x: x * (x / 6 + 0.5).clamp(0, 1),
    "hardtanh": lambda x: x.clamp(-1, 1),
    "leakyrelu": lambda x: torch.where(x > 0, x, 0.01 * x),
    "logsigmoid": lambda x: -(1 + (-x).exp()).log(),
    "logsoftmax": lambda x: _softmax(x).log(),
    "mish": lambda x: x * torch.tanh((1 + x.exp()).log()),
    "prelu": lambda x: torch.where(x > 0, x, 0.3 * x),
    "relu": lambda x: x.clamp(min=0), "relu6": lambda x: x.clamp(0, 6),
    "rrelu": lambda x: torch.where(x > 0, x, x * (1 / 8 + 1 / 3) / 2),
    "selu": lambda x: 1.0507009873554805 * torch.where(x > 0, x, 1.6732632423543772 * (x.exp() - 1)),
    "sigmoid": lambda x: 1 / (1 + (-x).exp()),
    "silu": lambda x: x / (1 + (-x).exp()),
    "softmax": _softmax, "softmax2d": _softmax, "softmin": lambda x: _softmax(-x),
    "softplus": lambda x: (1 + x.exp()).log(),
    "softshrink": lambda x: x.sign() * (x.abs() - 0.5).clamp(min=0),
    "softsign": lambda x: x / (1 + x.abs()),
    "tanh": torch.tanh, "tanhshrink": lambda x: x - torch.tanh(x),
    "linear": lambda x: x,
}  # fmt: skip


def test_every_activation_that_can_be_built_is_written_out_here() -> None:
    buildable = {name for name in ACTIVATIONS if refusal(name) is None}
    assert set(FUNCTIONS) == buildable | {"linear"}


@pytest.mark.parametrize("spelling", [str, str.upper])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_activation_computes_what_it_does_elsewhere(
    tmp_path: Path, name: str, spelling: Any
) -> None:
    file = HypernetworkFile(tmp_path / "h.pt", {}, activation=spelling(name), activate_output=False)
    generator = torch.Generator().manual_seed(3)
    shapes = expected_shapes(file.sequence(), 8)
    state = {key: torch.randn(shape, generator=generator) for key, shape in shapes.items()}
    if name == "prelu":
        state["linear.1.weight"] = torch.tensor([0.3])
    file.networks = {8: (state, state)}
    read = hypernetwork.read(hypernetwork.write_pt(file.path, file))
    x = torch.randn(2, 5, 8, generator=generator)
    last = max(int(key.split(".")[1]) for key in state)
    inner = FUNCTIONS[name](x @ state["linear.0.weight"].T + state["linear.0.bias"])
    expected = inner @ state[f"linear.{last}.weight"].T + state[f"linear.{last}.bias"]
    torch.testing.assert_close(
        network(read, 8, 0)(x), expected, rtol=1e-5, atol=1e-5 * float(inner.abs().max())
    )


@pytest.mark.parametrize("name", OVER_THE_BATCH)
def test_what_compares_the_batch_says_so(sd1: Base, tmp_path: Path, name: str) -> None:
    path = make(tmp_path / "h.pt", (32,), activation=name)
    made = network(hypernetwork.read(path), 32, 0)
    x = torch.randn(2, 5, 32, generator=torch.Generator().manual_seed(1))
    assert not torch.allclose(made(x)[:1], made(x[:1]), rtol=1e-3)  # it really does
    with applied(sd1, [item(path)]) as reports:
        assert "compares the images of a batch" in reports[0].message
    plain = make(tmp_path / "p.pt", (32,), activation="tanh")
    with applied(sd1, [item(plain)]) as reports:
        assert "batch" not in reports[0].message
