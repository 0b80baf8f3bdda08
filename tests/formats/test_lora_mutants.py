"""Adapter files with a good container and odd contents: our errors or an honest record, always."""

from __future__ import annotations

import contextlib
import random

import pytest
import torch

from studio.core.errors import StudioError
from studio.formats import aesthetic, embedding, hypernetwork, lora, safetensors_file
from studio.formats.inspect import inspect
from studio.formats.lora_algebra import complaint

SHAPES: list[tuple[int, ...]] = [
    (), (0,), (1,), (8,), (2, 8), (8, 2), (2, 2), (8, 8), (2, 2, 3, 3), (2, 8, 1, 1), (8, 2, 1, 1),
    (1, 2, 4, 4), (2, 4, 4), (1, 8), (8, 1), (0, 8), (2, 0),
]  # fmt: skip
# Parts by kind with shapes that fit an 8 × 8 layer; the tests spoil some of them.
KINDS: list[dict[str, tuple[int, ...]]] = [
    {"lora_up.weight": (8, 2), "lora_down.weight": (2, 8), "lora_mid.weight": (2, 2, 3, 3),
     "alpha": (), "dora_scale": (8, 1)},
    {"hada_w1_a": (8, 2), "hada_w1_b": (2, 8), "hada_w2_a": (8, 2), "hada_w2_b": (2, 8),
     "hada_t1": (2, 2, 3, 3), "hada_t2": (2, 2, 3, 3), "alpha": (1,)},
    {"lokr_w1": (2, 2), "lokr_w1_a": (2, 1), "lokr_w1_b": (1, 2), "lokr_w2": (4, 4),
     "lokr_w2_a": (4, 1), "lokr_w2_b": (1, 4), "lokr_t2": (1, 1, 3, 3), "alpha": ()},
    {"weight": (8,), "on_input": ()},
    {"a1.weight": (8, 2), "a2.weight": (2, 8), "b1.weight": (8, 2), "b2.weight": (2, 8),
     "bm.weight": (2, 2, 3, 3), "alpha": ()},
    {"oft_blocks": (2, 4, 4), "oft_diag": (2, 4, 4), "rescale": (8, 1), "alpha": ()},
    {"diff": (8, 8), "diff_b": (8,), "w_norm": (8,), "b_norm": (8,)},
    {"lora_A.weight": (2, 8), "lora_B.weight": (8, 2), "lora_B.bias": (8,),
     "lora_magnitude_vector": (8,), "alpha": ()},
]  # fmt: skip
PREFIXES = ["lora_unet_a", "lora_te_b", "unet.mid_block.c", "text_encoder.d", "lycoris_e"]


def test_odd_shapes_end_in_our_errors_or_in_numbers(tmp_path, everything):
    chance = random.Random(5)
    path = tmp_path / "x.safetensors"
    usable = refused = 0
    for _ in range(5_000 if everything else 300):
        prefix = chance.choice(PREFIXES)
        tensors = {
            f"{prefix}.{name}": torch.ones(
                chance.choice(SHAPES) if chance.random() < 0.1 else shape
            )
            for name, shape in chance.choice(KINDS).items()
            if chance.random() < 0.85
        }
        path.write_bytes(safetensors_file.to_bytes(tensors))
        report = inspect(path, hashes=False)
        try:
            file = lora.read(path)
        except StudioError:
            refused += 1
            assert report.kind != "lora"
        else:
            assert report.kind == "lora"
            assert (report.rank, len(report.problems)) == (file.rank, len(file.problems))
            for module in file.modules.values():
                for shape in ((8, 8), (8, 8, 3, 3), (8, 2, 1, 1), (8,)):
                    try:
                        assert module.delta(torch.ones(shape)).shape == shape
                        usable += 1
                    except StudioError:
                        pass
                module.bias_delta()
        for read in (embedding.read, hypernetwork.read, aesthetic.read):
            with contextlib.suppress(StudioError):
                read(path)
    assert usable > 50 and refused > 50, (usable, refused)


@pytest.mark.parametrize(
    "kind, shapes",
    [
        ("lora", {"up": (8, 2), "down": (3, 12)}),
        ("lora", {"up": (8,), "down": (2, 12)}),
        ("lora", {"up": (8, 0), "down": (0, 12)}),
        ("lora", {"up": (8, 2), "down": (2, 12, 1, 1), "mid": (3, 3, 3, 3)}),
        ("loha", {"hada_w1_a": (8, 2), "hada_w1_b": (2, 6), "hada_w2_a": (8, 3), "hada_w2_b": (2, 6)}),
        ("loha", {"hada_w1_a": (8, 2), "hada_w1_b": (2, 6), "hada_w2_a": (8, 2), "hada_w2_b": (2, 5)}),
        ("lokr", {"lokr_w1": (2,), "lokr_w2": (4, 3)}),
        ("oft", {"oft_blocks": (2, 4, 3)}),
        ("norm", {"w_norm": (2, 2)}),
    ],
)  # fmt: skip
def test_parts_that_no_base_could_take(kind, shapes):
    assert complaint(kind, shapes) is not None


def test_one_broken_module_does_not_take_the_others_with_it(tmp_path):
    tensors = {
        "lora_unet_a.lora_up.weight": torch.ones(8, 2), "lora_unet_a.lora_down.weight": torch.ones(2, 8),
        "lora_unet_b.lora_up.weight": torch.ones(8, 2), "lora_unet_b.lora_down.weight": torch.ones(3, 8),
    }  # fmt: skip
    file = lora.read(safetensors_file.write(tmp_path / "x.safetensors", tensors))
    assert list(file.modules) == ["unet.a"]
    assert file.problems == ["1 module cannot be used, first 'b': its parts do not fit each other."]
    assert file.leftovers == ["lora_unet_b.lora_down.weight", "lora_unet_b.lora_up.weight"]


@pytest.mark.parametrize("name", ["default", "my-adapter_1", None])
@pytest.mark.parametrize("prefix", ["unet.mid_block.x", "base_model.model.mid_block.x"])
def test_peft_adapter_names_in_keys(tmp_path, name, prefix):
    middle = f".{name}" if name else ""
    tensors = {
        f"{prefix}.lora_A{middle}.weight": torch.ones(2, 8), f"{prefix}.lora_B{middle}.weight": torch.ones(8, 2),
        f"{prefix}.lora_magnitude_vector{middle}.weight": torch.ones(8),
    }  # fmt: skip
    file = lora.read(safetensors_file.write(tmp_path / "x.safetensors", tensors))
    assert file.leftovers == [] and file.modules["unet.mid_block.x"].dora


def test_alphas_in_old_diffusers_files(tmp_path):
    prefix = "unet.mid_block.attentions.0.transformer_blocks.0.attn1.processor.to_q_lora"
    tensors = {
        f"{prefix}.up.weight": torch.ones(8, 2), f"{prefix}.down.weight": torch.ones(2, 8),
        f"{prefix}.alpha": torch.tensor(1.0),
    }  # fmt: skip
    file = lora.read(safetensors_file.write(tmp_path / "x.safetensors", tensors))
    (module,) = file.modules.values()
    assert (module.scale, file.leftovers) == (0.5, [])
