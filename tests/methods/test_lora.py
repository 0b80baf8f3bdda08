"""LoRA: the same numbers as PEFT and LyCORIS, files that give back what was trained, going on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from studio.core.errors import FileError, MismatchError, MissingError, SettingsError
from studio.families.base import Base
from studio.formats import lora, safetensors_file
from studio.formats.inspect import inspect
from studio.methods.lora_layers import TARGETS, endings, updates
from tests.methods.conftest import (
    FACTS,
    predict,
    predicted_from,
    predicted_with,
    prepare,
    stir,
    warnings,
)
from tests.near import HALF, assert_near
from tests.tiny import write_tiny_lora

CONV = "attention + MLP + conv"
KINDS: dict[str, dict[str, Any]] = {
    "plain": {"rank": 4, "alpha": 2},
    "attention": {"rank": 4, "target": "attention"},
    "conv": {"rank": 4, "target": CONV, "conv_rank": 2, "conv_alpha": 1},
    "dora": {"rank": 4, "dora": True},
    "dora-conv": {"rank": 4, "dora": True, "target": CONV, "text_encoder": True},
    "rslora": {"rank": 4, "alpha": 4, "rank_stabilized": True},
    "text": {"rank": 4, "text_encoder": True},
}


# Every kind on SD 1.x, and the most diverse one on every family.
WHERE = [("sd1", kind) for kind in KINDS] + [("sd2", "dora-conv"), ("sdxl", "dora-conv")]


def layers(trainable: Any, component: str = "unet") -> dict[str, Any]:
    return trainable.layers[component]


@pytest.mark.parametrize(("base", "kind"), WHERE, indirect=["base"])
def test_the_file_gives_back_what_was_trained(base: Base, kind: str, tmp_path: Path) -> None:
    trained = stir(prepare(base, "lora", **KINDS[kind]))
    during, before = predicted_with(base, trained), predict(base)
    file = trained.export(tmp_path, FACTS)[0]
    after = predicted_from(base, file)
    change = (during - before).abs().max()
    assert change > 1e-3
    assert (after - during).abs().max() < 2e-3 * change + 2e-5, "no more than fp16 rounding"
    assert torch.equal(predict(base), before)


@pytest.mark.parametrize("kind", ["plain", "dora-conv"])
def test_attached_equals_pefts_own_model(sd1: Base, kind: str) -> None:
    """`peft.get_peft_model` around a copy of the UNet, given the same numbers, predicts the same."""
    import copy

    import peft

    trained: Any = stir(prepare(sd1, "lora", **(KINDS[kind] | {"text_encoder": False})))
    sizes = trained.plan.layers["unet"]
    config = peft.LoraConfig(
        r=4, lora_alpha=KINDS[kind].get("alpha", 4), target_modules=list(sizes),
        rank_pattern={name: size.rank for name, size in sizes.items()},
        alpha_pattern={name: size.alpha for name, size in sizes.items()},
        use_dora=KINDS[kind].get("dora", False),
    )  # fmt: skip
    theirs: Any = peft.get_peft_model(copy.deepcopy(sd1.denoiser), config)
    for name, (_, wrapper) in layers(trained).items():
        for part, tensor in updates(theirs.base_model.model.get_submodule(name)).items():
            tensor.data.copy_(updates(wrapper)[part])
    ours, text = predicted_with(sd1, trained), sd1.encode(["a zibbo cat"])
    latents = torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(5))
    with torch.no_grad():
        expected = theirs.eval()(latents, torch.tensor([400]), text.embeds).sample
    assert_near(ours, expected)


@pytest.mark.parametrize("kind", ["conv", "dora-conv", "rslora"])
def test_every_layer_of_the_file_changes_the_weight_as_peft_merges_it(
    sd1: Base, kind: str, tmp_path: Path
) -> None:
    trained = stir(prepare(sd1, "lora", **KINDS[kind]))
    file = lora.read(trained.export(tmp_path, FACTS)[0])
    assert not file.problems
    for name, (original, wrapper) in layers(trained).items():
        module = file.modules[f"unet.{name.replace('.', '_')}"]
        weight = original.weight.detach().clone()
        wrapper.merge()
        merged = original.weight.detach().clone()
        wrapper.unmerge()
        original.weight.data.copy_(weight)
        assert_near(weight + module.delta(weight), merged, HALF)


def test_shapes_and_names_are_kohyas(sd1: Base, tmp_path: Path) -> None:
    options: dict[str, Any] = {
        "rank": 4, "conv_rank": 2, "target": CONV, "dora": True, "text_encoder": True
    }  # fmt: skip
    trained = prepare(sd1, "lora", **options)
    tensors, facts = safetensors_file.read_tensors(trained.export(tmp_path, FACTS)[0])
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    conv = "lora_unet_down_blocks_0_resnets_0_conv1"
    assert shapes[f"{conv}.lora_down.weight"] == (2, 32, 3, 3)
    assert shapes[f"{conv}.lora_up.weight"] == (32, 2, 1, 1)
    assert shapes[f"{conv}.dora_scale"] == (32, 1, 1, 1), "one per output, also where in = out"
    assert shapes["lora_unet_down_blocks_0_downsamplers_0_conv.lora_down.weight"] == (2, 32, 3, 3)
    assert shapes["lora_unet_up_blocks_0_upsamplers_0_conv.lora_down.weight"] == (2, 64, 3, 3)
    assert shapes["lora_unet_down_blocks_0_resnets_0_time_emb_proj.lora_down.weight"][0] == 4
    query = "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_q"
    assert shapes[f"{query}.dora_scale"] == (64, 1)
    assert "lora_te_text_model_encoder_layers_0_self_attn_q_proj.lora_up.weight" in shapes
    assert (
        facts["ss_network_module"] == "lycoris.kohya"
        and '"dora_wd": true' in (facts["ss_network_args"])
    )
    assert (facts["ss_network_dim"], facts["ss_network_alpha"]) == ("4", "4.0")


def test_sdxl_layers_have_the_original_codes_names(sdxl: Base, tmp_path: Path) -> None:
    """Those that kohya's merging script and A1111 look for, samplers of the up blocks included."""
    from studio.formats import ldm_names

    trained = prepare(sdxl, "lora", rank=4, target=CONV)
    names = {key.partition(".")[0] for key in safetensors_file.read_tensors(
        trained.export(tmp_path, FACTS)[0])[0]}  # fmt: skip
    layout = ldm_names.UNetLayout.from_config(sdxl.denoiser.config)
    expected = {
        "lora_unet_" + str(ldm_names.diffusers_to_ldm_unet(name, layout)).replace(".", "_")
        for name in layers(trained)
    }
    assert names == expected and not any("_blocks_0_resnets" in name for name in names)
    assert any(name.startswith("lora_unet_output_blocks_1_2_conv") for name in names)


@pytest.mark.parametrize("dora", [False, True])
@pytest.mark.parametrize("continued", [False, True])
def test_an_sdxl_file_has_the_unused_last_layer_of_its_first_encoder(
    sdxl: Base, dora: bool, continued: bool, tmp_path: Path
) -> None:
    """OneTrainer loads strictly; the layer changes nothing, and is not trained when going on."""
    options: dict[str, Any] = {"rank": 4, "target": "attention", "text_encoder": True}
    trained: Any = stir(prepare(sdxl, "lora", dora=dora, **options))
    if continued:
        file = trained.export(tmp_path, FACTS)[0]
        trained = prepare(sdxl, "lora", continue_from=str(file), **options)
    tensors = safetensors_file.read_tensors(trained.export(tmp_path / "x", FACTS)[0])[0]
    encoder = sdxl.components()["text_encoder"]
    last: Any = encoder.config.num_hidden_layers - 1
    for projection in ("q_proj", "k_proj", "v_proj", "out_proj"):
        key = f"lora_te1_text_model_encoder_layers_{last}_self_attn_{projection}"
        assert not tensors[f"{key}.lora_down.weight"].any()
        assert not tensors[f"{key}.lora_up.weight"].any()
        assert tensors[f"{key}.lora_down.weight"].shape[0] == 4
        assert float(tensors[f"{key}.alpha"]) == 4.0
        assert (f"{key}.dora_scale" in tensors) == dora
    first = "lora_te1_text_model_encoder_layers_0_self_attn_q_proj"
    parts = {name.partition(".")[2] for name in tensors if name.startswith(first)}
    assert parts == {name.partition(".")[2] for name in tensors if name.startswith(key)}
    assert not any(f"layers.{last}." in name for name in trained.layers["text_encoder"])
    for module in lora.read(tmp_path / "x" / "mine.safetensors").modules.values():
        if f"layers_{last}_" in module.name and module.component == "text_encoder":
            name = module.name.removeprefix("text_model_").replace(
                f"layers_{last}_", f"layers.{last}."
            )
            name = name.replace("encoder_", "encoder.").replace("self_attn_", "self_attn.")
            layer: Any = next(m for n, m in encoder.named_modules() if n.endswith(name))
            assert_near(layer.weight + module.delta(layer.weight), layer.weight)


def test_going_on_from_an_sdxl_file_with_the_names_of_before(sdxl: Base, tmp_path: Path) -> None:
    """Files written earlier have diffusers' names and lack the unused layer."""
    options: dict[str, Any] = {"target": "attention", "text_encoder": True}
    trained: Any = stir(prepare(sdxl, "lora", rank=4, **options))
    new = trained.export(tmp_path, FACTS)[0]
    from studio.formats import lora_write

    last = sdxl.components()["text_encoder"].config.num_hidden_layers - 1
    earlier = [
        module for module in trained.modules()
        if module.component != "text_encoder" or f"layers.{last}." not in module.name
    ]  # fmt: skip
    tensors = lora_write.kohya_tensors(earlier, sdxl.architecture.kohya_prefixes)
    assert any(key.startswith("lora_unet_down_blocks_1_attentions_0") for key in tensors)
    old = safetensors_file.write(tmp_path / "old.safetensors", tensors)
    first, second = (
        prepare(sdxl, "lora", continue_from=str(file), **options).state() for file in (new, old)
    )
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_conv_alpha_and_rank_stabilised_scale(sd1: Base) -> None:
    def scales(**options: Any) -> set[float]:
        trained = prepare(sd1, "lora", rank=4, **options)
        return {wrapper.scaling["default"] for _, wrapper in layers(trained).values()}

    assert scales(alpha=2) == {0.5}
    assert scales(alpha=2, target=CONV, conv_rank=2) == {0.5}, "0 scales convolutions like the rest"
    assert scales(alpha=2, target=CONV, conv_rank=2, conv_alpha=4) == {0.5, 2.0}
    assert scales(alpha=2, target=CONV, conv_alpha=4) == {0.5, 1.0}
    assert scales(alpha=2, rank_stabilized=True) == {1.0}, "2 / √4"


def test_the_filter_chooses_layers(sd1: Base) -> None:
    everything = set(layers(prepare(sd1, "lora")))
    cross = set(layers(prepare(sd1, "lora", only="attn2")))
    assert cross and all("attn2" in name for name in cross)
    some = set(layers(prepare(sd1, "lora", only="up_blocks, mid_block, -ff.")))
    assert some == {n for n in everything if n.startswith(("up_", "mid_")) and "ff." not in n}
    with pytest.raises(SettingsError, match=r"No layer is left.*“nowhere”.*empty the filter"):
        prepare(sd1, "lora", only="nowhere")


def test_dora_trains_magnitudes_without_decay(sd1: Base) -> None:
    trained = prepare(sd1, "lora", rank=2, dora=True, text_encoder=True)
    groups = {group.name: group for group in trained.groups}
    assert groups["unet magnitudes"].weight_decay == 0 < groups["unet"].weight_decay
    assert "text_encoder magnitudes" in groups
    before = predict(sd1)
    assert_near(predicted_with(sd1, trained), before)


def test_a_rank_above_the_smallest_layer_is_refused(sd1: Base) -> None:
    said = r"Rank 33 is larger than the smallest layer to train \(32\).*at most 32"
    with pytest.raises(SettingsError, match=said):
        prepare(sd1, "lora", rank=33, text_encoder=True)
    assert prepare(sd1, "lora", rank=32, text_encoder=True)
    with pytest.raises(SettingsError, match=r"Rank 40 .*\(32\)"):
        prepare(sd1, "lora", rank=4, target=CONV, conv_rank=40)


# Continuing from a file.


@pytest.mark.parametrize(("base", "kind"), WHERE, indirect=["base"])
def test_going_on_begins_where_the_file_ended(base: Base, kind: str, tmp_path: Path) -> None:
    first = stir(prepare(base, "lora", **KINDS[kind]))
    file = first.export(tmp_path, FACTS)[0]
    options = {key: KINDS[kind][key] for key in ("target", "text_encoder") if key in KINDS[kind]}
    second = prepare(base, "lora", continue_from=str(file), **options)
    for name, tensor in first.state().items():
        kept = tensor if name.endswith("magnitude") else tensor.half().float()
        assert torch.equal(second.state()[name], kept), name
    again = second.export(tmp_path / "again", FACTS)[0]
    one, other = safetensors_file.read_tensors(file)[0], safetensors_file.read_tensors(again)[0]
    assert one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)
    assert_near(predicted_with(base, second), predicted_from(base, file))


@pytest.mark.parametrize("dialect", ["peft", "diffusers", "ldm", "no-alpha"])
def test_going_on_from_other_programs_files(sd1: Base, dialect: str, tmp_path: Path) -> None:
    write_tiny_lora(tmp_path / "kohya.safetensors", sd1, size=0.1)
    tensors, _ = safetensors_file.read_tensors(tmp_path / "kohya.safetensors")
    names = {
        name.replace(".", "_"): name for name, _ in sd1.denoiser.named_modules() if ".attn" in name
    }
    renamed = {}
    for key, tensor in tensors.items():
        module, part = key.removeprefix("lora_unet_").split(".", 1)
        if part == "alpha":
            if dialect == "ldm":
                renamed[_ldm(names[module], sd1) + ".alpha"] = tensor
            continue
        side = "down" if "down" in part else "up"
        renamed[
            {
                "peft": f"unet.{names[module]}.lora_{'A' if side == 'down' else 'B'}.weight",
                "diffusers": f"unet.{names[module].replace('.to_out.0', '.to_out')}"
                f".lora.{side}.weight",
                "ldm": f"{_ldm(names[module], sd1)}.lora_{side}.weight",
                "no-alpha": key,
            }[dialect]
        ] = tensor
    file = safetensors_file.write(tmp_path / "theirs.safetensors", renamed)
    went_on = prepare(sd1, "lora", continue_from=str(file), target="attention")
    assert_near(predicted_with(sd1, went_on), predicted_from(sd1, file))
    with pytest.raises(AssertionError):
        assert_near(predicted_with(sd1, went_on), predict(sd1))


def _ldm(name: str, base: Base) -> str:
    from studio.formats import ldm_names

    layout = ldm_names.UNetLayout.from_config(base.denoiser.config)
    other = ldm_names.diffusers_to_ldm_unet(name, layout)
    assert other
    return "lora_unet_" + other.replace(".", "_")


def test_layers_outside_the_target_say_what_to_choose(sd1: Base, tmp_path: Path) -> None:
    file = str(prepare(sd1, "lora", target=CONV, rank=4).export(tmp_path, FACTS)[0])
    with pytest.raises(SettingsError, match=r"outside “attention”.*“attention . MLP . conv”"):
        prepare(sd1, "lora", continue_from=file, target="attention")
    text = prepare(sd1, "lora", target="attention", rank=4, text_encoder=True)
    file = str(text.export(tmp_path / "t", FACTS)[0])
    with pytest.raises(SettingsError, match=r"changes the text encoder.*“Train text encoder”"):
        prepare(sd1, "lora", continue_from=file)
    everywhere = write_tiny_lora(tmp_path / "x.safetensors", sd1, layers=("conv_in", "to_q"))
    with pytest.raises(SettingsError, match="no choice of layers here covers it"):
        prepare(sd1, "lora", continue_from=str(everywhere), target=CONV)


def test_an_sdxl_adapter_cannot_go_on_on_sd1(sd1: Base, sdxl: Base, tmp_path: Path) -> None:
    file = prepare(sdxl, "lora", rank=4).export(tmp_path, FACTS)[0]
    with pytest.raises(MismatchError, match=r"made for SDXL.*is SD 1") as caught:
        prepare(sd1, "lora", continue_from=str(file))
    assert "Choose the base it was made for" in str(caught.value)


def test_files_that_are_no_plain_low_rank_are_refused(sd1: Base, tmp_path: Path) -> None:
    name = "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_q"
    loha = {f"{name}.hada_w{n}_{s}": torch.ones(64, 2) if s == "a" else torch.ones(2, 64)
            for n in "12" for s in "ab"}  # fmt: skip
    pair = {
        f"{name}.lora_down.weight": torch.ones(2, 64),
        f"{name}.lora_up.weight": torch.ones(64, 2),
    }
    cases = {
        "of the kind loha": loha,
        "run over the inputs": {**pair, f"{name}.dora_scale": torch.ones(1, 64)},
        "1 of its tensors": {**pair, "something.else": torch.ones(2)},
        "the embedding “cat”": {**pair, "bundle_emb.cat.emb_params": torch.ones(1, 32)},
        "also has the part up_bias": {
            f"unet.{n}.lora_{s}": t
            for n in ["mid_block.attentions.0.transformer_blocks.0.attn1.to_q"]
            for s, t in [("A.weight", torch.ones(2, 64)), ("B.weight", torch.ones(64, 2)),
                         ("B.bias", torch.ones(64))]
        },
    }  # fmt: skip
    for said, tensors in cases.items():
        file = safetensors_file.write(tmp_path / "x.safetensors", tensors)
        with pytest.raises(FileError, match=f"can be used.*{said}"):
            prepare(sd1, "lora", continue_from=str(file))
    with pytest.raises(MissingError):
        prepare(sd1, "lora", continue_from=str(tmp_path / "gone.safetensors"))


def test_settings_without_effect_are_named() -> None:
    assert any("conv_rank" in w for w in warnings("lora", conv_rank=4))
    assert not warnings("lora", conv_rank=4, target=CONV)
    said = warnings("lora", rank=3, dora=True, continue_from="x.safetensors")
    assert any("“rank”, “dora” have no effect: the file" in w for w in said)
    assert any("four times the rank" in w for w in warnings("lora", rank=2, alpha=9))
    assert any("text learning rate" in w for w in warnings("lora", "train.text_learning_rate=1e-4"))


def test_targets_grow(sd1: Base) -> None:
    one, two, three = (set(endings(sd1.architecture.layers("unet"), target)) for target in TARGETS)
    assert one < two < three
    one, two, three = (
        set(endings(sd1.architecture.layers("text_encoder"), target)) for target in TARGETS
    )
    assert one < two == three


def test_inspect_sees_dora_and_conv(sd1: Base, tmp_path: Path) -> None:
    file = prepare(sd1, "lora", **KINDS["dora-conv"]).export(tmp_path, FACTS)[0]
    report = inspect(file)
    assert (report.kind, report.rank, report.alpha, report.problems) == ("lora", 4, 4.0, [])
