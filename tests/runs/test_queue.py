"""The queue of runs: its order, what a failure does to it, what is left of it after a restart."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from studio.app import Studio
from studio.core.errors import InputError
from studio.runs import worker
from studio.runs.events import read_state
from studio.runs.training import SETTINGS
from studio.settings.training import RunConfig

Make = Callable[..., RunConfig]


class Runs:
    """Stands in for the worker: a run waits at a gate, then ends as its name says."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.started, self.gate = threading.Semaphore(0), threading.Semaphore(0)

    def execute(self, run, config, control, runtime) -> None:
        self.begun.append(config.name)
        run.update(state="running")
        self.started.release()
        assert self.gate.acquire(timeout=30)
        if control.stop:
            run.update(state="stopped")
        elif config.name.startswith("bad"):
            raise ValueError("made to fail")
        else:
            run.update(state="finished")


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Iterator[Runs]:
    made = Runs()
    monkeypatch.setattr(worker, "execute", made.execute)
    yield made
    for _ in range(20):
        made.gate.release()


def start(studio: Studio, config: Make, *names: str) -> dict[str, str]:
    return {name: studio.runs.start(config(name=name)) for name in names}


def go(runs: Runs, count: int = 1) -> None:
    for _ in range(count):
        runs.gate.release()


def places(studio: Studio, ids: dict[str, str]) -> dict[str, int | None]:
    return {n: read_state(studio.workspace.runs / run).place for n, run in ids.items()}


def test_runs_change_places_and_begin_in_the_new_order(
    studio: Studio, config: Make, runs: Runs
) -> None:
    ids = start(studio, config, "first", "a", "b", "c")
    assert runs.started.acquire(timeout=30)
    queue = studio.runs.queue
    assert queue().waiting == [ids["a"], ids["b"], ids["c"]]
    assert studio.runs.reorder(ids["c"], 0) == [ids["c"], ids["a"], ids["b"]]
    assert studio.runs.reorder(ids["c"], 99) == [ids["a"], ids["b"], ids["c"]]
    studio.runs.reorder(ids["b"], 0)
    assert places(studio, ids) == {"first": None, "b": 1, "a": 2, "c": 3}, "not on disk"
    studio.runs.command(ids["a"], "stop")
    assert places(studio, ids) == {"first": None, "b": 1, "a": None, "c": 2}
    with pytest.raises(InputError, match="does not wait"):
        studio.runs.reorder(ids["first"], 0)
    go(runs, 3)
    assert studio.runs.wait(ids["c"]).state == "finished"
    assert runs.begun == ["first", "b", "c"]
    assert studio.runs.view(ids["a"]).state.state == "stopped"


def test_a_failure_does_not_stop_the_next_run(studio: Studio, config: Make, runs: Runs) -> None:
    ids = start(studio, config, "bad", "unreadable", "gone", "good")
    assert runs.started.acquire(timeout=30)
    folder = studio.workspace.runs / ids["unreadable"]  # somebody tidies up by hand
    (folder / "config.toml").unlink()
    (studio.workspace.runs / ids["gone"]).rename(studio.workspace.trash / "gone")
    go(runs, 2)
    assert studio.runs.wait(ids["good"]).state == "finished"
    assert studio.runs.view(ids["bad"]).state.state == "failed"
    assert read_state(folder).state == "failed"
    assert runs.begun == ["bad", "good"]


def test_a_failure_holds_the_queue_when_asked_to(studio: Studio, config: Make, runs: Runs) -> None:
    training = studio.runs
    assert training.continue_on_error, "the default goes on"
    training.continue_on_error = False
    ids = start(studio, config, "bad", "next", "last")
    go(runs)
    studio.runs.wait(ids["bad"])
    for _ in range(500):
        if training.queue().paused_by:
            break
        threading.Event().wait(0.01)
    assert training.queue().paused_by == ids["bad"]
    assert runs.begun == ["bad"], "the queue went on"
    training.go_on()
    go(runs, 2)
    assert studio.runs.wait(ids["last"]).state == "finished"
    assert training.queue().paused_by is None


def test_switching_to_going_on_lets_a_paused_queue_go(
    studio: Studio, config: Make, runs: Runs
) -> None:
    studio.runs.continue_on_error = False
    assert json.loads((studio.workspace.runs / SETTINGS).read_text()) == {
        "continue_on_error": False
    }
    ids = start(studio, config, "bad", "next")
    go(runs, 2)
    studio.runs.wait(ids["bad"])
    studio.runs.continue_on_error = True
    assert studio.runs.wait(ids["next"]).state == "finished"


def test_a_restart_shows_what_waited_and_can_put_it_back_in_order(
    studio: Studio, config: Make, runs: Runs
) -> None:
    ids = start(studio, config, "first", "a", "b", "c")
    assert runs.started.acquire(timeout=30)
    studio.runs.reorder(ids["c"], 0)
    studio.runs.continue_on_error = False
    go(runs)  # the running one is told to stop and saves
    studio.close()
    again = Studio(studio.workspace)
    try:
        states = {state.run: state for state in again.runs.all()}
        assert [states[ids[n]].state for n in ("a", "b", "c")] == ["interrupted"] * 3
        assert "waited in the queue" in (states[ids["a"]].reason or "")
        left = [ids["c"], ids["a"], ids["b"]]
        assert again.runs.queue().left == left
        assert again.runs.queue().continue_on_error is False, "the switch was forgotten"
        assert again.runs.requeue() == left
        assert again.runs.queue().left == []
        go(runs, 3)
        assert again.runs.wait(ids["b"]).state == "finished"
        assert runs.begun[-3:] == ["c", "a", "b"]
    finally:
        again.close()


def test_a_damaged_settings_file_means_the_default(studio: Studio) -> None:
    file: Path = studio.workspace.runs / SETTINGS
    for text in ("", "[]", '{"continue_on_error": 3}'):
        file.write_text(text)
        assert studio.runs.continue_on_error
