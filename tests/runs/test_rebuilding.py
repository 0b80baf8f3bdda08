"""What a run's files still say when its log or its state was lost, and beginning at 0 says so."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from studio.app import Studio
from studio.core import atomic
from studio.core.paths import Workspace
from studio.runs import rebuilding
from studio.runs.events import RunLog, honest_state, read_events, read_state
from studio.runs.records import Message, RunState, Sampled, Saved
from studio.settings.training import RunConfig
from studio.train.state import saved_steps
from tests.workspaces import make_config, make_workspace

Make = Callable[..., RunConfig]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of 4 steps."""
    studio = Studio(make_workspace(tmp_path_factory.mktemp("trained")))
    run = studio.runs.start(make_config())
    assert studio.runs.wait(run).state == "finished"
    studio.close()
    return studio.runs.folder(run)


@pytest.fixture
def run(studio: Studio, trained: Path) -> Path:
    """A run of 4 steps whose process died: as its files are when nobody holds it."""
    folder = shutil.copytree(trained, studio.workspace.runs / trained.name)
    RunLog(folder).update(state="running", step=3, last_checkpoint=None)
    return folder


def again(studio: Studio) -> Studio:
    return Studio(Workspace(studio.workspace.root))


@pytest.mark.parametrize("damage", [b"", b"\x00" * 4096, b'{"t": 1, "kind": "st'])
def test_saved_and_sample_events_are_found_again(studio: Studio, run: Path, damage: bytes) -> None:
    (run / "events.jsonl").write_bytes(damage)
    other = again(studio)
    view = other.runs.view(run.name)
    other.close()
    assert view.state.state == "interrupted" and view.state.last_checkpoint == 4
    assert [e.step for e in view.events if isinstance(e, Saved)] == saved_steps(run)
    samples = [e for e in view.events if isinstance(e, Sampled)]
    assert [e.step for e in samples] == [0, 2, 4]
    assert all((run / file).is_file() for e in samples for file in e.images)
    assert all(len(e.prompts) == len(e.images) for e in samples)


def test_nothing_is_told_twice(studio: Studio, run: Path) -> None:
    before = [e for e in read_events(run)[0] if e.kind in ("saved", "sample")]
    honest_state(run, False, rebuilding.repair)
    RunLog(run).update(state="running")
    honest_state(run, False, rebuilding.repair)
    assert [e for e in read_events(run)[0] if e.kind in ("saved", "sample")] == before


DAMAGED = ["", "null", "[" * 100_000, '{"a":' * 100_000, "[]", '{"run": "half', "\x00" * 100]


@pytest.mark.parametrize("damage", DAMAGED)
def test_a_run_without_a_state_is_listed_and_goes_on(
    studio: Studio, run: Path, damage: str
) -> None:
    RunLog(run).update(state="stopped")
    (run / "state.json").write_text(damage)
    (listed,) = again(studio).runs.all()
    assert listed.run == run.name and listed.name == "my zibbo" and listed.steps == 4
    assert listed.state == "stopped" and listed.last_checkpoint == 4
    if damage != DAMAGED[2]:
        return
    shutil.rmtree(run / "checkpoints" / "step-000004")
    assert studio.runs.wait(studio.runs.resume(run.name)).state == "finished"
    assert read_state(run).name == "my zibbo"


def test_a_state_nested_deep_but_allowed_reaches_the_page(studio: Studio, run: Path) -> None:
    from studio.ui.live import sendable

    deep: object = 1
    for _ in range(90):
        deep = [deep]
    (run / "state.json").write_text(json.dumps({"run": run.name, "state": "stopped", "x": deep}))
    assert sendable(again(studio).runs.view(run.name).state.as_json())["x"]


def test_beginning_at_0_again_says_so(studio: Studio, run: Path) -> None:
    RunLog(run).update(last_checkpoint=4)
    for step in saved_steps(run):
        (run / "checkpoints" / f"step-{step:06d}" / "trainable.safetensors").write_bytes(b"x")
    assert again(studio).runs.all()
    state = studio.runs.wait(studio.runs.resume(run.name))
    assert state.state == "finished"
    said = [e.text for e in read_events(run)[0] if isinstance(e, Message)]
    assert any("had saved step 4" in text and "begins again at step 0" in text for text in said)
    assert any("step 4 and 2 is damaged" in text for text in said)
    assert not any("Continuing from" in text for text in said)


def test_passing_over_a_damaged_one_says_so(studio: Studio, run: Path) -> None:
    again(studio).close()
    (run / "checkpoints" / "step-000004" / "trainable.safetensors").write_bytes(b"x")
    assert studio.runs.wait(studio.runs.resume(run.name)).state == "finished"
    said = [e.text for e in read_events(run)[0] if isinstance(e, Message)]
    assert any("step 4 is damaged" in text for text in said)
    assert any("Continuing from step 2" in text for text in said)


@pytest.mark.parametrize("name", ["notes", "queue", ".hidden"])
def test_a_folder_that_is_no_run_stays_unlisted(studio: Studio, name: str) -> None:
    atomic.write_text(studio.workspace.runs / name / "readme.txt", "x")
    assert studio.runs.all() == [] and rebuilding.state(studio.workspace.runs / name) == RunState()
