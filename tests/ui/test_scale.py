"""Opening the page costs the same with thousands of files as with none: counted, not timed."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from studio.app import Studio
from studio.core import atomic
from studio.core.errors import StorageError
from studio.core.paths import Workspace
from studio.library import outputs
from studio.library.library import Library
from studio.library.outputs import saved_files
from studio.runs import run_states
from studio.runs.records import RunState
from studio.runs.run_states import RunStates
from studio.ui.app import _build
from studio.ui.components.image_grid import BATCH
from studio.ui.live import Page

RUNS = 60
LONG_AGO = 1_700_000_000


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "w")


def run(workspace: Workspace, number: int, **values: Any) -> Path:
    folder = workspace.runs / f"20260101-000000-r{number:04d}"
    folder.mkdir(exist_ok=True)
    state = {"run": folder.name, "name": f"r{number}", "state": "finished", "method": "lora",
             "base": "starter", "step": 1, "steps": 1, "files": [], "seconds": 1.0}  # fmt: skip
    (folder / "state.json").write_text(json.dumps(state | values))
    os.utime(folder / "state.json", (LONG_AGO, LONG_AGO))
    return folder


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The folders of runs whose state is read from the disk."""
    from studio.runs import folders

    seen: list[str] = []
    real = folders.honest_state

    def counted(folder: Path, *rest: Any) -> Any:
        seen.append(folder.name)
        return real(folder, *rest)

    monkeypatch.setattr(folders, "honest_state", counted)
    return seen


def test_ended_runs_are_read_once_ever(workspace: Workspace, reads: list[str]) -> None:
    for number in range(RUNS):
        run(workspace, number)
    studio = Studio(workspace)
    assert len(studio.runs.all()) == RUNS
    assert len(reads) == RUNS
    reads.clear()
    assert len(studio.runs.all()) == RUNS
    later = Studio(Workspace(workspace.root))
    assert [state.name for state in later.runs.all()] == [f"r{n}" for n in reversed(range(RUNS))]
    assert reads == []


def test_what_changed_is_read_again(workspace: Workspace, reads: list[str]) -> None:
    for number in range(RUNS):
        run(workspace, number)
    studio = Studio(workspace)
    studio.runs.all()
    reads.clear()
    folder = run(workspace, 7, name="another name")
    assert next(s for s in studio.runs.all() if s.run == folder.name).name == "another name"
    assert reads == [folder.name]


def test_what_may_still_change_is_not_remembered(workspace: Workspace, reads: list[str]) -> None:
    folder = run(workspace, 1)
    os.utime(folder / "state.json")  # written just now: the next write may look the same
    run(workspace, 2, state="paused")
    studio = Studio(workspace)
    studio.runs.all()
    reads.clear()
    assert {state.state for state in studio.runs.all()} == {"finished", "interrupted"}
    assert folder.name in reads


def test_nobody_changes_the_memory(workspace: Workspace) -> None:
    run(workspace, 1)
    studio = Studio(workspace)
    with pytest.raises(ValueError, match="frozen"):
        studio.runs.all()[0].name = "changed by a caller"
    assert studio.runs.all()[0].name == "r1"


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", '{"layout": 1}', '{"layout": 1, "runs": {"a": [1, 2]}}', '{"layout": 9, "runs": {}}',
     '{"layout": 1, "runs": {"a": [1, 2, {"state": "running"}]}}'],
)  # fmt: skip
def test_a_memory_that_cannot_be_used_is_none(workspace: Workspace, content: str) -> None:
    run(workspace, 1)
    (workspace.cache / "runs.json").write_text(content)
    assert [state.name for state in Studio(workspace).runs.all()] == ["r1"]


def test_runs_that_are_gone_are_forgotten(workspace: Workspace) -> None:
    for number in range(RUNS):
        run(workspace, number)
    studio = Studio(workspace)
    studio.runs.all()
    studio.runs.delete(studio.runs.all()[0].run)
    for number in range(RUNS, 2 * RUNS):
        run(workspace, number)
    studio.runs.all()
    kept = json.loads((workspace.cache / "runs.json").read_text())["runs"]
    assert len(kept) == 2 * RUNS - 1


def test_a_disk_that_refuses_changes_nothing(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(RUNS):
        run(workspace, number)

    def refused(*_: Any) -> None:
        raise StorageError("full")

    studio = Studio(workspace)
    monkeypatch.setattr(atomic, "write_text", refused)
    assert len(studio.runs.all()) == RUNS


def test_few_new_ones_are_not_worth_a_file(workspace: Workspace) -> None:
    states = RunStates(workspace.cache / "runs.json")
    for number in range(run_states.WORTH_WRITING - 1):
        states.of(run(workspace, number), lambda: RunState(state="finished"))
    states.save({"x"})
    assert not (workspace.cache / "runs.json").exists()


def test_of_twenty_thousand_outputs_only_the_newest_days_are_looked_at(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    for day in range(1, 21):
        folder = workspace.outputs / f"2026-01-{day:02d}"
        folder.mkdir()
        for number in range(30):
            (folder / f"{number:03d}.png").write_bytes(b"x")
    (workspace.outputs / "zebra").mkdir()
    (workspace.outputs / "zebra" / "1.png").write_bytes(b"x")
    looked: list[str] = []
    real = outputs._images

    def counted(folder: Path) -> list[str]:
        looked.append(folder.name)
        return real(folder)

    monkeypatch.setattr(outputs, "_images", counted)
    studio = Studio(workspace)
    first = saved_files(studio.workspace.outputs, BATCH + 1)
    assert len(first) == BATCH + 1
    assert looked == ["2026-01-20", "2026-01-19"]
    everything = saved_files(studio.workspace.outputs)
    assert len(everything) == 20 * 30 + 1
    assert everything[: BATCH + 1] == first
    assert everything[-1].parent.name == "zebra"


def test_the_page_is_built_and_first_shown_without_looking_at_the_library(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        (workspace.adapters / f"{number}.safetensors").write_bytes(b"broken")
        run(workspace, number)

    def touched(*_: Any, **__: Any) -> Any:
        raise AssertionError("the library was looked through")

    studio = Studio(workspace)
    for name in ("adapters", "adapter_files", "adapter"):
        monkeypatch.setattr(Library, name, touched)
    demo = _build(Page(studio))

    def ask(part: str, function: str, **argument: Any) -> Any:
        block = next(b for b in demo.blocks.values() if getattr(b, "elem_id", "") == f"cs-{part}")
        answer = getattr(block, function)(argument or None)
        assert answer["ok"], answer
        return answer["data"]

    calls: list[Callable[[], Any]] = [
        lambda: ask("header", "readiness", run="none"),
        lambda: ask("caption", "datasets"),
        lambda: ask("train-pick", "choices"),
        lambda: ask("library-generate", "library", base="starter", epoch="", since=0, look=False),
        lambda: ask("images", "history", offset=0, count=0),
        lambda: ask("images", "status", known=""),
        lambda: ask("axes", "grid_past"),
        lambda: ask("past-comparisons", "past"),
        lambda: ask("comparison", "status", id="", stamp=""),
    ]
    for call in calls:
        call()


def test_lists_of_everything_make_no_thumbnails(workspace: Workspace) -> None:
    from PIL import Image

    from studio.ui.components.stack import preview_of

    file = workspace.adapters / "a.safetensors"
    file.write_bytes(b"broken")
    Image.new("RGB", (8, 8)).save(file.with_suffix(".png"))
    page = Page(Studio(workspace))
    info = page.studio.library.adapter(file)
    assert preview_of(page, info, make=False) is None
    made = preview_of(page, info)
    assert made
    assert preview_of(page, info, make=False) == made
