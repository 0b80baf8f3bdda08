"""What a run does besides its steps is in its state while it does it, and not written for a step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from studio.app import Studio
from studio.runs.events import RunLog
from studio.settings.training import RunConfig

Make = Callable[..., RunConfig]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Everything that runs write into their states, in order."""
    written: list[dict[str, Any]] = []
    update = RunLog.update

    def noting(self: RunLog, **facts: Any) -> None:
        written.append(facts)
        update(self, **facts)

    monkeypatch.setattr(RunLog, "update", noting)
    return written


def test_a_run_says_what_it_does_besides_steps(
    studio: Studio, config: Make, told: list[dict[str, Any]]
) -> None:
    state = studio.runs.wait(studio.runs.start(config()))
    assert state.state == "finished" and state.doing is None
    phases = [facts["doing"] for facts in told if facts.get("doing")]
    assert phases == [
        "validation before the first step", "samples before the first step",
        "validation", "samples", "validation", "samples", "writing and checking the file",
    ]  # fmt: skip
    ends = [facts for facts in told if facts == {"doing": None}]
    assert len(ends) == len(phases), "twice for a phase, never for a step"


def test_class_images_and_caching_are_counted_with_the_time_left(
    studio: Studio, config: Make, told: list[dict[str, Any]]
) -> None:
    settings = ("method=dreambooth", "prior.weight=1", "prior.images=3", "train.steps=1")
    assert studio.runs.wait(studio.runs.start(config(*settings))).state == "finished"
    counted = [facts for facts in told if facts.get("prepared")]
    kinds = {str(facts["preparing"]).split(" of ")[-1] for facts in counted}
    assert any(kind.endswith("class images") for kind in kinds) and len(kinds) > 1, kinds
    for facts in counted:
        done, total = facts["prepared"]
        assert f" {done} of {total} " in facts["preparing"] and "eta" in facts
    assert [facts for facts in counted if facts["eta"] == 0], "the last of several has a pace"
    running = next(facts for facts in told if facts.get("state") == "running")
    assert running["prepared"] is running["eta"] is None


def test_a_file_that_cannot_be_verified_leaves_no_phase_behind(
    studio: Studio, config: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr("studio.runs.worker.verify", broken)
    state = studio.runs.wait(studio.runs.start(config("train.steps=1")))
    assert state.state == "failed" and state.doing is None
