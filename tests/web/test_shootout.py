"""One click on a sample dataset: three methods are trained and compared, although the server is killed in the
middle; a started anew studio goes on by itself, and the page shows what can be told apart."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from studio.core.paths import Workspace
from studio.runs.events import read_state
from tests.web.conftest import TIMEOUT

pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("ignore")]

ROOT = Path(__file__).resolve().parents[2]
PLAIN = "prior.weight=0"  # class images take minutes
FORM = {
    "methods": {
        "lora": {"on": True, "preset": "", "variants": [f"{PLAIN}, sample.every=never"]},
        "textual-inversion": {"on": True, "preset": "", "variants": [""]},
        "hypernetwork": {"on": True, "preset": "", "variants": [PLAIN]},
    },
    "budget": "steps", "amount": 2, "captions": 1, "novel": 1, "seeds": "1",
    "images": 2, "steps": 2, "ordinary_images": 2,
}  # fmt: skip


class Server:
    """The studio as a process of its own, so that it can be killed."""

    def __init__(self, workspace: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.workspace = workspace
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/?__theme=light#compare"

    def start(self) -> None:
        self.process = subprocess.Popen(
            [
                sys.executable, "studio.py", "--no-browser", "--port", str(self.port),
                "--workspace", str(self.workspace),
            ],
            cwd=ROOT, stdout=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if "is open at" in line:
                return
        raise AssertionError("the studio did not open")

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate()  # also closes the pipe


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    workspace = Workspace(tmp_path / "w")
    (workspace.cache / "shootout-form.json").write_text(json.dumps(FORM))
    server = Server(workspace.root)
    yield server
    server.kill()


def until(condition: Callable[[], object], seconds: float = TIMEOUT / 1000 * 3) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it hangs"
        time.sleep(0.1)


def states(server: Server) -> list[str]:
    folders = sorted((server.workspace / "runs").iterdir())
    return [read_state(folder).state for folder in folders if folder.is_dir()]


def test_one_click_a_kill_and_a_verdict(browser: Any, server: Server) -> None:
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.set_default_timeout(TIMEOUT * 3)
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(server.url)
    page.get_by_role("radio", name="Shootout", exact=True).click()
    page.get_by_label("Dataset of the shootout").select_option(label="zibbo · 12 images · sample")
    page.locator(".so-total", has_text="3 trainings").wait_for()
    page.get_by_role("button", name="Start shootout").click()
    page.locator(".so-card[data-state=training]").wait_for()
    until(lambda: "finished" in states(server))
    server.kill()
    assert len(states(server)) == 3
    server.start()
    page.goto(server.url)
    card = page.locator(".so-card[data-state=finished]")
    card.wait_for()
    assert states(server) == ["finished"] * 3, "no run twice, none is missing"
    card.get_by_role("button", name="Open").click()
    page.get_by_role("tab", name="Measures", exact=True).click()
    page.locator(".mt-verdict li").first.wait_for()
    for name in ("Base", "LoRA", "Textual Inversion", "Hypernetwork"):
        assert page.locator(".cmp-part-measures", has_text=name).count()
    assert problems == []
    page.close()
