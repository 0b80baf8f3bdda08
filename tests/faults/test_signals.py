"""A polite kill and a lost terminal save what is going on, as Ctrl-C does, and say so by exit code."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from studio import cli
from studio.commands import terminal
from studio.core import manifest
from studio.core.errors import Interrupted
from studio.generation.comparisons import Comparisons
from studio.generation.service import Generation
from studio.runs.events import hold, read_state
from studio.runs.records import RunState, RunView
from studio.ui import app
from tests.workspaces import make_workspace

ROOT = str(Path(__file__).resolve().parent.parent.parent)
CODES = {signal.SIGTERM: 143, signal.SIGHUP: 129}
VALUES = {
    "name": "told to stop",
    "base": "tiny",
    "device": "cpu",
    "data": {"folder": "zibbo"},
    "train": {"steps": 100_000, "batch_size": 1},
    "sample": {"every": 0},
    "save": {"every": 2},
    "validation": {"every": 0},
}
COMMAND = """
import sys
sys.path.insert(0, {root!r})
from studio.cli import main
sys.exit(main(["--workspace", {workspace!r}, "train", "--method", "lora", "--base", "tiny",
    "--data", "zibbo", *[part for text in {assignments!r} for part in ("--set", text)]]))
"""
SERVER = """
import sys
sys.path.insert(0, {root!r})
import studio.ui.app as app
from studio.cli import main
from studio.library import presets
from studio.runs.worker import Worker

on_save, launch = Worker.on_save, app.launch
def saved(self, progress):
    on_save(self, progress)
    print("saved step", progress.step, file=sys.stderr, flush=True)
def launching(studio, **named):
    studio.runs.start(presets.config_from(None, {values!r}))
    launch(studio, **named)
Worker.on_save, app.launch = saved, launching
sys.exit(main(["--workspace", {workspace!r}, "--no-browser", "--port", "0"]))
"""


def ended(root: Path, code: str, number: signal.Signals, ready: tuple[str, ...]) -> int:
    """The exit code of a child that is sent a signal once it has said everything in `ready`."""
    log = root / "said.txt"
    with open(log, "w") as out:
        child = subprocess.Popen(
            [sys.executable, "-u", "-c", code],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        try:
            assert child.stdout is not None
            waiting = set(ready)
            for line in child.stdout:
                out.write(line)
                waiting -= {text for text in waiting if text in line}
                if not waiting:
                    break
            assert not waiting, log.read_text()
            child.send_signal(number)
            out.write(child.stdout.read())
            return child.wait(timeout=300)
        finally:
            child.kill()
            child.communicate()  # closes the pipe


def check_saved(root: Path) -> None:
    (folder,) = (root / "runs").iterdir()
    state = read_state(folder)
    assert state.state == "stopped", state
    assert state.last_checkpoint == state.step > 0, "saved at the step it had reached"
    assert manifest.verify(folder / "checkpoints" / f"step-{state.step:06d}")
    assert [Path(file).is_file() for file in state.files] == [True]
    hold(folder).release()


@pytest.mark.parametrize(
    "number", [pytest.param(signal.SIGHUP, marks=pytest.mark.slow), signal.SIGTERM]
)
def test_the_command_saves(tmp_path: Path, number: signal.Signals) -> None:
    make_workspace(tmp_path)
    assignments = ["train.steps=100000", "sample.every=0", "validation.every=0", "save.every=2"]
    code = COMMAND.format(root=ROOT, workspace=str(tmp_path), assignments=assignments)
    assert ended(tmp_path, code, number, ("saved step",)) == CODES[number]
    check_saved(tmp_path)
    assert "the run is saved first" in (tmp_path / "said.txt").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("number", CODES)
def test_the_server_saves(tmp_path: Path, number: signal.Signals) -> None:
    make_workspace(tmp_path)
    code = SERVER.format(root=ROOT, workspace=str(tmp_path), values=VALUES)
    assert ended(tmp_path, code, number, ("is open at", "saved step")) == CODES[number]
    check_saved(tmp_path)
    assert "a running training saves first" in (tmp_path / "said.txt").read_text()


@pytest.mark.parametrize("number", [signal.SIGINT, *CODES])
@pytest.mark.parametrize(
    ("service", "method", "command"),
    [
        (Generation, "generate", ["generate", "a cat"]),
        (Comparisons, "compare", ["compare", "--prompt", "a cat"]),
        (Generation, "caption", ["caption", "zibbo"]),
    ],
)
def test_every_command_ends_by_its_signal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals, service: type,
    method: str, command: list[str],
) -> None:  # fmt: skip
    def work(self: Any, *_: Any, cancelled: Any, **__: Any) -> None:
        os.kill(os.getpid(), number)
        assert cancelled()
        raise Interrupted("Stopped as you asked")

    monkeypatch.setattr(service, method, work)
    assert cli.main(["--workspace", str(tmp_path), *command]) == CODES.get(number, 130)


@pytest.mark.parametrize("number", CODES)
def test_the_server_gives_saving_the_time_that_it_was_given(
    monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    closed: list[tuple[float, ...]] = []
    studio: Any = SimpleNamespace(close=lambda *seconds: closed.append(seconds))
    tasks = SimpleNamespace(close=lambda seconds: None)
    page = SimpleNamespace(tasks=tasks, painted=threading.Event(), studio=studio)
    server = SimpleNamespace(url="http://127.0.0.1:1", page=page, close=lambda: None)
    monkeypatch.setattr(app, "serve", lambda *_, **__: server)
    threading.Timer(0.2, os.kill, (os.getpid(), number)).start()
    with pytest.raises(terminal.Ended) as caught, terminal.Ending():
        app.launch(studio, host="127.0.0.1", port=1, open_browser=False, grace=7.0)
    assert caught.value.exit_code == CODES[number]
    assert closed[0] == (7.0,), "the second call finds it closed"


def test_a_second_one_leaves_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def work(self: Any, *_: Any, **__: Any) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)
        raise AssertionError("not reached")

    monkeypatch.setattr(Generation, "generate", work)
    assert cli.main(["--workspace", str(tmp_path), "generate", "a cat"]) == 143


def test_nohup_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with terminal.Stopping("Stopping.") as stopping, terminal.Ending():
            os.kill(os.getpid(), signal.SIGHUP)
            assert not stopping.asked
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_what_does_not_stop_in_time_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from studio.commands import train

    monkeypatch.setattr(terminal, "GRACE", -1.0)
    closed: list[float] = []

    class Slow:
        def view(self, run: str, since: int) -> RunView:
            if not closed and not stopping.asked:
                os.kill(os.getpid(), signal.SIGTERM)
            return RunView(RunState(state="running", last_checkpoint=7), None, [], 0)

        def command(self, run: str, command: str) -> None:
            assert command == "stop"

        def close(self, timeout: float) -> None:
            closed.append(timeout)

    slow: Any = Slow()
    slow.runs = slow
    with (
        pytest.raises(Interrupted, match="in time") as caught,
        terminal.Stopping("Stopping.") as stopping,
    ):
        train.follow(slow, "run", stopping)
    assert caught.value.exit_code == 143 and closed == [0]
    assert "step 7 is intact" in str(caught.value)
