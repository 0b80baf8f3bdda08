"""What a folder holds is read from its configuration, and what it lacks is said in plain words."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from studio.architectures import ARCHITECTURES
from studio.core.errors import FileError, MissingError
from studio.families import detect, family, part_files
from studio.families.base import Base
from studio.families.loading import load_base, locate
from tests.near import HALF, assert_near
from tests.tiny import make_tiny_inpainting


@pytest.fixture
def copy(sd1_folder: Path, tmp_path: Path) -> Path:
    """A base of this test's own; called like another family, which must not matter."""
    return Path(shutil.copytree(sd1_folder, tmp_path / "sdxl-base-1.0"))


def test_families_are_told_apart_by_configuration(
    sd1_folder: Path, sd2_folder: Path, sdxl_folder: Path, copy: Path
) -> None:
    for folder, name in (
        (sd1_folder, "sd1"), (sd2_folder, "sd2"), (sdxl_folder, "sdxl"), (copy, "sd1"),
    ):  # fmt: skip
        info = detect.describe(folder)
        assert (info.family, info.native_size, info.problems) == (name, 32, [])
        assert info.title == ARCHITECTURES[name].title == family(name).architecture.title
        assert info.size_bytes > 1_000_000
    assert detect.describe(sd2_folder).prediction_type == "v_prediction"
    assert part_files.text_widths(sdxl_folder) == [32, 64]


@pytest.mark.parametrize(
    ("break_it", "words"),
    [
        (lambda f: shutil.rmtree(f / "text_encoder"), "“text_encoder” is missing"),
        (lambda f: shutil.rmtree(f / "tokenizer"), "“tokenizer” is missing"),
        (lambda f: (f / "vae" / "diffusion_pytorch_model.safetensors").unlink(), "weights"),
        (lambda f: (f / "model_index.json").unlink(), "half a download"),
        (lambda f: (f / "unet" / "config.json").write_text("{"), "not readable JSON"),
        (
            lambda f: (f / "unet" / "diffusion_pytorch_model.safetensors").rename(
                f / "unet" / "diffusion_pytorch_model.bin"
            ),
            "pickle",
        ),
        (
            lambda f: (f / "unet" / "config.json").write_text(
                json.dumps({**json.loads((f / "unet/config.json").read_text()), "in_channels": 8})
            ),
            "editing model",
        ),
    ],
)
def test_a_broken_base_says_what_it_lacks(copy: Path, break_it, words: str) -> None:
    break_it(copy)
    problems = " ".join(detect.describe(copy).problems)
    assert words in problems
    with pytest.raises(FileError, match=words):
        load_base(copy, "cpu")


def test_an_inpainting_base_is_known_as_one(tmp_path: Path, sd1_folder: Path) -> None:
    info = detect.describe(make_tiny_inpainting(tmp_path / "fill"))
    assert (info.family, info.problems, info.inpainting) == ("sd1", [], True)
    assert not detect.describe(sd1_folder).inpainting


def test_a_folder_or_file_that_is_no_base(tmp_path: Path, sd1_folder: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    for path in (tmp_path, tmp_path / "notes.txt", sd1_folder / "unet"):
        assert detect.describe(path).problems
        with pytest.raises(FileError):
            load_base(path, "cpu")
    with pytest.raises(MissingError, match="not there"):
        detect.describe(tmp_path / "gone")


def test_a_missing_base_never_goes_to_the_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub

    asked: list[str] = []

    def refuse(name: str, **_: object) -> str:
        asked.append(name)
        raise OSError("no network")

    class Unreachable:
        def model_info(self, name: str, **_: object) -> str:
            return refuse(name)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", refuse)
    monkeypatch.setattr(huggingface_hub, "HfApi", Unreachable)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bases").mkdir()
    for gone in (tmp_path / "gone", "bases/gone", "gone", "./some/thing"):
        with pytest.raises(MissingError):
            locate(gone)
    assert asked == []
    with pytest.raises(MissingError, match="neither on this machine nor"):
        locate("somebody/some-model")
    assert asked == ["somebody/some-model"]  # it is not in the cache of the hub's library


def test_damaged_weights_are_named(copy: Path) -> None:
    weights = copy / "unet" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(FileError, match=r"(?s)unet/diffusion.*cut off: 100 bytes"):
        load_base(copy, "cpu")


def test_parts_of_two_bases_do_not_belong_together(copy: Path, sdxl_folder: Path) -> None:
    for name in ("config.json", "model.safetensors"):
        shutil.copy(sdxl_folder / "text_encoder_2" / name, copy / "text_encoder" / name)
    with pytest.raises(FileError):
        load_base(copy, "cpu")


def test_facts_beside_the_base(copy: Path) -> None:
    (copy / "studio.toml").write_text("native_size = 24\n[learning_rates]\nlora = [1e-3, 5e-3]\n")
    base = load_base(copy, "cpu")
    assert base.native_size == 24
    assert base.learning_rates == {"lora": (1e-3, 5e-3)}
    (copy / "studio.toml").write_text("[learning_rates]\nlora = 3\n")
    with pytest.raises(FileError, match="lowest, highest"):
        load_base(copy, "cpu")


def test_hash_follows_the_weights_and_nothing_else(copy: Path, sd1: Base) -> None:
    assert part_files.base_hash(copy) == sd1.hash
    (copy / "README.md").write_text("about")
    assert part_files.base_hash(copy) == sd1.hash
    weights = copy / "vae" / "diffusion_pytorch_model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    assert part_files.base_hash(copy) != sd1.hash


def test_a_base_is_frozen_and_in_eval_mode(sd1: Base, sdxl: Base) -> None:
    for base in (sd1, sdxl):
        for module in (base.vae, *base.components().values()):
            assert not module.training
            assert not any(parameter.requires_grad for parameter in module.parameters())


@pytest.mark.parametrize("precision", ["fp16", "bf16"])
def test_half_precision_keeps_the_vae_whole(sdxl_folder: Path, precision: str) -> None:
    import torch

    base = load_base(sdxl_folder, "cpu", precision)
    half = {"fp16": torch.float16, "bf16": torch.bfloat16}[precision]
    assert base.denoiser.dtype == base.text_encoders[1].dtype == half
    assert base.vae.dtype == torch.float32


def test_half_precision_files_load_as_fp32(copy: Path, sd1: Base) -> None:
    import torch
    from diffusers import UNet2DConditionModel

    folder = copy / "unet"
    UNet2DConditionModel.from_pretrained(folder, torch_dtype=torch.float16).save_pretrained(
        folder, variant="fp16"
    )
    (folder / "diffusion_pytorch_model.safetensors").unlink()
    base = load_base(copy, "cpu", "fp32")
    assert base.denoiser.dtype == torch.float32
    assert_near(base.denoiser.conv_in.weight, sd1.denoiser.conv_in.weight, HALF)
