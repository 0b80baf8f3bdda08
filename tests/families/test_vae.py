"""Another VAE: read from every layout, refused when it does not fit; images in tiles; NaN."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from studio.core.errors import FileError, MismatchError, MissingError, NonFiniteError
from studio.families.base import Base
from studio.families.loading import load_base, replaced_vae
from studio.formats import ldm_names, safetensors_file
from studio.infer import decoding, engine, infotext
from studio.settings.training import GenerateSettings

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def other(sd1: Base) -> dict[str, torch.Tensor]:
    """Another VAE's weights by diffusers' names."""
    return {name: tensor * 0.9 + 0.01 for name, tensor in sd1.vae.state_dict().items()}


def original(state: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    found = {}
    for name, tensor in state.items():
        theirs = ldm_names.diffusers_to_ldm_vae(name, 2)
        wide = ldm_names.is_vae_attention(name)
        found[f"{prefix}{theirs}"] = tensor[:, :, None, None] if wide else tensor
    return found


def before_2023(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    old = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
    found = {}
    for name, tensor in state.items():
        for new, former in old.items():
            name = name.replace(f"attentions.0.{new}.", f"attentions.0.{former}.")
        found[name] = tensor
    assert any("query" in name for name in found)
    return found


LAYOUTS = {
    "original": lambda state: original(state, ""),
    "whole model": lambda state: original(state, "first_stage_model."),
    "diffusers": lambda state: state,
    "diffusers of 2022": before_2023,
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("ending", ["safetensors", "pt"])
def test_every_layout(
    sd1: Base, other: dict[str, torch.Tensor], tmp_path: Path, layout: str, ending: str
) -> None:
    tensors, path = LAYOUTS[layout](other), tmp_path / f"soft.{ending}"
    if ending == "pt":
        torch.save({"state_dict": {**tensors, "loss.logvar": torch.zeros(())}}, path)
    else:
        safetensors_file.write(path, tensors)
    changed = load_base(sd1.path, "cpu", "fp32", vae=path)
    state = changed.vae.state_dict()
    assert state.keys() == other.keys()
    assert all(torch.equal(state[name], tensor) for name, tensor in other.items())
    assert changed.vae.config.scaling_factor == sd1.vae.config.scaling_factor
    assert changed.vae_name == f"soft.{ending}"
    assert not changed.vae.training
    assert not any(parameter.requires_grad for parameter in changed.vae.parameters())


def test_a_folder(sd1: Base, sd1_folder: Path, tmp_path: Path) -> None:
    for folder in (sd1_folder, sd1_folder / "vae"):
        again = replaced_vae(sd1, folder)
        state = again.vae.state_dict()
        assert all(torch.equal(state[n], t) for n, t in sd1.vae.state_dict().items())


def test_it_changes_the_image_and_leaves_the_base_alone(
    sd1: Base, other: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    path = safetensors_file.write(tmp_path / "soft.safetensors", other)
    settings = GenerateSettings(prompt="a cat", count=1, steps=2)
    before = engine.generate(sd1, settings)[0]
    changed = replaced_vae(sd1, path)
    assert changed.denoiser is sd1.denoiser and changed.words is sd1.words
    generated = engine.generate(changed, settings)[0]
    assert generated.image.tobytes() != before.image.tobytes()
    assert engine.generate(sd1, settings)[0].image.tobytes() == before.image.tobytes()
    assert infotext.read(generated.parameters)["vae"] == "soft.safetensors"
    assert "VAE" not in before.parameters


def test_one_that_does_not_fit(sd1: Base, sdxl: Base, tmp_path: Path) -> None:
    from diffusers import AutoencoderKL

    config = dict(sd1.vae.config)
    config |= {"block_out_channels": (16, 32, 32), "down_block_types": ("DownEncoderBlock2D",) * 3}
    config |= {"up_block_types": ("UpDecoderBlock2D",) * 3}
    deep = AutoencoderKL(**{k: v for k, v in config.items() if not k.startswith("_")})
    path = safetensors_file.write(tmp_path / "deep.safetensors", deep.state_dict())
    with pytest.raises(MismatchError, match="at 1/4 of the size, the base's own has 4 at 1/2"):
        replaced_vae(sd1, path)
    scaled = AutoencoderKL.from_config(sd1.vae.config, scaling_factor=0.13025)
    scaled.save_pretrained(tmp_path / "scaled")
    with pytest.raises(MismatchError, match=r"scaled by 0\.13025, this base's by 0\.18215"):
        replaced_vae(sd1, tmp_path / "scaled")


def test_what_is_no_vae(sd1: Base, tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="not there"):
        replaced_vae(sd1, tmp_path / "gone.safetensors")
    with pytest.raises(FileError, match="no VAE"):
        replaced_vae(sd1, tmp_path)
    path = safetensors_file.write(tmp_path / "a.safetensors", {"x": torch.zeros(1)})
    with pytest.raises(FileError, match="no VAE"):
        replaced_vae(sd1, path)
    half = dict(list(sd1.vae.state_dict().items())[:-1])
    path = safetensors_file.write(tmp_path / "b.safetensors", half)
    with pytest.raises(FileError, match="lacks weights of the part “vae”"):
        replaced_vae(sd1, path)


# Decoding.


@pytest.mark.parametrize(
    ("tiles", "size", "limit", "cut"),
    [
        ("auto", 64, 1 << 20, False), ("always", 64, 1 << 20, True), ("never", 64, 1000, False),
        ("auto", 64, 1000, True), ("auto", 64, 64 * 64, False),
    ],
)  # fmt: skip
def test_tiles_when_asked_for_or_when_large(
    sd1: Base, monkeypatch: pytest.MonkeyPatch, tiles: Any, size: int, limit: int, cut: bool
) -> None:
    monkeypatch.setattr(decoding, "_DECODED_AT_ONCE", limit)
    largest: list[int] = []
    handle = sd1.vae.decoder.register_forward_pre_hook(
        lambda _, inputs: largest.append(inputs[0].shape[-1])
    )
    try:
        settings = GenerateSettings(
            prompt="a cat", count=1, steps=1, width=size, height=size, tiles=tiles
        )
        image = engine.generate(sd1, settings)[0].image
    finally:
        handle.remove()
    assert image.size == (size, size)
    assert (max(largest) < size // sd1.latent_scale) == cut


def test_tiles_show_the_same_image(starter: Path) -> None:
    base = load_base(starter, "cpu", "fp32")
    settings = GenerateSettings(prompt="a red robot in the desert", count=1, steps=4, width=128, height=128)  # fmt: skip
    import numpy as np

    whole, cut = (
        np.asarray(engine.generate(base, settings.model_copy(update={"tiles": how}))[0].image)
        for how in ("never", "always")
    )
    difference = np.abs(whole.astype(int) - cut.astype(int))
    assert difference.max() > 0, "the decoder saw squares"
    assert difference.mean() < 12, "and generated the same thing"


def test_a_vae_that_overflows_is_named(sd1: Base, tmp_path: Path) -> None:
    state = {name: tensor.clone() for name, tensor in sd1.vae.state_dict().items()}
    state["decoder.conv_out.bias"][0] = float("nan")
    path = safetensors_file.write(tmp_path / "burnt.safetensors", state)
    with pytest.raises(NonFiniteError) as caught:
        engine.generate(replaced_vae(sd1, path), GenerateSettings(prompt="a cat", count=1, steps=1))
    text = str(caught.value)
    assert "burnt.safetensors" in text and "The VAE made" in text and "another VAE" in text


def test_latents_that_were_bad_before_are_told_apart(sd1: Base) -> None:
    latents = torch.full((1, 4, 16, 16), float("inf"))
    with pytest.raises(NonFiniteError, match="before it was decoded") as caught:
        sd1.decode_latents(latents)
    assert "fp32" in str(caught.value)
