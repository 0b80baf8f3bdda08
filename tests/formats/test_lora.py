"""Every LoRA dialect ends in the same neutral record, and kohya files can be written from it."""

from __future__ import annotations

import json

import pytest
import torch

from studio.core.errors import FileError
from studio.formats import (
    cloneofsimo,
    ldm_names,
    lora,
    lora_algebra,
    lora_dialects,
    lora_write,
    safetensors_file,
)
from tests.formats.builders import TEXT_PATH, UNET_PATH, pair
from tests.loras import ONE, TWO
from tests.near import HALF, assert_near

UP, DOWN = pair()
DELTA = UP @ DOWN


def saved(tmp_path, tensors, metadata=None, name="x.safetensors"):
    return safetensors_file.write(tmp_path / name, tensors, metadata)


def one(file, key):
    assert list(file.modules) == [key]
    assert file.leftovers == [] and file.problems == []
    return file.modules[key]


@pytest.mark.parametrize(
    "prefix, component, name",
    [
        ("lora_unet_", "unet", UNET_PATH.replace(".", "_")),
        ("lora_unet_", "unet", "input_blocks_4_1_transformer_blocks_0_attn1_to_q"),
        ("lora_te_", "text_encoder", TEXT_PATH.replace(".", "_")),
        ("lora_te1_", "text_encoder", TEXT_PATH.replace(".", "_")),
        ("lora_te2_", "text_encoder_2", TEXT_PATH.replace(".", "_")),
        ("lycoris_unet_", "unet", UNET_PATH.replace(".", "_")),
        ("lycoris_", "unet", UNET_PATH.replace(".", "_")),
        ("lycoris_", "text_encoder", TEXT_PATH.replace(".", "_")),
        ("oft_unet_", "unet", UNET_PATH.replace(".", "_")),
        ("oft_te_", "text_encoder", TEXT_PATH.replace(".", "_")),
        ("oft_te1_", "text_encoder", TEXT_PATH.replace(".", "_")),
        ("oft_te2_", "text_encoder_2", TEXT_PATH.replace(".", "_")),
    ],
)
def test_kohya_spellings(tmp_path, prefix, component, name):
    key = prefix + name
    path = saved(
        tmp_path,
        {
            f"{key}.lora_up.weight": UP,
            f"{key}.lora_down.weight": DOWN,
            f"{key}.alpha": torch.tensor(1.0),
        },
        {"ss_network_dim": "2"},
    )
    file = lora.read(path)
    module = one(file, f"{component}.{name}")
    assert (file.dialect, module.spelling, module.component) == ("kohya", "kohya", component)
    assert (file.rank, file.alpha, module.scale) == (2, 1.0, 0.5)
    assert file.metadata == {"ss_network_dim": "2"}
    assert_near(module.delta(), DELTA * 0.5)


def test_kohya_convolutions_with_and_without_a_middle(tmp_path):
    up, down = torch.randn(8, 2, 1, 1), torch.randn(2, 6, 3, 3)
    mid, point = torch.randn(2, 2, 3, 3), torch.randn(2, 6, 1, 1)
    path = saved(
        tmp_path,
        {
            "lora_unet_a_conv.lora_up.weight": up,
            "lora_unet_a_conv.lora_down.weight": down,
            "lora_unet_b_conv.lora_up.weight": up,
            "lora_unet_b_conv.lora_down.weight": point,
            "lora_unet_b_conv.lora_mid.weight": mid,
        },
    )
    file = lora.read(path)
    x = torch.randn(1, 6, 5, 5)
    conv = torch.nn.functional.conv2d
    expected = conv(conv(x, down, padding=1), up)
    got = conv(x, file.modules["unet.a_conv"].delta(torch.zeros(8, 6, 3, 3)), padding=1)
    assert_near(got, expected, 0.0001)
    expected = conv(conv(conv(x, point), mid, padding=1), up)
    got = conv(x, file.modules["unet.b_conv"].delta(torch.zeros(8, 6, 3, 3)), padding=1)
    assert_near(got, expected, 0.0001)


TEXT_OLD = "text_model.encoder.layers.0.self_attn"


@pytest.mark.parametrize(
    "up, down, component, name",
    [
        (f"unet.{UNET_PATH}.lora_B.weight", f"unet.{UNET_PATH}.lora_A.weight", "unet", UNET_PATH),
        (
            "unet.mid_block.attentions.0.transformer_blocks.0.attn2.processor.to_out_lora.up.weight",
            "unet.mid_block.attentions.0.transformer_blocks.0.attn2.processor.to_out_lora.down.weight",
            "unet",
            "mid_block.attentions.0.transformer_blocks.0.attn2.to_out.0",
        ),
        (
            "down_blocks.0.attentions.0.transformer_blocks.0.attn1.processor.to_q_lora.up.weight",
            "down_blocks.0.attentions.0.transformer_blocks.0.attn1.processor.to_q_lora.down.weight",
            "unet",
            UNET_PATH,
        ),
        (
            f"unet.{UNET_PATH}.lora.up.weight",
            f"unet.{UNET_PATH}.lora.down.weight",
            "unet",
            UNET_PATH,
        ),
        (
            f"text_encoder.{TEXT_PATH}.lora_linear_layer.up.weight",
            f"text_encoder.{TEXT_PATH}.lora_linear_layer.down.weight",
            "text_encoder",
            TEXT_PATH,
        ),
        (
            f"text_encoder.{TEXT_OLD}.to_q_lora.up.weight",
            f"text_encoder.{TEXT_OLD}.to_q_lora.down.weight",
            "text_encoder",
            TEXT_PATH,
        ),
        (
            f"text_encoder_2.{TEXT_PATH}.lora_B.weight",
            f"text_encoder_2.{TEXT_PATH}.lora_A.weight",
            "text_encoder_2",
            TEXT_PATH,
        ),
        (
            f"base_model.model.{UNET_PATH}.lora_B.weight",
            f"base_model.model.{UNET_PATH}.lora_A.weight",
            "unet",
            UNET_PATH,
        ),
        (
            f"base_model.model.{TEXT_PATH}.lora_B.default.weight",
            f"base_model.model.{TEXT_PATH}.lora_A.default.weight",
            "text_encoder",
            TEXT_PATH,
        ),
        (
            "diffusion_model.input_blocks.1.1.transformer_blocks.0.attn1.to_q.lora_B.weight",
            "diffusion_model.input_blocks.1.1.transformer_blocks.0.attn1.to_q.lora_A.weight",
            "unet",
            "input_blocks.1.1.transformer_blocks.0.attn1.to_q",
        ),
    ],
)
def test_peft_and_diffusers_spellings(tmp_path, up, down, component, name):
    module = one(lora.read(saved(tmp_path, {up: UP, down: DOWN})), f"{component}.{name}")
    assert module.spelling == "dotted"
    assert module.alpha is None
    assert_near(module.delta(), DELTA)


@pytest.mark.parametrize(
    "config, factor",
    [
        ({"unet.lora_alpha": 6, "unet.r": 2}, 3.0),
        ({"lora_alpha": 6, "r": 2}, 3.0),
        ({"unet.lora_alpha": 6, "unet.use_rslora": True}, 6 / 2**0.5),
        ({"unet.lora_alpha": 6, "unet.alpha_pattern": {UNET_PATH: 2}}, 1.0),
        ({"unet.lora_alpha": 6, "unet.alpha_pattern": {"attn1.to_q": 2}}, 1.0),
        ({"unet.lora_alpha": "a lot"}, 1.0),
        ([], 1.0),
    ],
)
def test_the_adapter_config_in_the_header_gives_alpha(tmp_path, config, factor):
    tensors = {f"unet.{UNET_PATH}.lora_B.weight": UP, f"unet.{UNET_PATH}.lora_A.weight": DOWN}
    path = saved(tmp_path, tensors, {"lora_adapter_metadata": json.dumps(config)})
    assert_near(lora.read(path).modules[f"unet.{UNET_PATH}"].delta(), DELTA * factor)


def test_a_peft_folder_has_its_config_beside_it(tmp_path):
    folder = tmp_path / "text_encoder_2"
    folder.mkdir()
    base = f"base_model.model.{TEXT_PATH}"
    tensors = {f"{base}.lora_B.weight": UP, f"{base}.lora_A.weight": DOWN}
    path = saved(folder, tensors, name="adapter_model.safetensors")
    (folder / "adapter_config.json").write_text('{"lora_alpha": 1, "r": 2}')
    module = one(lora.read(path), f"text_encoder_2.{TEXT_PATH}")
    assert_near(module.delta(), DELTA * 0.5)


def test_numbers_agree_with_peft(tmp_path):
    """PEFT writes the adapter; our reading changes the plain layer as PEFT's does."""
    peft = pytest.importorskip("peft")
    base = torch.nn.Sequential(torch.nn.Linear(12, 8))
    plain = base[0].weight.detach().clone()
    for dora in (False, True):
        config = peft.LoraConfig(
            r=2, lora_alpha=3, target_modules=["0"], init_lora_weights=False, use_dora=dora
        )
        model = peft.get_peft_model(torch.nn.Sequential(torch.nn.Linear(12, 8)), config)
        model.base_model.model[0].base_layer.load_state_dict(base[0].state_dict())
        # A name that both PEFT's save and our sorting know.
        state = {
            key.replace("base_model.model.0", "base_model.model.mid_block.x"): tensor
            for key, tensor in peft.get_peft_model_state_dict(model).items()
        }
        folder = tmp_path / str(dora)
        folder.mkdir()
        path = saved(folder, state, name="adapter_model.safetensors")
        (folder / "adapter_config.json").write_text(json.dumps({"lora_alpha": 3, "r": 2}))
        module = one(lora.read(path), "unet.mid_block.x")
        assert module.dora == dora
        merged = model.merge_and_unload()[0].weight.detach()
        assert_near(plain + module.delta(plain), merged)


def test_lycoris_parts_are_sorted_by_kind(tmp_path):
    r = torch.randn
    tensors = {
        "lycoris_unet_a.hada_w1_a": r(8, 2), "lycoris_unet_a.hada_w1_b": r(2, 6),
        "lycoris_unet_a.hada_w2_a": r(8, 2), "lycoris_unet_a.hada_w2_b": r(2, 6),
        "lora_unet_b.lokr_w1": r(2, 2), "lora_unet_b.lokr_w2_a": r(4, 1),
        "lora_unet_b.lokr_w2_b": r(1, 3), "lora_unet_b.alpha": torch.tensor(1.0),
        "lora_unet_c.weight": r(8), "lora_unet_c.on_input": torch.tensor(0),
        "lora_unet_d.a1.weight": r(6, 2), "lora_unet_d.a2.weight": r(2, 6),
        "lora_unet_d.b1.weight": r(8, 2), "lora_unet_d.b2.weight": r(2, 6),
        "lora_unet_e.oft_blocks": r(2, 4, 4) * 0.1, "lora_unet_e.alpha": torch.tensor(0.01),
        "lora_unet_f.oft_blocks": r(1, 2, 4, 4) * 0.1,
        "lora_unet_g.diff": r(8, 6), "lora_unet_g.diff_b": r(8),
        "lora_unet_h.w_norm": r(8), "lora_unet_h.b_norm": r(8),
        "lora_unet_i.lora_up.weight": r(8, 2), "lora_unet_i.lora_down.weight": r(2, 6),
        "lora_unet_i.dora_scale": torch.ones(8, 1),
    }  # fmt: skip
    file = lora.read(saved(tmp_path, tensors))
    assert file.dialect == "lycoris"
    kinds = {m.name: m.kind for m in file.modules.values()}
    expected = ["loha", "lokr", "ia3", "glora", "oft", "boft", "diff", "norm", "lora"]
    assert kinds == dict(zip("abcdefghi", expected, strict=True))
    assert file.leftovers == []
    for name, module in file.modules.items():
        shape = (8,) if name == "unet.h" else (8, 6)
        assert module.delta(torch.randn(shape)).shape == shape, name
        assert module.needs_base == (
            kinds[module.name] in {"ia3", "glora", "oft", "boft"} or module.dora
        )
    with pytest.raises(ValueError, match="base weight"):
        file.modules["unet.e"].delta()


def test_what_is_not_understood_is_listed_not_dropped(tmp_path):
    tensors = {
        "lora_unet_a.lora_up.weight": UP,
        "lora_unet_a.lora_down.weight": DOWN,
        "lora_unet_b.lora_up.weight": UP,  # its other half is missing
        "something.else": UP,
    }
    file = lora.read(saved(tmp_path, tensors))
    assert list(file.modules) == ["unet.a"]
    assert file.leftovers == ["lora_unet_b.lora_up.weight", "something.else"]
    assert file.problems == ["2 tensors were not understood."]


def test_a_file_with_nan_says_so(tmp_path):
    bad = UP.clone()
    bad[0, 0] = torch.nan
    file = lora.read(
        saved(tmp_path, {"lora_unet_a.lora_up.weight": bad, "lora_unet_a.lora_down.weight": DOWN})
    )
    assert "NaN" in file.problems[0] and "lora_unet_a.lora_up.weight" in file.problems[0]


def test_a_file_without_an_adapter_is_refused(tmp_path):
    with pytest.raises(FileError, match=r"no adapter in it.*model\.weight"):
        lora.read(saved(tmp_path, {"model.weight": UP}))


def test_bundled_embeddings_arrive_as_embeddings(tmp_path):
    tensors = {
        "lora_unet_a.lora_up.weight": UP,
        "lora_unet_a.lora_down.weight": DOWN,
        "bundle_emb.my.cat.string_to_param.*": torch.ones(3, 16),
        "bundle_emb.dog.clip_l": torch.ones(2, 16),
        "bundle_emb.dog.clip_g": torch.ones(2, 20),
    }
    file = lora.read(saved(tmp_path, tensors))
    assert file.leftovers == []
    assert file.embeddings["my.cat"]["text_encoder"].shape == (3, 16)
    assert file.embeddings["dog"]["text_encoder_2"].shape == (2, 20)


def test_positional_safetensors(tmp_path):
    tensors = {"unet:0:up": UP, "unet:0:down": DOWN, "text_encoder:3:up": UP, "text_encoder:3:down": DOWN,
               "<s1>": torch.ones(16)}  # fmt: skip
    metadata = {"unet": '["GEGLU", "CrossAttention"]', "unet:0:rank": "2", "<s1>": "<embed>"}
    file = lora.read(saved(tmp_path, tensors, metadata))
    assert file.dialect == "cloneofsimo"
    assert set(file.modules) == {"unet.0", "text_encoder.3"}
    module = file.modules["text_encoder.3"]
    assert (module.spelling, module.scale) == ("index", 1.0)
    assert_near(module.delta(), DELTA)
    assert file.embeddings["<s1>"]["text_encoder"].shape == (1, 16)


def test_positional_trio(tmp_path):
    second = pair(seed=1)
    torch.save([torch.nn.Parameter(UP), torch.nn.Parameter(DOWN), *second], tmp_path / "x.pt")
    torch.save([UP, DOWN], tmp_path / "x.text_encoder.pt")
    torch.save({"<s1>": torch.ones(16)}, tmp_path / "x.ti.pt")
    file = lora.read(tmp_path / "x.pt")
    assert set(file.modules) == {"unet.0", "unet.1", "text_encoder.0"}
    assert_near(file.modules["unet.1"].delta(), second[0] @ second[1])
    assert list(file.embeddings) == ["<s1>"]
    alone = lora.read(tmp_path / "x.text_encoder.pt")
    assert set(alone.modules) == {"text_encoder.0"}
    torch.save([UP, "text"], tmp_path / "y.pt")
    with pytest.raises(FileError, match="not a LoRA"):
        lora.read(tmp_path / "y.pt")


def test_slot_numbers_of_the_diffusers_of_2022():
    slots = cloneofsimo.unet_slots()
    assert len(slots) == len(set(slots)) == 144
    assert slots[0] == UNET_PATH
    assert slots[4].endswith("down_blocks.0.attentions.0.transformer_blocks.0.ff.net.0.proj")
    assert slots[5].endswith("attn2.to_q") and slots[8].endswith("attn2.to_out.0")
    assert slots[53].startswith("down_blocks.2.attentions.1.")
    assert slots[54].startswith("up_blocks.1.attentions.0.")
    assert slots[134].startswith("up_blocks.3.attentions.2.")
    assert slots[135].startswith("mid_block.attentions.0.")
    assert len(cloneofsimo.unet_slots(geglu=False)) == 128
    assert len(cloneofsimo.unet_slots(down=(0, 1), up=(2, 0))) == 4 * 9
    text = cloneofsimo.text_encoder_slots()
    assert len(text) == 48
    assert text[2] == TEXT_PATH


def test_old_bin_files(tmp_path):
    torch.save(
        {f"unet.{UNET_PATH}.lora.up.weight": UP, f"unet.{UNET_PATH}.lora.down.weight": DOWN},
        tmp_path / "pytorch_lora_weights.bin",
    )
    one(lora.read(tmp_path / "pytorch_lora_weights.bin"), f"unet.{UNET_PATH}")


def test_a_written_file_reads_back_as_the_same_modules(tmp_path):
    modules = [
        lora.LoraModule("unet", UNET_PATH, "dotted", "lora", {"up": UP, "down": DOWN}, 1.0),
        lora.LoraModule("text_encoder", TEXT_PATH, "dotted", "lora", {"up": UP, "down": DOWN}),
        # The text encoder of newer libraries has no `text_model` level.
        lora.LoraModule(
            "text_encoder", "encoder.layers.1.mlp.fc1", "dotted", "lora", {"up": UP, "down": DOWN}, 8.0
        ),
        lora.LoraModule("unet", "mid_block.x", "dotted", "diff", {"diff": UP}),
    ]  # fmt: skip
    tensors = lora_write.kohya_tensors(modules, ONE)
    unet = "lora_unet_" + UNET_PATH.replace(".", "_")
    assert tensors[f"{unet}.lora_down.weight"].dtype == torch.float16
    assert tensors[f"{unet}.alpha"].shape == ()
    assert "lora_te_text_model_encoder_layers_1_mlp_fc1.lora_up.weight" in tensors
    assert list(tensors) == sorted(tensors), "the same modules make the same file"
    back = lora.read(saved(tmp_path, tensors))
    assert back.leftovers == [] and len(back.modules) == len(modules)
    for module in modules:
        long = (
            module.name
            if module.name.startswith(("text_", "down", "mid"))
            else f"text_model.{module.name}"
        )
        again = back.modules[f"{module.component}.{long.replace('.', '_')}"]
        assert again.scale == module.scale
        assert_near(again.delta(), module.delta(), HALF)


def test_the_original_names_of_a_layout(tmp_path):
    """What kohya's scripts and A1111 call the layers of SDXL, resnets and samplers included."""
    names = {
        "down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q":
            "input_blocks_4_1_transformer_blocks_0_attn1_to_q",
        "down_blocks.0.downsamplers.0.conv": "input_blocks_3_0_op",
        "down_blocks.1.resnets.0.conv1": "input_blocks_4_0_in_layers_2",
        "down_blocks.1.resnets.0.time_emb_proj": "input_blocks_4_0_emb_layers_1",
        "down_blocks.1.resnets.0.conv_shortcut": "input_blocks_4_0_skip_connection",
        "mid_block.attentions.0.proj_in": "middle_block_1_proj_in",
        "mid_block.resnets.1.conv2": "middle_block_2_out_layers_3",
        "up_blocks.0.upsamplers.0.conv": "output_blocks_2_2_conv",
        "up_blocks.2.resnets.2.conv2": "output_blocks_8_0_out_layers_3",
    }  # fmt: skip
    modules = [
        lora.LoraModule("unet", name, "dotted", "lora", {"up": UP, "down": DOWN}) for name in names
    ]
    tensors = lora_write.kohya_tensors(modules, TWO, ldm_names.SDXL)
    assert {key.partition(".")[0] for key in tensors} == {f"lora_unet_{n}" for n in names.values()}


def test_what_has_no_name_in_kohyas_files_is_an_error():
    parts = {"up": UP, "down": DOWN}
    with pytest.raises(ValueError, match="positional"):
        lora_write.kohya_tensors([lora.LoraModule("unet", "3", "index", "lora", parts)], ONE)
    with pytest.raises(ValueError, match="no name for the part boft_R"):
        module = lora.LoraModule("unet", "x", "dotted", "boft-peft", {"boft_R": UP})
        lora_write.kohya_tensors([module], ONE)


@pytest.mark.parametrize("row", lora_algebra.ROWS, ids=lambda row: row.kind)
def test_every_algebra_of_kohyas_files_is_written_with_the_names_it_is_read_by(row):
    """A row has all it takes: what recognises its parts, and names for them in one table."""
    for needed in row.needs:
        endings = {part: lora_dialects.ending(part) for part in needed}
        assert row.kind == lora_algebra.kind_of(needed)
        if None in endings.values():  # PEFT's own
            continue
        for part, ending in endings.items():
            spelled = lora_dialects.parse(f"lora_unet_mid_block_x{ending}")
            assert spelled is not None and spelled.part == part
