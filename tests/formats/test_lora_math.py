"""ΔW of every adapter kind against the LyCORIS library, whose meaning of the files is the reference."""

from __future__ import annotations

import importlib.util
import sys
import types
import warnings
from typing import Any

import pytest
import torch

from studio.core.errors import MismatchError
from studio.formats.lora import LoraModule
from tests.near import assert_near

LINEAR = torch.nn.Linear(12, 8)
CONV = torch.nn.Conv2d(6, 8, 3, padding=1)


@pytest.fixture(scope="module")
def lycoris():
    """The library's module classes, without the wrappers that would import half of PyPI."""
    spec = importlib.util.find_spec("lycoris")
    if spec is None or spec.submodule_search_locations is None:
        pytest.skip("lycoris-lora is not installed")
    before = dict(sys.modules)
    package = types.ModuleType("lycoris")
    package.__path__ = list(spec.submodule_search_locations)
    sys.modules["lycoris"] = package
    for heavy in ("bitsandbytes", "peft", "transformers", "diffusers"):
        sys.modules[heavy] = None  # type: ignore[assignment]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from lycoris import modules
        yield modules
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] == "lycoris"]:
            del sys.modules[name]
        for heavy in ("bitsandbytes", "peft", "transformers", "diffusers"):
            sys.modules.pop(heavy, None)
            if heavy in before:
                sys.modules[heavy] = before[heavy]


def randomised(module):
    """Every trainable number of a LyCORIS module replaced by noise around its start."""
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.2)
    return module


PARTS = {"lora_down.weight": "down", "lora_up.weight": "up", "lora_mid.weight": "mid"}


def ours(module, kind: Any) -> LoraModule:
    """The same numbers as our record, through the names LyCORIS saves them under."""
    state = {name: tensor.detach().clone() for name, tensor in module.custom_state_dict().items()}
    alpha = state.pop("alpha", None)
    parts = {PARTS.get(name, name.removesuffix(".weight")): t for name, t in state.items()}
    if kind == "ia3":
        parts["weight"] = state["weight"]
    return LoraModule("unet", "x", "dotted", kind, parts, None if alpha is None else float(alpha))


def saved(module):
    """OFT and IA3 have no saving hook of their own: their plain state is what gets saved."""
    return {k: v for k, v in module.state_dict().items() if "org_module" not in k}


def effective_change(module, base: torch.nn.Module) -> torch.Tensor:
    """What the library adds to the weight in a forward pass, read off its output.

    Its `get_diff_weight` multiplies LoHa and LoKr by alpha / rank twice; its forward does not.
    """
    kind = type(base)
    with torch.no_grad():
        if kind is torch.nn.Linear:
            basis = torch.eye(base.in_features)
            return (module(basis) - base(basis)).T
        out, inputs, height, width = base.weight.shape
        basis = torch.zeros(inputs * height * width, inputs, 3, 3)
        basis.view(len(basis), -1).copy_(torch.eye(len(basis)))
        response = (module(basis) - base(basis))[:, :, 1, 1]  # the centre sees the whole window
        return response.T.reshape(out, inputs, height, width)


@pytest.mark.parametrize("alpha", [1.0, 4.0])
@pytest.mark.parametrize("dora", [None, "out", "in"])
@pytest.mark.parametrize("tucker", [False, True])
@pytest.mark.parametrize("base", [LINEAR, CONV], ids=["linear", "conv"])
@pytest.mark.parametrize("name", ["LoConModule", "LohaModule", "LokrModule"])
def test_low_rank_kinds_change_the_weight_as_the_reference_does(
    lycoris, name, base, tucker, dora, alpha
):
    kind = {"LoConModule": "lora", "LohaModule": "loha", "LokrModule": "lokr"}[name]
    reference = randomised(
        getattr(lycoris, name)(
            "x", base, 1.0, lora_dim=2, alpha=alpha, use_tucker=tucker,
            weight_decompose=dora is not None, wd_on_out=dora != "in",
            decompose_both=True, factor=2,
        )
    ).eval()  # fmt: skip
    reference.apply_to()
    try:
        expected = effective_change(reference, untouched_copy(base))
    finally:
        reference.restore()
    module = ours(reference, kind)
    assert module.dora == (dora is not None)
    assert_near(base.weight + module.delta(base.weight), base.weight + expected)
    assert expected.abs().max() > 1e-3, "a comparison of zeros proves nothing"


def untouched_copy(base: Any) -> Any:
    """A layer with the same weights whose forward nobody has replaced."""
    copy: Any = object.__new__(type(base))
    copy.__dict__.update({k: v for k, v in base.__dict__.items() if k != "forward"})
    return copy


@pytest.mark.parametrize("base", [LINEAR, CONV], ids=["linear", "conv"])
def test_glora_as_the_reference(lycoris, base):
    reference = randomised(lycoris.GLoRAModule("x", base, 1.0, lora_dim=2, alpha=1.0)).eval()
    expected = reference.get_diff_weight()[0].detach()
    module = ours(reference, "glora")
    assert_near(base.weight + module.delta(base.weight), base.weight + expected)


def test_glora_files_from_before_the_names_were_swapped():
    w, a1, a2 = torch.randn(8, 12), torch.randn(2, 12), torch.randn(12, 2)
    b1, b2 = torch.randn(2, 12), torch.randn(8, 2)
    module = LoraModule(
        "unet", "x", "dotted", "glora", {"a1": a1, "a2": a2, "b1": b1, "b2": b2}, 2.0
    )
    assert_near(module.delta(w), b2 @ b1 + w @ a2 @ a1)


@pytest.mark.parametrize("on_input", [False, True])
@pytest.mark.parametrize("base", [LINEAR, CONV], ids=["linear", "conv"])
def test_ia3_as_the_reference(lycoris, base, on_input):
    reference = randomised(lycoris.IA3Module("x", base, 1.0, train_on_input=on_input))
    expected = reference.get_diff_weight()[0].detach()
    parts = {k: v for k, v in saved(reference).items() if k in ("weight", "on_input")}
    module = LoraModule("unet", "x", "dotted", "ia3", parts)
    assert_near(base.weight + module.delta(base.weight), base.weight + expected)


@pytest.mark.parametrize("constraint", [0.0, 1e-3])
@pytest.mark.parametrize("rescaled", [False, True])
@pytest.mark.parametrize("base", [LINEAR, CONV], ids=["linear", "conv"])
@pytest.mark.parametrize("name", ["DiagOFTModule", "ButterflyOFTModule"])
def test_rotations_as_the_reference(lycoris, name, base, rescaled, constraint):
    reference = randomised(
        getattr(lycoris, name)("x", base, 1.0, lora_dim=4, constraint=constraint, rescaled=rescaled)
    )
    expected = reference.get_diff_weight()[0].detach()
    parts = {k: v for k, v in saved(reference).items() if k in ("oft_blocks", "rescale")}
    kind: Any = "boft" if parts["oft_blocks"].dim() == 4 else "oft"
    module = LoraModule("unet", "x", "dotted", kind, parts, float(reference.alpha))
    assert_near(base.weight + module.delta(base.weight), base.weight + expected)
    if not rescaled and kind == "oft":
        merged = base.weight.detach() + module.delta(base.weight)
        # A rotation keeps every column's length.
        assert_near(merged.flatten(1).norm(dim=0), base.weight.detach().flatten(1).norm(dim=0))


def test_oldest_oft_stores_the_rotation_itself():
    rotation = torch.linalg.qr(torch.randn(2, 4, 4))[0]
    module = LoraModule("unet", "x", "dotted", "oft", {"oft_diag": rotation}, 1.0)
    weight = torch.randn(8, 5)
    blocks = [r.T @ w for r, w in zip(rotation, weight.split(4), strict=True)]
    assert_near(weight + module.delta(weight), torch.cat(blocks))


def test_full_and_norm_changes_are_taken_as_they_are():
    change, bias = torch.randn(8, 12), torch.randn(8)
    full = LoraModule("unet", "x", "kohya", "diff", {"diff": change, "diff_b": bias}, 4.0)
    assert torch.equal(full.delta(torch.randn(8, 12)), change)
    assert torch.equal(full.bias_delta(), bias)
    norm = LoraModule("unet", "x", "kohya", "norm", {"w_norm": bias, "b_norm": -bias})
    assert torch.equal(norm.delta(torch.ones(8)), bias)
    assert torch.equal(norm.bias_delta(), -bias)
    only_bias = LoraModule("unet", "x", "kohya", "diff", {"diff_b": bias})
    assert torch.equal(only_bias.delta(torch.ones(8, 12)), torch.zeros(8, 12))


def test_a_linear_lora_fits_a_one_by_one_convolution():
    module = LoraModule(
        "unet", "x", "kohya", "lora", {"up": torch.randn(8, 2), "down": torch.randn(2, 12)}, 1.0
    )
    delta = module.delta(torch.zeros(8, 12, 1, 1))
    assert delta.shape == (8, 12, 1, 1)
    assert_near(delta[..., 0, 0], module.tensors["up"] @ module.tensors["down"] * 0.5)


@pytest.mark.parametrize("alpha, factor", [(None, 1.0), (0.0, 1.0), (2.0, 0.5), (8.0, 2.0)])
def test_alpha_over_rank(alpha, factor):
    up, down = torch.randn(8, 4), torch.randn(4, 12)
    module = LoraModule("unet", "x", "kohya", "lora", {"up": up, "down": down}, alpha)
    assert_near(module.delta(), up @ down * factor)


def test_half_precision_files_are_computed_in_single_precision():
    up, down = torch.randn(8, 4).half(), torch.randn(4, 12).half()
    module = LoraModule("unet", "x", "kohya", "lora", {"up": up, "down": down})
    assert_near(module.delta(), up.float() @ down.float())


def test_another_layer_size_is_said_with_both_sizes():
    module = LoraModule(
        "unet", "attn.to_q", "dotted", "lora", {"up": torch.ones(8, 2), "down": torch.ones(2, 12)}
    )
    with pytest.raises(MismatchError, match=r"8 × 12.*8 × 10"):
        module.delta(torch.zeros(8, 10))


@pytest.mark.parametrize("per_output_shape", [(8, 1), (1, 12)])
def test_dora_axis_follows_the_shape(per_output_shape):
    up, down, weight = torch.randn(8, 2), torch.randn(2, 12), torch.randn(8, 12)
    scale = torch.rand(per_output_shape) + 0.5
    module = LoraModule("unet", "x", "kohya", "lora", {"up": up, "down": down, "dora_scale": scale})
    merged = weight + module.delta(weight)
    axis = 1 if per_output_shape[0] == 8 else 0
    assert_near(merged.norm(dim=axis), scale.flatten())
