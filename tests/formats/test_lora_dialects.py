"""Names that other programs give to the same tensors: text encoders, rotations, biases."""

from __future__ import annotations

import pytest
import torch

from studio.core.errors import FileError
from studio.formats import lora
from tests.formats.builders import TEXT_PATH, UNET_PATH
from tests.formats.test_lora import DELTA, DOWN, UP, one, saved
from tests.near import assert_near


@pytest.mark.parametrize("outer", ["text_encoders.", ""], ids=["ComfyUI", "OneTrainer"])
@pytest.mark.parametrize("inner", ["transformer.", ""])
@pytest.mark.parametrize(
    "encoder, component",
    [("clip_l", "text_encoder"), ("clip_h", "text_encoder"), ("clip_g", "text_encoder_2")],
)
@pytest.mark.parametrize("ends", [("lora_up", "lora_down"), ("lora_B", "lora_A")])
def test_text_encoders_as_comfyui_and_onetrainer_call_them(
    tmp_path, outer, inner, encoder, component, ends
):
    start = f"{outer}{encoder}.{inner}{TEXT_PATH}"
    path = saved(tmp_path, {f"{start}.{ends[0]}.weight": UP, f"{start}.{ends[1]}.weight": DOWN})
    module = one(lora.read(path), f"{component}.{TEXT_PATH}")
    assert_near(module.delta(), DELTA)


@pytest.mark.parametrize(
    "start, component, name",
    [
        (f"oft_unet_{UNET_PATH.replace('.', '_')}", "unet", UNET_PATH.replace(".", "_")),
        (f"lora_unet_{UNET_PATH.replace('.', '_')}", "unet", UNET_PATH.replace(".", "_")),
        (f"unet.{UNET_PATH}", "unet", UNET_PATH),
        (f"diffusion_model.{UNET_PATH}", "unet", UNET_PATH),
        (f"base_model.model.{UNET_PATH}", "unet", UNET_PATH),
        (f"text_encoders.clip_g.transformer.{TEXT_PATH}", "text_encoder_2", TEXT_PATH),
    ],
)
@pytest.mark.parametrize(
    "kind, part, shape",
    [
        ("oft", "oft_blocks", (2, 4, 4)), ("oft", "oft_diag", (2, 4, 4)),
        ("boft", "oft_blocks", (1, 2, 4, 4)), ("oft-peft", "oft_R.weight", (3, 6)),
        ("oft-peft", "oft_R.default.weight", (3, 6)), ("hra", "hra_u", (12, 2)),
        ("ia3-peft", "ia3_l", (8, 1)), ("ia3-peft", "ia3_l.default", (1, 12)),
    ],
)  # fmt: skip
def test_rotations_and_factors_under_every_name(
    tmp_path, start, component, name, kind, part, shape
):
    path = saved(tmp_path, {f"{start}.{part}": torch.randn(shape) * 0.1})
    module = one(lora.read(path), f"{component}.{name}")
    assert module.kind == kind
    weight = torch.randn(8, 12)
    assert 0 < float(module.delta(weight).abs().max()) < 100


@pytest.mark.parametrize(
    "down, up, bias",
    [
        (f"unet.{UNET_PATH}.{down}", f"unet.{UNET_PATH}.{up}", f"unet.{UNET_PATH}.{bias}")
        for down, up, bias in (
            ("lora_A.weight", "lora_B.weight", "lora_B.bias"),
            ("lora_A.default.weight", "lora_B.default.weight", "lora_B.default.bias"),
            ("lora_linear_layer.down.weight", "lora_linear_layer.up.weight", "lora_linear_layer.up.bias"),
            ("lora.down.weight", "lora.up.weight", "lora.up.bias"),
            ("lora_down.weight", "lora_up.weight", "lora_up.bias"),
            ("lora_down.weight", "lora_up.weight", "diff_b"),
        )
    ],
)  # fmt: skip
def test_biases_in_every_spelling(tmp_path, down, up, bias):
    module = one(
        lora.read(saved(tmp_path, {up: UP, down: DOWN, bias: torch.ones(8)})), f"unet.{UNET_PATH}"
    )
    assert torch.equal(module.bias_delta(), torch.ones(8))
    with_alpha = saved(
        tmp_path, {up: UP, down: DOWN, bias: torch.ones(8),
                   up.partition(".lora")[0] + ".alpha": torch.tensor(1.0)},
    )  # fmt: skip
    (module,) = lora.read(with_alpha).modules.values()
    factor = 1.0 if bias.endswith("diff_b") else 0.5
    assert torch.equal(module.bias_delta(), torch.full((8,), factor))


def test_a_bias_of_the_first_factor_goes_through_the_second(tmp_path):
    start = f"unet.{UNET_PATH}.lora_linear_layer"
    first, second = torch.randn(2), torch.randn(8)
    path = saved(
        tmp_path, {f"{start}.down.weight": DOWN, f"{start}.up.weight": UP, f"{start}.down.bias": first,
                   f"{start}.up.bias": second},
    )  # fmt: skip
    module, x = one(lora.read(path), f"unet.{UNET_PATH}"), torch.randn(3, 12)
    linear = torch.nn.functional.linear
    assert_near(
        linear(x, module.delta(), module.bias_delta()), linear(linear(x, DOWN, first), UP, second)
    )


@pytest.mark.parametrize(
    "up, down, name",
    [
        (f"unet._orig_mod.{UNET_PATH}.lora_B.weight", f"unet._orig_mod.{UNET_PATH}.lora_A.weight", UNET_PATH),
        (f"module.unet.{UNET_PATH}.lora_B.weight", f"module.unet.{UNET_PATH}.lora_A.weight", UNET_PATH),
        (f"base_model.model._orig_mod.{UNET_PATH}.lora_B.default.weight",
         f"base_model.model._orig_mod.{UNET_PATH}.lora_A.default.weight", UNET_PATH),
        ("lora_unet__orig_mod_mid_block_x.lora_up.weight", "lora_unet__orig_mod_mid_block_x.lora_down.weight",
         "mid_block_x"),
        ("module.lora_unet_mid_block_x.lora_up.weight", "module.lora_unet_mid_block_x.lora_down.weight",
         "mid_block_x"),
    ],
    ids=["compiled", "several GPUs", "PEFT compiled", "kohya compiled", "kohya on several GPUs"],
)  # fmt: skip
def test_levels_that_a_wrapped_model_leaves_in_names_are_passed_over(tmp_path, up, down, name):
    file = lora.read(saved(tmp_path, {up: UP, down: DOWN}))
    assert_near(one(file, f"unet.{name}").delta(), DELTA)
    assert file.problems == []


@pytest.mark.parametrize("dtype", [torch.int8, torch.uint8, torch.bool])
def test_factors_of_whole_numbers_are_refused_not_taken_for_their_values(tmp_path, dtype):
    name = "lora_unet_mid_block_x"
    tensors = {f"{name}.lora_up.weight": UP, f"{name}.lora_down.weight": DOWN}
    path = saved(tmp_path, {key: (t * 50).to(dtype) for key, t in tensors.items()})
    with pytest.raises(FileError, match="whole numbers, and not what they stand for"):
        lora.read(path)
    whole_alpha = saved(tmp_path, {**tensors, f"{name}.alpha": torch.tensor(4)})
    assert one(lora.read(whole_alpha), "unet.mid_block_x").alpha == 4
