"""Every method in a whole run: what goes wrong is said and loses nothing, what is done comes back."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from studio import methods
from studio.app import Studio
from studio.core import atomic, manifest
from studio.core.errors import InputError, MismatchError, MissingError, SettingsError
from studio.formats import safetensors_file
from studio.library import presets
from studio.runs.records import Finished, RunState
from studio.settings.training import RunConfig
from studio.train.loop import Trainer
from studio.train.state import latest_checkpoint
from tests.workspaces import studio_of_two_families

METHODS = list(methods.METHODS)
MACHINE_WORDS = re.compile(r"Traceback|Error\(|0x[0-9a-f]{8}|\bNoneType\b|site-packages|\btorch\b")


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    with studio_of_two_families(tmp_path_factory.mktemp("w")) as studio:
        yield studio


def config(studio: Studio, method: str, *changes: str, **options: Any) -> RunConfig:
    values = {
        "name": f"my {method}", "method": method, "base": "tiny", "device": "cpu",
        "data": {"folder": "zibbo"}, "prior": {"weight": 0},
        "train": {"steps": 3, "learning_rate": 1e-3 if method == "dreambooth" else 1e-2},
        "sample": {"every": 0, "steps": 2}, "save": {"every": 2}, "validation": {"every": 0},
        "options": options,
    }  # fmt: skip
    return presets.config_from(None, values, list(changes))


def run(studio: Studio, wanted: RunConfig) -> RunState:
    return studio.runs.wait(studio.runs.start(wanted))


def failed(studio: Studio, state: RunState) -> str:
    """The sentence a person reads about a failed run, checked for what it must and must not have."""
    assert state.state == "failed", state
    said = f"{state.reason} {state.remedy}"
    assert state.reason and state.remedy and not MACHINE_WORDS.search(said), said
    return said


# What goes wrong in the middle.


@pytest.mark.parametrize("method", METHODS)
def test_nan_stops_before_the_step_and_nothing_is_lost(
    studio: Studio, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    normal = Trainer.batch_loss

    def broken(self: Trainer, number: int, step: int) -> torch.Tensor:
        loss = normal(self, number, step)
        return loss * float("nan") if step == 3 else loss

    monkeypatch.setattr(Trainer, "batch_loss", broken)
    state = run(studio, config(studio, method))
    said = failed(studio, state)
    assert "NaN at step 3" in said and "step 2" in said and "learning rate" in said
    assert state.step == state.last_checkpoint == 2
    folder = latest_checkpoint(studio.runs.folder(state.run))
    assert manifest.verify(folder)["step"] == 2
    monkeypatch.undo()
    with pytest.raises(InputError, match="would fail again") as refused:
        studio.runs.resume(state.run)
    better = re.search(r"train\.learning_rate=[\d.e-]+", str(refused.value))
    assert better
    resumed = studio.runs.wait(studio.runs.resume(state.run, changes=[better[0].rstrip(".")]))
    assert (resumed.state, resumed.step) == ("finished", 3)


@pytest.mark.parametrize("method", METHODS)
def test_full_memory_names_the_remedy_and_the_last_checkpoint(
    studio: Studio, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    normal = Trainer.batch_loss

    def full(self: Trainer, number: int, step: int) -> torch.Tensor:
        if step == 3:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return normal(self, number, step)

    monkeypatch.setattr(Trainer, "batch_loss", full)
    state = run(studio, config(studio, method))
    said = failed(studio, state)
    assert "memory is full" in said and "Halve the batch size" in said and "step 2" in said
    base = studio.runtime.base("tiny", "cpu")
    assert (
        base.words == {}
        and base.steering == []
        and not any(module._forward_pre_hooks for module in base.denoiser.modules())
    ), "nothing stays attached"
    monkeypatch.undo()
    assert studio.runs.wait(studio.runs.resume(state.run)).state == "finished"


# What is wrong from the start.


@pytest.mark.parametrize("method", METHODS)
def test_a_trigger_absent_from_the_captions_is_said_first(studio: Studio, method: str) -> None:
    found = studio.runs.preflight(config(studio, method, "data.trigger=wug"))
    said = " ".join(found.warnings)
    if method in ("textual-inversion", "aesthetic"):  # it adds its word; it reads no captions
        assert "absent" not in said
    else:
        assert "“wug” is absent from 4 of 4 captions" in said
    assert found.ok


@pytest.mark.parametrize(
    ("method", "options", "said"),
    [
        ("hypernetwork", {"widths": "320, 768"}, r"no attention of width 320, 768.*32, 64"),
        ("lora", {"rank": 100}, r"Rank 100 is larger than the smallest layer to train \(32\)"),
        ("lora", {"only": "nowhere", "text_encoder": True}, "No layer is left to train"),
    ],
)
def test_settings_the_base_cannot_fulfil(
    studio: Studio, method: str, options: dict[str, Any], said: str
) -> None:
    wanted = config(studio, method, **options)
    assert re.search(said, failed(studio, run(studio, wanted)))
    with pytest.raises(SettingsError, match=said):
        studio.runs.estimate(wanted)


def test_a_filter_without_a_layer_starts_nothing(studio: Studio) -> None:
    wanted, before = config(studio, "lora", only="nowhere"), len(studio.runs.all())
    with pytest.raises(InputError, match="“nowhere” leaves no layer to train"):
        studio.runs.start(wanted)
    assert len(studio.runs.all()) == before
    with pytest.raises(SettingsError, match="No layer is left to train"):
        studio.runs.estimate(wanted)


@pytest.fixture(scope="module")
def sdxl_files(studio: Studio) -> dict[str, Path]:
    """One finished file of each method for the tiny SDXL base."""
    return {
        method: Path(run(studio, config(studio, method, "base=tiny-xl", "train.steps=1")).files[0])
        for method in METHODS
        if "continue_from" in methods.find(method).Options.model_fields
    }


@pytest.mark.parametrize("method", ["lora", "textual-inversion", "hypernetwork"])
def test_an_sdxl_adapter_does_not_go_on_on_sd1(
    studio: Studio, sdxl_files: dict[str, Path], method: str
) -> None:
    wanted = config(studio, method, continue_from=str(sdxl_files[method]))
    with pytest.raises(MismatchError, match=r"SD 1\.x") as caught:
        studio.runs.estimate(wanted)
    assert "Choose the base it was made for" in str(caught.value)
    failed(studio, run(studio, wanted))


@pytest.mark.parametrize("method", ["lora", "textual-inversion", "hypernetwork"])
def test_a_name_from_the_adapters_goes_on_and_a_path_outside_does_not(
    studio: Studio, sdxl_files: dict[str, Path], method: str, tmp_path: Path
) -> None:
    name = sdxl_files[method].stem
    state = run(studio, config(studio, method, "base=tiny-xl", continue_from=name))
    assert state.state == "finished", state
    kept = studio.runs.config(state.run).options["continue_from"]
    assert kept == str(sdxl_files[method])
    outside = tmp_path / "x.safetensors"
    outside.write_bytes(sdxl_files[method].read_bytes())
    with pytest.raises(InputError, match="outside"):
        studio.runs.start(config(studio, method, continue_from=str(outside)))
    with pytest.raises(MissingError, match=f"Did you mean “{name}”"):
        studio.runs.start(config(studio, method, continue_from=f"{name}x"))


# What is finished.


def test_dora_with_convolutions_and_text_encoder_is_verified(studio: Studio) -> None:
    """The run resumes, its file is found whole by the stack, and its image is the trained one."""
    wanted = config(
        studio, "lora", dora=True, target="attention + MLP + conv", text_encoder=True, rank=4,
        conv_rank=2,
    )  # fmt: skip
    state = run(studio, wanted)
    assert state.state == "finished", state
    assert {"unet magnitudes", "text_encoder magnitudes"} <= set(state.trained or {})
    events = studio.runs.view(state.run).events
    verification = next(event for event in events if isinstance(event, Finished)).verify
    assert verification and verification.ok and verification.change and not verification.unmatched


def test_files_of_one_run_stay_together(studio: Studio) -> None:
    def files(seed: int) -> list[Path]:
        wanted = config(
            studio, "hypernetwork", "train.steps=2", "name=styled", f"seed={seed}",
            save_optimizer=True,
        )  # fmt: skip
        return [Path(file) for file in run(studio, wanted).files]

    endings = (".safetensors", ".pt", ".pt.optim")
    assert [file.name for file in files(1)] == [f"styled{ending}" for ending in endings]
    second = files(2)
    assert [file.name for file in second] == [f"styled-2{ending}" for ending in endings]
    saved = torch.load(second[2], weights_only=True)
    assert saved["hash"] == atomic.sha256(second[1])[:10]
    assert not any("optim" in info.path.name for info in studio.library.adapters())


def test_a_word_for_the_negative_prompt_is_verified_there(studio: Studio) -> None:
    wanted = config(studio, "textual-inversion", "data.trigger=ugly", negative=True)
    state = run(studio, wanted)
    assert state.state == "finished", state
    view = studio.runs.view(state.run)
    assert view.config and view.config.sample.negative_prompt == "ugly"
    assert all("ugly" not in prompt for prompt in view.config.sample.prompts)
    verification = next(event for event in view.events if isinstance(event, Finished)).verify
    assert verification and verification.ok and verification.change, (
        "it works from the negative prompt"
    )


@pytest.mark.parametrize("method", METHODS)
def test_settings_come_back_from_the_file(studio: Studio, method: str) -> None:
    state = run(studio, config(studio, method, "seed=5", "loss.noise_offset=0.1"))
    file = next(Path(f) for f in state.files if f.endswith(".safetensors"))
    like = studio.library.config_like(file)
    assert like.notes == []
    stored = studio.runs.config(state.run)
    folder = stored.data.model_copy(update={"folder": "zibbo"})
    assert like.config == stored.model_copy(update={"data": folder})
    assert run(studio, like.config).state == "finished", "and can be run again as they are"
    header = json.dumps(safetensors_file.read_header(file).metadata)
    assert str(studio.workspace.root) not in header, "no path of this machine is in the file"


def test_private_files_keep_their_settings_to_themselves(studio: Studio) -> None:
    state = run(studio, config(studio, "lora", "private_metadata=true"))
    header = safetensors_file.read_header(state.files[0]).metadata
    assert "studio.config" not in header and "a zibbo cat" not in json.dumps(header)
