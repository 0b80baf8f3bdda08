"""Bases and VAEs of a workspace: folders, files and names, listed once and found by name."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from studio.app import Studio
from studio.core.errors import InputError, MissingError, NonFiniteError
from studio.families import hub, saving
from studio.families.loading import load_base
from studio.formats import safetensors_file
from studio.runs.records import Message
from studio.settings.training import GenerateSettings
from tests.tiny import make_tiny_inpainting


@pytest.fixture
def bases(studio: Studio) -> Path:
    """`bases/` with a folder that holds its own single file, and a file beside it."""
    folder = studio.workspace.bases
    base = load_base(folder / "tiny", "cpu")
    saving.save_single(base, folder / "tiny" / "tiny.safetensors", {}, torch.float32)
    saving.save_single(base, folder / "solo.safetensors", {}, torch.float32)
    return folder


def test_files_are_bases_too(studio: Studio, bases: Path) -> None:
    assert [info.name for info in studio.library.bases()] == ["starter", "tiny", "solo"]
    solo = studio.library.bases()[-1]
    assert (solo.family, solo.native_size, solo.problems) == ("sd1", 32, [])
    assert solo.size_bytes == (bases / "solo.safetensors").stat().st_size
    assert studio.library.base_path("solo") == bases / "solo.safetensors"
    assert studio.library.base_path("solo.safetensors") == bases / "solo.safetensors"
    shutil.copytree(bases / "tiny" / "tokenizer", bases / "tokenizer")
    assert len(studio.library.bases()) == 3, "a vocabulary is no base"


def test_equal_names_are_told_apart(studio: Studio, bases: Path) -> None:
    shutil.copy(bases / "solo.safetensors", bases / "tiny.safetensors")
    assert [info.name for info in studio.library.bases()][1:] == [
        "tiny",
        "solo",
        "tiny.safetensors",
    ]
    assert studio.library.base_path("tiny") == bases / "tiny"
    assert studio.library.base_path("tiny.safetensors").is_file()  # type: ignore[union-attr]


def test_a_file_trains_and_generates_as_its_folder_does(
    studio: Studio, bases: Path, config
) -> None:
    settings = GenerateSettings(prompt="a zibbo cat", count=1, steps=2, device="cpu")
    generated = [
        studio.generation.generate(settings.model_copy(update={"base": name}))
        .images[0]
        .path.read_bytes()
        for name in ("tiny", "solo")
    ]
    assert generated[0] != generated[1], "they carry the name and hash of their base"
    from PIL import Image

    assert len({Image.open(p.path).tobytes() for p in _images(studio)}) == 1
    state = studio.runs.wait(studio.runs.start(config(base="solo")))
    assert state.state == "finished", state
    header = safetensors_file.read_header(state.files[0]).metadata
    assert header["ss_sd_model_name"] == "solo"
    assert header["ss_new_sd_model_hash"] == load_base(bases / "solo.safetensors", "cpu").hash


def _images(studio: Studio):
    settings = GenerateSettings(prompt="a zibbo cat", count=1, steps=2, device="cpu")
    for name in ("tiny", "solo"):
        yield studio.generation.generate(settings.model_copy(update={"base": name})).images[0]


def test_a_file_outside_finds_its_vocabulary_in_the_workspace(
    studio: Studio, bases: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "elsewhere" / "solo.safetensors"
    outside.parent.mkdir()
    shutil.copy(bases / "solo.safetensors", outside)
    settings = GenerateSettings(base=str(outside), prompt="a cat", count=1, steps=1, device="cpu")
    with pytest.raises(MissingError, match="vocabulary"):
        studio.generation.generate(settings)
    shutil.copytree(bases / "tiny" / "tokenizer", bases / "tokenizer")
    assert studio.generation.generate(settings).images


def test_a_vae_by_its_name(studio: Studio, bases: Path) -> None:
    base = load_base(bases / "tiny", "cpu", "fp32")
    state = {name: tensor * 0.9 for name, tensor in base.vae.state_dict().items()}
    safetensors_file.write(studio.workspace.vae / "soft.safetensors", state)
    (studio.workspace.vae / "notes.txt").write_text("x")
    assert studio.library.vaes() == ["soft.safetensors"]
    plain = GenerateSettings(base="tiny", prompt="a cat", count=1, steps=1, device="cpu")
    soft = plain.model_copy(update={"vae": "soft.safetensors"})
    generated = [
        studio.generation.generate(settings).images[0].parameters
        for settings in (plain, soft, plain)
    ]
    assert ["VAE: soft" in text for text in generated] == [False, True, False]
    with pytest.raises(MissingError, match=r"no VAE “gone”.*Known are: soft\.safetensors"):
        studio.generation.generate(plain.model_copy(update={"vae": "gone"}))
    with pytest.raises(InputError, match="outside"):
        studio.generation.generate(plain.model_copy(update={"vae": "/etc/hosts"}))
    state["decoder.conv_out.bias"][:] = float("nan")
    safetensors_file.write(studio.workspace.vae / "burnt.safetensors", state)
    before = list(studio.workspace.outputs.rglob("*.png"))
    with pytest.raises(NonFiniteError, match=r"burnt\.safetensors"):
        studio.generation.generate(plain.model_copy(update={"vae": "burnt.safetensors"}))
    assert list(studio.workspace.outputs.rglob("*.png")) == before


def test_an_inpainting_base_generates_and_does_not_train(studio: Studio, config) -> None:
    make_tiny_inpainting(studio.workspace.bases / "fill")
    settings = GenerateSettings(base="fill", prompt="a cat", count=1, steps=1, device="cpu")
    assert studio.generation.generate(settings).images
    checked = studio.runs.preflight(config(base="fill"))
    assert not checked.ok and "“fill” is an inpainting model" in " ".join(checked.errors)
    with pytest.raises(InputError, match="inpainting model"):
        studio.runs.start(config(base="fill"))
    assert studio.runs.preflight(config()).ok


def test_a_base_from_the_hub(studio: Studio, bases: Path, config, monkeypatch) -> None:
    """Preflight lets it pass and says so; the run downloads it and says how far it is."""
    monkeypatch.setattr(hub, "cached", lambda name: None)
    said: list[str] = []

    def fetch(name: str, half: bool, tell) -> Path:
        tell("Downloading somebody/model: 1 of 2 MB (50 %)")
        said.append(name)
        return bases / "tiny"

    monkeypatch.setattr(hub, "fetch", fetch)
    chosen = config(base="somebody/model")
    checked = studio.runs.preflight(chosen)
    assert checked.ok, checked.errors
    assert any("downloaded from the hub first" in text for text in checked.warnings)
    state = studio.runs.wait(studio.runs.start(chosen))
    assert state.state == "finished", state
    told = state.preparing or ""
    assert told.startswith("Read ") or "50 %" in told
    assert said == ["somebody/model"]


def test_a_preview_that_is_not_finite_does_not_end_the_run(
    studio: Studio, config, monkeypatch
) -> None:
    from studio.runs.samples import Preview

    whole, calls = Preview.generate, []

    def generate(self: Preview, count: int | None = None):
        calls.append(count)
        if len(calls) == 2:
            raise NonFiniteError("The image became NaN")
        return whole(self, count)

    monkeypatch.setattr(Preview, "generate", generate)
    identity = studio.runs.start(config())
    state = studio.runs.wait(identity)
    assert state.state == "finished", state
    texts = [e.text for e in studio.runs.view(identity).events if isinstance(e, Message)]
    assert texts == ["No samples at step 2: The image became NaN."]
