"""Telling somebody that a run has ended: what is sent, to whom, and that no run depends on it."""

from __future__ import annotations

import json
import logging
import shlex
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from studio.app import Studio
from studio.commands import terminal
from studio.core.errors import SettingsError
from studio.core.paths import Workspace
from studio.runs import worker
from studio.runs.notify import Notifier, message
from studio.runs.records import RunState
from studio.settings.training import RunConfig
from studio.settings.workspace import FILE, workspace_settings

Make = Callable[..., RunConfig]


@pytest.fixture
def webhook() -> Iterator[tuple[str, list[Any], threading.Event]]:
    """(address, what was posted, the event that it waits for before it answers)."""
    posted: list[Any] = []
    answer = threading.Event()
    answer.set()

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            answer.wait(30)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *arguments: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Hook)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/hook", posted, answer
    answer.set()
    server.shutdown()
    thread.join()
    server.server_close()


def ended(monkeypatch: pytest.MonkeyPatch, studio: Studio, config: RunConfig, **facts: Any) -> str:
    """The state of a run whose worker does nothing but end."""

    def execute(run: Any, *_: Any) -> None:
        if "fail" in facts:
            raise ValueError("made to fail")
        run.update(**facts)

    monkeypatch.setattr(worker, "execute", execute)
    state = studio.runs.wait(studio.runs.start(config))
    studio.runs.notifier.close()
    return state.state


def test_a_webhook_is_told_how_a_run_ended(
    studio: Studio, config: Make, webhook: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, posted, _ = webhook
    studio.runs.notifier = Notifier(address)
    files = (str(studio.workspace.adapters / "zorp.safetensors"),)
    ended(monkeypatch, studio, config(name="good"), state="finished", step=4, files=files)
    ended(monkeypatch, studio, config(name="bad"), fail=True)
    good, bad = posted
    assert (good["name"], good["state"], good["step"]) == ("good", "finished", 4)
    assert good["files"] == ["zorp.safetensors"], "a folder of this machine was sent"
    assert bad["state"] == "failed"
    assert bad["reason"] and bad["reason"] in bad["text"]


def test_a_command_gets_the_same_as_its_input(
    studio: Studio, config: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "what was told.json"
    code = "import sys; open(sys.argv[1], 'wb').write(sys.stdin.buffer.read())"
    studio.runs.notifier = Notifier(shlex.join([sys.executable, "-c", code, str(file)]))
    ended(monkeypatch, studio, config(name="zorp"), state="finished")
    assert json.loads(file.read_bytes())["name"] == "zorp"


def test_a_webhook_that_does_not_answer_holds_up_nothing(
    studio: Studio, config: Make, webhook: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, _, answer = webhook
    answer.clear()
    studio.runs.notifier = Notifier(address, seconds=0.2)
    assert ended(monkeypatch, studio, config(name="one"), state="finished") == "finished"
    assert ended(monkeypatch, studio, config(name="two"), state="finished") == "finished"


@pytest.mark.parametrize("target", ["http://127.0.0.1:1/none", "no-such-program --now"])
def test_who_cannot_be_told_fails_no_run(
    target: str, studio: Studio, config: Make, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    caplog.set_level(logging.WARNING)
    studio.runs.notifier = Notifier(target)
    assert ended(monkeypatch, studio, config(), state="finished") == "finished"
    assert "no notification" in caplog.text


def test_nobody_is_told_unless_somebody_is_named(
    studio: Studio, config: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Notifier, "_send", lambda *_: pytest.fail("something was sent"))
    assert ended(monkeypatch, studio, config(), state="finished") == "finished"


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://host/x", "“", "say 'x", " "])
def test_a_target_that_is_neither_is_refused_at_the_start(target: str) -> None:
    with pytest.raises(SettingsError):
        Notifier(target if target != "“" else '"')


def test_the_workspace_or_the_option_name_the_target(tmp_path: Path) -> None:
    from studio import cli

    workspace = Workspace(tmp_path)
    assert workspace_settings(workspace).notify == ""
    (tmp_path / FILE).write_text('notify = "https://example.org/hook"\n')
    plain = cli.parse(["--workspace", str(tmp_path)])
    with terminal.opened(plain) as studio:
        assert studio.runs.notifier.target == "https://example.org/hook"
    with terminal.opened(cli.parse(["--workspace", str(tmp_path), "--notify", "beep"])) as studio:
        assert studio.runs.notifier.target == "beep"
    (tmp_path / FILE).write_text('notfy = "x"\n')
    with pytest.raises(SettingsError, match="notify"), terminal.opened(plain):
        pass
    (tmp_path / FILE).write_text("notify = ")
    with pytest.raises(SettingsError, match="cannot be read"), terminal.opened(plain):
        pass


def test_a_message_is_one_sentence_and_plain_facts() -> None:
    told = message(RunState(run="1-zorp", name="zorp", state="stopped", step=3, steps=9))
    assert told.text == "zorp: stopped at step 3 of 9"
