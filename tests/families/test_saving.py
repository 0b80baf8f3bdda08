"""What is saved is a complete model: it loads here and in diffusers, with the given weights in it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from studio.core.errors import MismatchError
from studio.families import saving, vocabulary
from studio.families.base import Base
from studio.families.loading import load_base
from studio.formats import safetensors_file, single_file_layout

pytestmark = pytest.mark.filterwarnings("ignore")


def states_of(base: Base) -> dict[str, dict[str, torch.Tensor]]:
    parts = {**base.components(), "vae": base.vae}
    return {name: dict(module.state_dict()) for name, module in parts.items()}


def changed(base: Base) -> dict[str, dict[str, torch.Tensor]]:
    """Every tensor of the UNet and one of the first text encoder, moved a little."""
    name = "encoder.layers.0.mlp.fc1.weight"
    encoder = base.text_encoders[0].state_dict()
    name = next(key for key in encoder if key.endswith(name))
    return {
        "unet": {key: tensor + 0.01 for key, tensor in base.denoiser.state_dict().items()},
        "text_encoder": {name: encoder[name] * 2},
    }


def assert_same(one: Base, other: Base) -> None:
    first, second = states_of(one), states_of(other)
    assert first.keys() == second.keys()
    for part, state in first.items():
        assert state.keys() == second[part].keys()
        different = [name for name in state if not torch.equal(state[name], second[part][name])]
        assert not different, (part, different)


def test_a_folder_in_full_precision_is_the_base_again(base: Base, tmp_path: Path) -> None:
    folder = saving.save_folder(base, tmp_path / "copy", {}, torch.float32)
    again = load_base(folder, "cpu", "fp32")
    assert_same(base, again)
    assert (again.prediction_type, again.native_size) == (base.prediction_type, base.native_size)
    assert again.architecture.name == base.architecture.name
    for ours, theirs in zip(again.tokenizers, base.tokenizers, strict=True):
        assert ours.get_vocab() == theirs.get_vocab()
        assert ours.pad_token == theirs.pad_token
        assert ours("a red cat, ünïcode").input_ids == theirs("a red cat, ünïcode").input_ids
    assert str(base.path.parent) not in "".join(
        file.read_text() for file in folder.rglob("*.json")
    ), "no path of this machine is published"


def test_given_weights_replace_the_base_s_own(base: Base, tmp_path: Path) -> None:
    given = changed(base)
    folder = saving.save_folder(base, tmp_path / "new", given, torch.float32)
    again = states_of(load_base(folder, "cpu", "fp32"))
    expected = {part: {**state, **given.get(part, {})} for part, state in states_of(base).items()}
    for part, state in expected.items():
        assert all(torch.equal(again[part][name], tensor) for name, tensor in state.items()), part


def test_half_precision_starts_from_the_files_and_not_from_what_is_loaded(
    sd1_folder: Path, sd1: Base, tmp_path: Path
) -> None:
    rough = load_base(sd1_folder, "cpu", "bf16")
    folder = saving.save_folder(rough, tmp_path / "half", {}, torch.float16)
    tensors, _ = safetensors_file.read_tensors(
        folder / "unet" / "diffusion_pytorch_model.safetensors"
    )
    for name, tensor in sd1.denoiser.state_dict().items():
        assert torch.equal(tensors[name], tensor.half()), name


def test_diffusers_loads_the_folder(base: Base, tmp_path: Path) -> None:
    from diffusers import DiffusionPipeline

    given = changed(base)
    folder = saving.save_folder(base, tmp_path / "new", given, torch.float32)
    theirs: Any = DiffusionPipeline.from_pretrained(folder, local_files_only=True)
    assert type(theirs).__name__ == base.architecture.pipeline
    state = theirs.unet.state_dict()
    assert all(torch.equal(state[name], tensor) for name, tensor in given["unet"].items())
    assert theirs.scheduler.config.prediction_type == base.prediction_type


def test_what_lies_beside_the_base_is_kept(sd1_folder: Path, tmp_path: Path) -> None:
    source = Path(shutil.copytree(sd1_folder, tmp_path / "source"))
    (source / "clip").mkdir()
    (source / "clip" / "config.json").write_text("{}")
    (source / "classifier.safetensors").write_bytes(b"c")
    (source / "studio.toml").write_text("native_size = 24\n[learning_rates]\nlora = [1e-3, 2e-3]\n")
    folder = saving.save_folder(load_base(source, "cpu"), tmp_path / "new", {}, torch.float16)
    assert (folder / "clip" / "config.json").read_text() == "{}"
    assert (folder / "classifier.safetensors").read_bytes() == b"c"
    again = load_base(folder, "cpu")
    assert (again.native_size, again.learning_rates) == (24, {"lora": (1e-3, 2e-3)})


@pytest.mark.parametrize(
    "given",
    [
        {"unet": {"conv_in.weight": torch.zeros(1)}},
        {"unet": {"nobody.weight": torch.zeros(1)}},
        {"text_encoder": {"encoder.layers.9.mlp.fc1.weight": torch.zeros(1)}},
    ],
)
def test_foreign_tensors_are_refused(sd1: Base, tmp_path: Path, given: Any) -> None:
    for save in (saving.save_folder, saving.save_single):
        with pytest.raises(MismatchError, match="does not fit the base"):
            save(sd1, tmp_path / "x.safetensors", given, torch.float32)
        assert not (tmp_path / "x.safetensors" / "model_index.json").exists()


def test_one_file_says_what_it_is_made_of(base: Base, tmp_path: Path) -> None:
    path = saving.save_single(
        base, tmp_path / "one.safetensors", changed(base), torch.float16, {"modelspec.title": "One"}
    )
    header = safetensors_file.read_header(path)
    assert {entry.dtype for entry in header.tensors.values()} == {"F16"}
    assert header.metadata["modelspec.title"] == "One"
    stated = json.loads(header.metadata[single_file_layout.CONFIGS])
    assert stated["family"] == base.architecture.name
    assert stated["unet"]["block_out_channels"] == list(base.denoiser.config.block_out_channels)
    assert stated["scheduler"]["prediction_type"] == base.prediction_type
    assert single_file_layout.architecture_of(header.tensors) is base.architecture
    assert (tmp_path / f"one{vocabulary.BESIDE}" / "tokenizer.json").is_file()


def test_a_vocabulary_also_for_older_readers(sd2: Base, tmp_path: Path) -> None:
    folder = vocabulary.write(sd2.tokenizers[0], tmp_path / "tokenizer")
    vocab = json.loads((folder / "vocab.json").read_text("utf-8"))
    lines = (folder / "merges.txt").read_text("utf-8").split("\n")
    assert vocab == dict(sd2.tokenizers[0].get_vocab())
    assert lines[0].startswith("#version") and lines[1] == "a n</w>"
    assert json.loads((folder / "special_tokens_map.json").read_text())["pad_token"] == "!"
