"""Gradio is imported without writing stub files, and works all the same."""

from __future__ import annotations

import json
import subprocess
import sys

from tests.conftest import ROOT

LOOKED_AT = """
import json, sys
stubs, sources = [], []

def watch(event, given):
    if event == "open" and str(given[0]).endswith(".pyi"):
        stubs.append(str(given[0]))

sys.addaudithook(watch)
{first}
import studio.ui.app
import gradio
with gradio.Blocks() as page:
    gradio.Button("Press").click(lambda: None)
print(json.dumps([stubs, [type(one).__name__ for one in sys.meta_path], len(page.fns)]))
"""


def looked_at(first: str) -> tuple[list[str], list[str], int]:
    """(stub files opened, finders left, events of a small page) of a fresh process."""
    script = LOOKED_AT.format(first=first)
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    stubs, finders, events = json.loads(done.stdout)
    return stubs, finders, events


def test_the_page_is_imported_without_writing_stub_files() -> None:
    stubs, finders, events = looked_at("")
    assert stubs == []
    assert "_Finder" not in finders
    assert events == 1


def test_gradio_that_is_there_already_is_left_as_it_is() -> None:
    stubs, finders, events = looked_at("import gradio")
    assert stubs != []  # so the other test could fail
    assert "_Finder" not in finders
    assert events == 1
