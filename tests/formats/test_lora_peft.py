"""PEFT's files: every kind changes the weights as PEFT itself merges it, with all its settings."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from studio.core.errors import FileError
from studio.formats import lora, safetensors_file
from studio.formats.inspect import inspect
from tests.near import assert_near

peft = pytest.importorskip("peft")
pytestmark = pytest.mark.filterwarnings("ignore")


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.to_q = nn.Linear(12, 8)
        self.to_v = nn.Linear(12, 16)
        self.conv = nn.Conv2d(6, 8, 3, padding=1)
        self.square = nn.Conv2d(8, 8, 3, padding=1)


class Net(nn.Module):
    """A few layers under names that a UNet has; the biases too, for some kinds change them."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(7)
        self.mid_block = Block()
        for parameter in self.parameters():
            parameter.data = torch.randn_like(parameter) * 0.5


LINEAR, ALL = ["to_q", "to_v"], ["to_q", "to_v", "conv", "square"]
RANDOM: dict[str, Any] = {"init_weights": False}
KINDS: dict[str, Any] = {
    "lora": lambda: peft.LoraConfig(r=4, lora_alpha=2, target_modules=ALL, init_lora_weights=False),
    "rslora": lambda: peft.LoraConfig(
        r=4, lora_alpha=2, use_rslora=True, target_modules=ALL, init_lora_weights=False
    ),
    "dora": lambda: peft.LoraConfig(
        r=4, lora_alpha=2, use_dora=True, target_modules=ALL, init_lora_weights=False
    ),
    "lora-bias": lambda: peft.LoraConfig(
        r=4, lora_alpha=2, lora_bias=True, target_modules=LINEAR, init_lora_weights=False
    ),
    "patterns": lambda: peft.LoraConfig(
        r=4, lora_alpha=2, rank_pattern={"to_v": 2, "mid_block.conv": 3},
        alpha_pattern={r"mid_block\.to_q": 8, "^mid_block.to_v": 1, r"(conv|square)": 12},
        target_modules=ALL, init_lora_weights=False,
    ),
    "adalora": lambda: peft.AdaLoraConfig(
        init_r=4, target_r=2, lora_alpha=8, total_step=10, target_modules=LINEAR
    ),
    "loha": lambda: peft.LoHaConfig(r=4, alpha=2, target_modules=ALL, **RANDOM),
    "loha-tucker": lambda: peft.LoHaConfig(
        r=4, alpha=1, use_effective_conv2d=True, alpha_pattern={"conv": 6}, target_modules=ALL,
        **RANDOM,
    ),
    "lokr": lambda: peft.LoKrConfig(r=2, alpha=1, target_modules=ALL, **RANDOM),
    "lokr-both": lambda: peft.LoKrConfig(
        r=1, alpha=3, decompose_both=True, use_effective_conv2d=True, target_modules=ALL, **RANDOM
    ),
    "lokr-full": lambda: peft.LoKrConfig(
        r=64, alpha=16, rank_pattern={"to_v": 32}, target_modules=ALL, **RANDOM
    ),
    "oft": lambda: peft.OFTConfig(r=0, oft_block_size=6, target_modules=ALL, **RANDOM),
    "oft-terms": lambda: peft.OFTConfig(
        r=0, oft_block_size=6, num_cayley_neumann_terms=3, target_modules=LINEAR, **RANDOM
    ),
    "oft-exact": lambda: peft.OFTConfig(
        r=0, oft_block_size=4, use_cayley_neumann=False, target_modules=LINEAR, **RANDOM
    ),
    "oft-shared": lambda: peft.OFTConfig(
        r=0, oft_block_size=4, block_share=True, target_modules=LINEAR, **RANDOM
    ),
    "oft-limited": lambda: peft.OFTConfig(
        r=0, oft_block_size=4, coft=True, eps=0.1, target_modules=LINEAR, **RANDOM
    ),
    "boft": lambda: peft.BOFTConfig(boft_block_size=4, target_modules=LINEAR, **RANDOM),
    "ia3": lambda: peft.IA3Config(target_modules=ALL, feedforward_modules=[], init_ia3_weights=False),
    "ia3-inputs": lambda: peft.IA3Config(
        target_modules=ALL, feedforward_modules=["to_q", "square"], init_ia3_weights=False
    ),
    "hra": lambda: peft.HRAConfig(r=4, target_modules=ALL, **RANDOM),
    "hra-orthogonal": lambda: peft.HRAConfig(r=4, apply_GS=True, target_modules=LINEAR, **RANDOM),
    "vera": lambda: peft.VeraConfig(r=4, target_modules=LINEAR, **RANDOM),
}  # fmt: skip


def made(
    folder: Path, config: Any
) -> tuple[Path, dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """PEFT's own file and settings, and the weights before and after PEFT merged it."""
    before = {name: tensor.clone() for name, tensor in Net().state_dict().items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = peft.get_peft_model(Net(), config)
        torch.manual_seed(1)
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                start = 1.0 if "ia3" in name or "boft_s" in name or "magnitude" in name else 0.0
                parameter.data = torch.randn_like(parameter) * 0.2 + start
        model.save_pretrained(folder)
        after = model.merge_and_unload().state_dict()
    return folder / "adapter_model.safetensors", before, after


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_changes_the_weights_as_peft_merges_it(kind: str, tmp_path: Path) -> None:
    path, before, after = made(tmp_path, KINDS[kind]())
    file, report = lora.read(path), inspect(path, hashes=False)
    assert (file.leftovers, file.problems, report.problems) == ([], [], [])
    assert (report.kind, report.dialect) == ("lora", "peft")
    changed = set()
    for module in file.modules.values():
        weight, bias = before[f"{module.name}.weight"], before[f"{module.name}.bias"]
        expected = after[f"{module.name}.weight"]
        assert float((expected - weight).abs().max()) > 1e-3, "a comparison of zeros proves nothing"
        assert_near(weight + module.delta(weight), expected)
        changed.add(f"{module.name}.weight")
        delta = module.bias_delta(bias, weight)
        assert_near(bias if delta is None else bias + delta, after[f"{module.name}.bias"])
        if delta is not None:
            changed.add(f"{module.name}.bias")
    assert changed == {name for name in before if not torch.equal(before[name], after[name])}


def test_the_header_that_diffusers_writes_says_the_same(tmp_path: Path) -> None:
    path, before, after = made(tmp_path / "folder", KINDS["patterns"]())
    tensors, _ = safetensors_file.read_tensors(path)
    config = json.loads((path.parent / "adapter_config.json").read_text("utf-8"))
    alone = safetensors_file.write(
        tmp_path / "alone.safetensors",
        {name.replace("base_model.model.", "unet."): tensor for name, tensor in tensors.items()},
        {"lora_adapter_metadata": json.dumps({f"unet.{k}": v for k, v in config.items()})},
    )
    for module in lora.read(alone).modules.values():
        weight = before[f"{module.name}.weight"]
        assert_near(weight + module.delta(weight), after[f"{module.name}.weight"])


@pytest.mark.parametrize("rounds", [2, 3])
def test_boft_of_several_rounds_as_peft_multiplies_it(rounds: int) -> None:
    """PEFT makes more than one round only beside a CUDA compiler, so its matrices are put together here."""
    from peft.tuners.boft.layer import Linear

    layer = Linear(nn.Linear(16, 6), "x", peft.BOFTConfig(boft_block_size=2))
    torch.manual_seed(2)
    blocks, factors = torch.randn(rounds, 8, 2, 2) * 0.3, torch.rand(6, 1) + 0.5
    whole = torch.eye(16)
    for i in range(rounds):
        turned = torch.block_diag(*layer.cayley_batch(blocks[i]))
        order = layer.block_butterfly_perm(16, 8 // 2**i, 1, rounds - 1)
        places = layer.perm2mat(order)
        whole = places @ turned @ places.T @ whole
    weight = torch.randn(6, 16)
    expected = (whole @ weight.T).T * factors - weight
    module = lora.LoraModule(
        "unet", "x", "dotted", "boft-peft", {"boft_R": blocks, "boft_s": factors}
    )
    assert_near(module.delta(weight), expected)


def adapter(folder: Path, settings: str | None, alpha: torch.Tensor | None = None) -> Path:
    folder.mkdir(exist_ok=True)
    key = "base_model.model.mid_block.to_q"
    tensors = {f"{key}.lora_A.weight": torch.ones(2, 12), f"{key}.lora_B.weight": torch.ones(8, 2)}
    if alpha is not None:
        tensors[f"{key}.alpha"] = alpha
    if settings is not None:
        (folder / "adapter_config.json").write_text(settings, "utf-8")
    return safetensors_file.write(folder / "adapter_model.safetensors", tensors)


@pytest.mark.parametrize(
    "settings, said",
    [
        ("{", "could not be read"),
        ("[1]", "could not be read"),
        (
            '{"lora_alpha": "8", "r": 2}',
            "“lora_alpha” in adapter_config.json beside it is no number",
        ),
        ('{"lora_alpha": 8, "alpha_pattern": {"(a+)+$": 1}}', "1 pattern .* was not understood"),
        ('{"lora_alpha": 8, "alpha_pattern": {"[": 1}}', "1 pattern .* was not understood"),
        ('{"lora_alpha": 8, "alpha_pattern": {"to_q": "4"}}', "states no number for 'to_q'"),
        ('{"lora_alpha": 8, "init_lora_weights": "pissa"}', "begun as 'pissa'.*changes the base"),
        ('{"lora_alpha": 8, "unet.init_lora_weights": "olora"}', "begun as 'olora'"),
    ],
)
def test_settings_that_cannot_be_used_are_said(tmp_path: Path, settings: str, said: str) -> None:
    import re

    path = adapter(tmp_path, settings)
    for problems in (lora.read(path).problems, inspect(path, hashes=False).problems):
        assert len(problems) == 1 and re.search(said, problems[0]), problems


def test_a_pattern_without_a_number_leaves_what_is_stated_for_all(tmp_path: Path) -> None:
    path = adapter(tmp_path, '{"lora_alpha": 1, "r": 2, "alpha_pattern": {"to_q": null}}')
    assert (
        next(iter(lora.read(path).modules.values())).alpha == inspect(path, hashes=False).alpha == 1
    )


def test_one_means_yes_in_the_settings(tmp_path: Path) -> None:
    path = adapter(tmp_path, '{"lora_alpha": 2, "r": 2, "use_rslora": 1}')
    assert next(iter(lora.read(path).modules.values())).scale == pytest.approx(2 / 2**0.5)


def test_a_byte_order_mark_in_the_settings_changes_nothing(tmp_path: Path) -> None:
    plain = lora.read(adapter(tmp_path / "plain", '{"lora_alpha": 1, "r": 2}'))
    marked = lora.read(adapter(tmp_path / "marked", '\ufeff{"lora_alpha": 1, "r": 2}'))
    scales = [next(iter(file.modules.values())).scale for file in (plain, marked)]
    assert scales == [0.5, 0.5] and not marked.problems


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("stated", [True, False], ids=["in the settings", "in the file"])
def test_an_alpha_that_is_not_finite_is_refused(tmp_path: Path, value: float, stated: bool) -> None:
    if stated:
        path = adapter(tmp_path, json.dumps({"lora_alpha": value, "r": 2}))
    else:
        path = adapter(tmp_path, None, torch.tensor(value))
    with pytest.raises(FileError, match=f"its alpha is {value}"):
        lora.read(path)
    report = inspect(path, hashes=False)
    assert report.kind == "unknown" and "its alpha is" in report.problems[0]


def test_one_module_without_a_finite_alpha_is_left_out_and_said(tmp_path: Path) -> None:
    tensors: dict[str, torch.Tensor] = {}
    for name, alpha in (("a", 1.0), ("b", float("nan"))):
        tensors |= {
            f"lora_unet_{name}.lora_up.weight": torch.ones(8, 2),
            f"lora_unet_{name}.lora_down.weight": torch.ones(2, 8),
            f"lora_unet_{name}.alpha": torch.tensor(alpha),
        }
    path = safetensors_file.write(tmp_path / "x.safetensors", tensors)
    file, report = lora.read(path), inspect(path, hashes=False)
    said = ["1 module cannot be used, first 'b': its alpha is nan."]
    assert list(file.modules) == ["unet.a"] and len(file.leftovers) == 3
    assert (file.problems[:1], report.problems, report.alpha) == (said, said, 1.0)


UNSUPPORTED: dict[str, Any] = {
    "FourierFT": lambda: peft.FourierFTConfig(n_frequency=20, target_modules=LINEAR),
    "VB-LoRA": lambda: peft.VBLoRAConfig(
        r=2, num_vectors=8, vector_length=4, topk=2, target_modules=LINEAR
    ),
    "RandLoRA": lambda: peft.RandLoraConfig(r=2, target_modules=LINEAR),
    "RoAd": lambda: peft.RoadConfig(group_size=4, target_modules=LINEAR),
    "DeLoRA": lambda: peft.DeloraConfig(r=2, target_modules=LINEAR),
    "MiSS": lambda: peft.MissConfig(r=2, target_modules=LINEAR),
    "SHiRA": lambda: peft.ShiraConfig(r=1, target_modules=LINEAR),
    "C³A": lambda: peft.C3AConfig(block_size=4, target_modules=LINEAR),
    "WaveFT": lambda: peft.WaveFTConfig(n_frequency=20, target_modules=LINEAR),
    "GraLoRA": lambda: peft.GraloraConfig(r=4, gralora_k=2, target_modules=LINEAR),
    "VeRA without": lambda: peft.VeraConfig(r=4, save_projection=False, target_modules=LINEAR),
}  # fmt: skip


@pytest.mark.parametrize("kind", UNSUPPORTED)
def test_kinds_that_are_not_read_are_called_by_their_name(kind: str, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        peft.get_peft_model(Net(), UNSUPPORTED[kind]()).save_pretrained(tmp_path)
    path = tmp_path / "adapter_model.safetensors"
    for read in (lora.read, lambda path: inspect(path, strict=True)):
        with pytest.raises(FileError, match=f"does not read: {kind}") as caught:
            read(path)
        assert "Merge it into its base model" in str(caught.value)
    report = inspect(path, hashes=False)
    assert report.kind == "unknown", "never an embedding and never a model"


@pytest.mark.parametrize(
    "key, kind",
    [
        ("prompt_embeddings", "prompt tuning"),
        ("base_model.model.mid_block.norm.ln_tuning_layers.weight", "LayerNorm tuning"),
        ("base_model.model.mid_block.to_q.bone_block", "Bone"),
        ("down_blocks.0.attentions.0.to_q.trainable_tokens_delta", "trainable tokens"),
    ],
)
def test_more_kinds_by_their_keys(tmp_path: Path, key: str, kind: str) -> None:
    path = safetensors_file.write(tmp_path / "x.safetensors", {key: torch.ones(4, 768)})
    with pytest.raises(FileError, match=f"does not read: {kind}"):
        inspect(path, strict=True)


def test_a_word_that_begins_like_a_kind_stays_an_embedding(tmp_path: Path) -> None:
    path = safetensors_file.write(tmp_path / "x.safetensors", {"road_sign": torch.ones(2, 768)})
    assert inspect(path, hashes=False).kind == "embedding"


@pytest.mark.parametrize(
    "key",
    [
        "base_model.model.transformer.h.0.attn.ia3_l", "transformer.h.0.attn.c_attn.lora_A.weight",
        "joint.layers.0.hra_u", "whatever.layer.hada_w1_a", "to_k.ia3_l",
    ],
)  # fmt: skip
def test_an_adapter_of_another_model_is_no_embedding(tmp_path: Path, key: str) -> None:
    path = safetensors_file.write(tmp_path / "x.safetensors", {key: torch.ones(768, 1)})
    for read in (lora.read, lambda path: inspect(path, strict=True)):
        with pytest.raises(FileError, match="adapter for another kind of model, or a broken one"):
            read(path)


def test_a_kind_of_the_future_is_called_as_its_settings_call_it(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text('{"peft_type": "NOVELTY"}')
    tensors = {"base_model.model.mid_block.to_q.novelty_matrix": torch.ones(4, 768)}
    path = safetensors_file.write(tmp_path / "adapter_model.safetensors", tensors)
    with pytest.raises(FileError, match="does not read: NOVELTY"):
        inspect(path, strict=True)
