"""The page and one whole run in a network namespace with no way out: everything works, nobody calls.

The child opens the page, asks for it, trains, and writes down every name that was looked up and every
address that was connected to.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.conftest import VALUES

ROOT = str(Path(__file__).resolve().parent.parent.parent)
CHILD = """
import json, sys, urllib.request
sys.path.insert(0, {root!r})
asked = []
def watch(event, arguments):
    if event in ("socket.getaddrinfo", "socket.gethostbyname"):
        asked.append(str(arguments[0]))
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        asked.append(str(arguments[1][0]))
sys.addaudithook(watch)
from studio.library import presets
from studio.app import Studio
from studio.core.paths import Workspace
from studio.ui import app
studio = Studio(Workspace({workspace!r}))
server = app.serve(studio, port=7870)
with urllib.request.urlopen(server.url) as answer:
    status = answer.status
app.warm_up(server.page)
state = studio.runs.wait(studio.runs.start(presets.config_from(None, {values!r})))
server.close()
studio.close()
print(json.dumps({{"status": status, "state": state.state, "asked": sorted(set(asked))}}))
"""
OURSELVES = {"127.0.0.1", "localhost", "::1", "0.0.0.0"}


@pytest.mark.slow
def test_a_page_and_a_run_without_any_network(fresh: Path) -> None:
    into = [
        "unshare",
        "--net",
        "--map-root-user",
        "sh",
        "-c",
        'ip link set lo up && exec "$@"',
        "sh",
    ]
    usable = shutil.which("unshare") and shutil.which("ip")
    if not usable or subprocess.run([*into, "true"], capture_output=True).returncode:
        pytest.skip("the system makes no network namespaces here")
    code = CHILD.format(root=ROOT, workspace=str(fresh), values=VALUES)
    child = subprocess.run(
        [*into, sys.executable, "-c", code], capture_output=True, text=True, env=dict(os.environ)
    )
    assert child.returncode == 0, child.stderr[-3000:]
    found = json.loads(child.stdout.strip().splitlines()[-1])
    assert found["status"] == 200 and found["state"] == "finished"
    assert set(found["asked"]) <= OURSELVES, "nobody else is asked for anything"
