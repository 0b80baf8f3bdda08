"""The memory ladder: its rungs, what is refused, a rung really measured, and which one is taken."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from studio.app import Studio
from studio.core.errors import MemoryFullError, SettingsError
from studio.formats import safetensors_file
from studio.runs import fit
from studio.runs.records import Finished
from studio.runs.rungs import rungs
from studio.settings.training import RunConfig

Make = Callable[..., RunConfig]


def test_a_run_on_a_base_in_int8_leaves_a_file_as_ever_that_says_so(
    studio: Studio, config: Make
) -> None:
    wanted = config("memory.base_weights=int8", "memory.offload_encoders=true", "train.steps=2")
    run = studio.runs.start(wanted)
    state = studio.runs.wait(run)
    assert state.state == "finished", state
    assert studio.runs.config(run).memory == wanted.memory, "kept with the run"
    verification = next(e for e in studio.runs.view(run).events if isinstance(e, Finished)).verify
    assert verification and verification.ok and not verification.unmatched
    _, said = safetensors_file.read_tensors(Path(state.files[0]))
    assert said["studio.base_weights"] == "int8"
    with studio.runtime.lock.hold("a test"):
        base = studio.runtime.base("tiny", "cpu")
    assert base.weights == "full", "images are generated with the base as it is"


@pytest.mark.parametrize(
    "change", ["base_weights=int8", "stream_blocks=true", "offload_encoders=true"]
)
def test_what_trains_no_adapter_is_refused_with_the_setting(
    studio: Studio, config: Make, change: str
) -> None:
    for method, words in (("dreambooth", "trains the base itself"), ("aesthetic", "CLIP alone")):
        found = studio.runs.preflight(config(f"memory.{change}", method=method))
        key = f"memory.{change.partition('=')[0]}"
        assert any(words in text and found.about[text] == key for text in found.errors)
        with pytest.raises(SettingsError):
            list(rungs(config(method=method), gpu=True))
    found = studio.runs.preflight(config(f"memory.{change}"))
    assert found.ok
    assert any("saves nothing" in text for text in found.warnings) == ("stream" in change)


def test_rungs_go_from_exact_to_rounded_and_streaming_is_the_last(config: Make) -> None:
    found = list(rungs(config("train.optimizer=prodigy", "train.learning_rate=1"), gpu=True))
    titles = [rung.title for rung in found]
    assert titles == [
        "as set", "text encoders and VAE offloaded", "gradient checkpointing", "base in int8",
        "base in nf4", "blocks streamed",
    ]  # fmt: skip
    memory = found[-1].config.memory
    assert (memory.base_weights, memory.stream_blocks, memory.offload_encoders) == (
        "full",
        True,
        True,
    )
    assert [rung.exact for rung in found] == [True, True, True, False, False, True]
    settled = config("memory.base_weights=nf4", "train.gradient_checkpointing=true")
    on_cpu = list(rungs(settled, gpu=False))
    assert [rung.title for rung in on_cpu] == ["as set", "text encoders and VAE offloaded"]
    assert not any(rung.exact for rung in on_cpu)


def climb(
    config: RunConfig, monkeypatch: pytest.MonkeyPatch, tables: dict[str, dict[str, Any]]
) -> fit.Fit:
    """The ladder where each process finds what `tables` says of its base weights."""

    def told(_: fit._Ladder, asked: RunConfig, steps: int, loss: bool) -> dict[str, Any]:
        return tables[asked.memory.base_weights if steps else "reference"]

    monkeypatch.setattr(fit._Ladder, "_in_a_process", told)
    return fit.climbed(config, Path(), lambda _: None)


def test_the_first_rung_within_the_limit_is_taken_with_what_it_costs(
    config: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = {"reason": "It was ended: it took more than the limit.", "peak_memory": 2_000_000_000}
    int8 = {"peak_memory": 900_000_000, "seconds_per_step": 1.5, "loss": 0.101}
    wanted = config("memory.limit=1")
    found = climb(wanted, monkeypatch, {"full": full, "int8": int8, "reference": {"loss": 0.1}})
    chosen = fit.needed(found)
    assert found.limit == 10**9 and len(found.rungs) == 4
    assert "memory.base_weights=int8" in chosen.settings
    assert chosen.loss_error == pytest.approx(0.01)
    assert "off by 1 %" in fit.lines(found)[-1] and "1.5 s" in fit.lines(found)[-1]
    with pytest.raises(MemoryFullError, match="No rung fits into"):
        fit.needed(climb(wanted, monkeypatch, dict.fromkeys(("full", "int8", "nf4"), full)))


@pytest.mark.slow
def test_a_rung_is_measured_in_a_process_that_may_not_take_more_than_the_limit(
    studio: Studio, config: Make
) -> None:
    found = fit.find_fit(config("memory.limit=100"), studio.runtime, lambda _: None)
    (rung,) = found.rungs
    assert rung.fits and rung.exact and rung.title == "as set" and not rung.reason
    assert rung.peak_memory and 100e6 < rung.peak_memory < 100e9
    assert rung.seconds_per_step and rung.seconds_per_step > 0
    found = fit.find_fit(config("memory.limit=0.05"), studio.runtime, lambda _: None)
    assert found.chosen is None
    assert all("more than the limit" in rung.reason for rung in found.rungs)
