"""A run that stops by itself: its best save is its file, and a break changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from studio.app import Studio
from studio.formats import safetensors_file
from studio.runs.records import Finished, Judged, RunView, only
from studio.settings.training import RunConfig
from studio.train.state import saved_steps
from tests.workspaces import make_dataset, make_workspace

Make = Callable[..., RunConfig]


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    workspace = make_workspace(tmp_path / "w")
    held_out = make_dataset(workspace.datasets / "zibbo" / "held_out")
    (held_out / "dataset.toml").unlink()
    studio = Studio(workspace)
    yield studio
    studio.close()


def stopping(config: Make, name: str, steps: int = 60) -> RunConfig:
    """A rate at which nothing can be learned: no save is clearly better than the first."""
    return config(
        name=name, train={"steps": steps, "batch_size": 1, "learning_rate": 1e-9},
        save={"every": 2, "keep": 1, "stop_after": 2, "stop_images": 8},
        sample={"every": 0, "steps": 2}, validation={"every": 0},
    )  # fmt: skip


def judged(view: RunView) -> list[tuple[int, int | None, int]]:
    return [(event.step, event.best, event.since) for event in only(view.events, Judged)]


def test_it_ends_the_run_and_the_best_save_is_the_file(studio: Studio, config: Make) -> None:
    run = studio.runs.start(stopping(config, "early"))
    state = studio.runs.wait(run)
    assert state.state == "finished" and state.step == 6 and "Stopped early" in (state.reason or "")
    view = studio.runs.view(run)
    assert judged(view) == [(2, 2, 0), (4, 2, 1), (6, 2, 2)]
    (written,) = only(view.events, Finished)
    assert written.step == 2
    _, metadata = safetensors_file.read_tensors(state.files[0])
    assert metadata["ss_steps"] == "2" and "Stopped early" in metadata["ss_training_comment"]
    assert saved_steps(studio.runs.folder(run)) == [2, 6], "the best is spared"


def test_a_break_changes_nothing(studio: Studio, config: Make) -> None:
    whole = studio.runs.start(stopping(config, "same"))
    expected = studio.runs.wait(whole)
    broken = studio.runs.start(stopping(config, "same").model_copy(update={"name": "broken"}))
    while not judged(studio.runs.view(broken)):
        pass
    studio.runs.command(broken, "stop")
    stopped = studio.runs.wait(broken)
    if stopped.state == "stopped":  # it was quicker than the two remaining saves
        studio.runs.resume(broken)
        stopped = studio.runs.wait(broken)
    assert stopped.state == "finished" and stopped.step == expected.step
    first, second = (
        [event.likeness for event in only(studio.runs.view(run).events, Judged)]
        for run in (whole, broken)
    )
    assert first == second
    ours, theirs = (safetensors_file.read_tensors(s.files[0])[0] for s in (stopped, expected))
    assert all((ours[name] == theirs[name]).all() for name in ours)


def test_without_held_out_images_it_is_refused(studio: Studio, config: Make) -> None:
    for file in (studio.workspace.datasets / "zibbo" / "held_out").iterdir():
        file.unlink()
    found = studio.runs.preflight(stopping(config, "none"))
    assert any("Early stopping judges saves by held-out images" in text for text in found.errors)
