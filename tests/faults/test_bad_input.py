"""Bad input gets a clear error and loses nothing: what, where, why, what to do."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from studio.app import Studio
from studio.core.errors import (
    FileError,
    InputError,
    MismatchError,
    MissingError,
    SettingsError,
    StudioError,
)
from studio.formats import safetensors_file
from studio.library import presets
from studio.settings.training import GenerateSettings, StackItem
from tests.workspaces import studio_of_two_families

MACHINE_WORDS = re.compile(r"Traceback|Error\(|0x[0-9a-f]{8}|\bNoneType\b|site-packages|pydantic")


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    with studio_of_two_families(tmp_path_factory.mktemp("w")) as studio:
        yield studio


@pytest.fixture(scope="module")
def adapter(studio: Studio) -> Path:
    """A good LoRA for the tiny SD 1.x base."""
    values = {
        "base": "tiny", "data": {"folder": "zibbo"}, "train": {"steps": 2, "learning_rate": 1e-2},
        "sample": {"every": 0, "steps": 2}, "validation": {"every": 0}, "save": {"every": 0},
    }  # fmt: skip
    state = studio.runs.wait(studio.runs.start(presets.config_from(None, values)))
    return Path(state.files[0])


@pytest.fixture(autouse=True)
def nothing_is_lost(studio: Studio, adapter: Path) -> Iterator[None]:
    """Whatever happens: datasets, bases and adapters are byte for byte what they were."""
    before = _hashes(studio)
    image = studio.generation.generate(_settings([])).images[0].path.read_bytes()
    yield
    assert {name: before[name] for name in before} == {n: _hashes(studio)[n] for n in before}
    assert studio.generation.generate(_settings([])).images[0].path.read_bytes() == image


def _hashes(studio: Studio) -> dict[str, str]:
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for root in (studio.workspace.datasets, studio.workspace.bases, studio.workspace.adapters)
        for path in root.rglob("*")
        if path.is_file()
    }


def _settings(stack: list[StackItem], base: str = "tiny") -> GenerateSettings:
    return GenerateSettings(
        base=base, prompt="a zibbo cat", count=1, steps=2, device="cpu", stack=stack
    )


def _refused(error: type[StudioError], said: str, call: object) -> None:
    with pytest.raises(error) as caught:
        call()  # type: ignore[operator]
    text = str(caught.value)
    assert re.search(said, text), text
    assert caught.value.remedy or caught.value.why, text
    assert not MACHINE_WORDS.search(text), text


def test_a_text_file_named_safetensors(studio: Studio, tmp_path: Path) -> None:
    path = tmp_path / "note.safetensors"
    path.write_text("dear diary, this is no model")
    _refused(FileError, "not an adapter", lambda: studio.library.import_adapter(path, path.name))


@pytest.mark.parametrize("part", [0.0, 0.01, 0.3, 0.999])
def test_a_truncated_adapter(studio: Studio, adapter: Path, tmp_path: Path, part: float) -> None:
    data = adapter.read_bytes()
    path = tmp_path / "cut.safetensors"
    path.write_bytes(data[: int(len(data) * part)])
    _refused(FileError, "cut.safetensors", lambda: studio.library.import_adapter(path, path.name))
    stacked = studio.workspace.cache / "cut.safetensors"
    stacked.write_bytes(path.read_bytes())
    _refused(
        FileError, "cut.safetensors",
        lambda: studio.generation.generate(_settings([StackItem(path=str(stacked))])),
    )  # fmt: skip


def test_an_adapter_for_another_base(studio: Studio, adapter: Path) -> None:
    _refused(
        MismatchError, "SD 1.*SDXL|made for",
        lambda: studio.generation.generate(_settings([StackItem(path=str(adapter))], base="tiny-xl")),
    )  # fmt: skip


def test_an_adapter_with_nan(studio: Studio, adapter: Path) -> None:
    tensors, metadata = safetensors_file.read_tensors(adapter)
    name = next(key for key in tensors if key.endswith("lora_up.weight"))
    tensors[name] = torch.full_like(tensors[name], float("nan"))
    path = studio.workspace.cache / "nan.safetensors"
    safetensors_file.write(path, tensors, metadata)
    _refused(
        StudioError, "NaN.*nan.safetensors.*take the file off",
        lambda: studio.generation.generate(_settings([StackItem(path=str(path))])),
    )  # fmt: skip


def test_a_vanished_adapter_and_one_outside(studio: Studio) -> None:
    gone = studio.workspace.adapters / "gone.safetensors"
    for path, error, said in (
        (gone, MissingError, "gone"),
        (Path("/etc/hosts"), InputError, "outside"),
    ):
        stack = [StackItem(path=str(path))]
        _refused(error, said, lambda stack=stack: studio.generation.generate(_settings(stack)))


def test_an_empty_folder_and_a_file_as_folder(studio: Studio) -> None:
    empty = studio.workspace.cache / "empty"
    empty.mkdir(exist_ok=True)
    values = {"base": "tiny", "data": {"folder": str(empty)}}
    _refused(InputError, "no images", lambda: studio.runs.start(presets.config_from(None, values)))
    values["data"] = {"folder": str(empty / "file.txt")}
    _refused(InputError, "no dataset", lambda: studio.runs.start(presets.config_from(None, values)))


def test_a_misspelt_preset_key_names_the_nearest(studio: Studio, tmp_path: Path) -> None:
    preset = tmp_path / "mine.toml"
    preset.write_text('method = "lora"\n[preset]\ntitle = "x"\n[train]\nlearning_rte = 1e-3\n')
    _refused(
        SettingsError, "did you mean “learning_rate”", lambda: presets.config_from(str(preset))
    )
    _refused(
        MissingError, "Did you mean “starter-lora”", lambda: presets.config_from("starter-lor")
    )


def test_a_missing_base(studio: Studio) -> None:
    _refused(
        MissingError,
        "no base model “ghost”",
        lambda: studio.generation.generate(_settings([], "ghost")),
    )
    half = studio.workspace.bases / "half"
    half.mkdir()
    (half / "model_index.json").write_text('{"_class_name": "StableDiffusionPipeline"}')
    _refused(FileError, "(?i)half", lambda: studio.generation.generate(_settings([], "half")))


@pytest.mark.parametrize("part", [0.0, 0.01, 0.6, 0.999])
def test_a_truncated_one_file_base(studio: Studio, part: float) -> None:
    from studio.families import saving
    from studio.families.loading import load_base

    whole = studio.workspace.cache / "whole.safetensors"
    if not whole.exists():
        base = load_base(studio.workspace.bases / "tiny", "cpu")
        saving.save_single(base, whole, {}, torch.float16)
    path = studio.workspace.cache / "cut-base.safetensors"
    data = whole.read_bytes()
    path.write_bytes(data[: int(len(data) * part)])
    _refused(FileError, "cut-base", lambda: studio.generation.generate(_settings([], str(path))))
    values = {"base": str(path), "data": {"folder": "zibbo"}}
    _refused(InputError, "cut-base", lambda: studio.runs.start(presets.config_from(None, values)))


def test_a_lora_chosen_as_base(studio: Studio, adapter: Path) -> None:
    _refused(
        FileError,
        "It is a LoRA, not a base",
        lambda: studio.generation.generate(_settings([], str(adapter))),
    )


def test_a_pickled_base_with_code(studio: Studio) -> None:
    ran = studio.workspace.cache / "ran"

    class Bomb:
        def __reduce__(self) -> tuple[object, ...]:
            return (Path.write_text, (ran, "x"))

    path = studio.workspace.cache / "bomb.ckpt"
    torch.save({"state_dict": {"a": Bomb()}}, path)
    _refused(
        FileError,
        "nothing in it was run",
        lambda: studio.generation.generate(_settings([], str(path))),
    )
    assert not ran.exists()
