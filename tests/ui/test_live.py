"""Calls from the page: checked, answered readably, never with a stack trace."""

from __future__ import annotations

import threading
from pathlib import Path

import gradio as gr
import pytest

from studio.core.errors import BusyError, InputError, Interrupted, MissingError
from studio.ui.live import Page, Task, Tasks, endpoint, handler, read


def test_an_endpoint_answers_data_or_a_readable_error() -> None:
    def good(argument: object) -> object:
        return argument

    def refused(argument: object) -> None:
        raise MissingError("It is not there", remedy="Look elsewhere.")

    def broken(argument: object) -> None:
        raise ZeroDivisionError("secret detail")

    assert endpoint(good)(3) == {"ok": True, "data": 3}
    assert endpoint(refused)()["error"]["remedy"] == "Look elsewhere."
    answer = endpoint(broken)()
    assert answer["ok"] is False
    assert "secret detail" not in str(answer)
    assert answer["error"]["what"]


def test_a_handler_shows_escaped_words() -> None:
    @handler
    def refused() -> None:
        raise InputError("No <b>such</b> thing", why="because of <script>")

    with pytest.raises(gr.Error) as caught:
        refused()
    assert "<script>" not in caught.value.message
    assert "&lt;b&gt;such" in caught.value.message


def test_a_generator_handler_does_the_same() -> None:
    @handler
    def refused():
        yield 1
        raise InputError("Stop here")

    steps = refused()
    assert next(steps) == 1
    with pytest.raises(gr.Error, match="Stop here"):
        next(steps)


@pytest.mark.parametrize(
    "argument",
    [None, [], "x", {}, {"a": 1}, {"a": "x", "n": "1"}, {"a": "x", "n": True}, {"a": "x" * 30_000}],
)
def test_hostile_arguments_are_refused(argument: object) -> None:
    with pytest.raises(InputError):
        read(argument, a=str, n=int)


def test_uploads_are_only_what_was_uploaded(workspace: Path, monkeypatch: object) -> None:
    from studio.app import Studio
    from studio.core.paths import Workspace

    page = Page(Studio(Workspace(workspace)))
    for path in ("/etc/passwd", "../../etc/passwd", str(workspace / "runs"), ""):
        with pytest.raises(InputError):
            page.uploaded(path)


def test_one_task_of_a_kind_runs_at_a_time() -> None:
    tasks, go = Tasks(), threading.Event()

    def work(task: Task) -> str:
        task.progress(1, 2, "half")
        go.wait(10)
        return "done"

    task = tasks.start("paint", work, dataset="x")
    with pytest.raises(BusyError):
        tasks.start("paint", work)
    go.set()
    while tasks.find(task.id).state == "running":
        pass
    assert tasks.latest("paint").view()["result"] == "done"  # type: ignore[union-attr]
    with pytest.raises(MissingError):
        tasks.find("paint-99")


@pytest.mark.parametrize(
    ("error", "state"),
    [(Interrupted("Stopped"), "cancelled"), (ValueError("x"), "failed"), (None, "finished")],
)
def test_tasks_end_honestly(error: Exception | None, state: str) -> None:
    tasks = Tasks()

    def work(task: Task) -> None:
        if error:
            raise error

    task = tasks.start("one", work)
    while task.state == "running":
        pass
    assert task.state == state
    assert (task.error is not None) == (state == "failed")


def test_work_that_is_recalled_before_it_is_asked_for_does_not_begin() -> None:
    """On a slow machine “Stop” may arrive before what it stops."""
    tasks = Tasks()
    tasks.recall("early")
    for token, cancelled in (("early", True), ("other", False)):
        task = tasks.start("effect", lambda task: task.cancelled.is_set(), token=token)
        while task.state == "running":
            pass
        assert task.result is cancelled
    go = threading.Event()
    task = tasks.start("effect", lambda task: go.wait(10), token="late")
    tasks.recall("late")
    assert task.cancelled.is_set()
    go.set()


def test_closing_cancels_what_runs_and_waits_for_it() -> None:
    tasks, ended = Tasks(), []

    def work(task: Task) -> None:
        assert task.cancelled.wait(20)
        ended.append(task.kind)

    for kind in ("paint", "caption"):
        tasks.start(kind, work)
    tasks.close(0)
    tasks.close(20)
    assert sorted(ended) == ["caption", "paint"]


def test_the_time_of_a_piece_of_work_stands_still_once_it_has_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    task = Tasks().start("paint", lambda task: None)
    while task.state == "running":
        pass
    later = task.started + 1047
    monkeypatch.setattr("studio.ui.tasks.time.time", lambda: later)
    assert task.view()["seconds"] < 1000


def test_an_uploaded_file_is_called_by_its_name_in_messages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "cache"))
    arrived = tmp_path / "cache" / "0a1b2c" / "my file.json"

    def refused(argument: object) -> None:
        raise InputError("This cannot be read", where=arrived, why=f"{arrived} is empty")

    error = endpoint(refused)()["error"]
    assert error["where"] == "my file.json"
    assert error["why"] == "my file.json is empty"


def test_no_error_names_a_place_in_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(cache / "uploads"))
    sent, mask = cache / "uploads" / "a1b2" / "cat.png", cache / "start" / "mask.png"
    error = InputError("No", where=sent, why=f"{mask} is gone, {tmp_path / 'mine'} is not.")
    answer = endpoint(lambda argument: _raise(error))()["error"]
    assert answer["where"] == "cat.png"
    assert answer["why"] == f"start/mask.png is gone, {tmp_path / 'mine'} is not."


def _raise(error: Exception) -> None:
    raise error
