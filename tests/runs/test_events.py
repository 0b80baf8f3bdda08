"""A run's life on disk: events survive torn lines, and a dead run never says it is running."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from studio.core.errors import BusyError
from studio.runs.events import RunLog, hold, honest_state, read_events, read_state
from studio.runs.records import StateChanged, Step, only

ROOT = str(Path(__file__).resolve().parents[2])


def test_reading_goes_on_where_it_stopped(tmp_path: Path) -> None:
    log = RunLog(tmp_path)
    log.event(Step(step=1, loss=0.5))
    events, offset = read_events(tmp_path)
    assert [event.step for event in only(events, Step)] == [1]
    log.event(Step(step=2, loss=0.25))
    with open(tmp_path / "events.jsonl", "ab") as file:
        file.write(b'{"kind": "step", "st')  # another line on its way
    events, following = read_events(tmp_path, offset)
    assert [event.step for event in only(events, Step)] == [2]
    assert read_events(tmp_path, following) == ([], following)


def test_a_changed_state_is_an_event(tmp_path: Path) -> None:
    log = RunLog(tmp_path)
    log.update(state="running", step=0)
    log.update(step=5)
    log.update(state="failed", reason="no memory")
    events, _ = read_events(tmp_path)
    assert [(e.state, e.reason) for e in only(events, StateChanged)] == [
        ("running", None),
        ("failed", "no memory"),
    ]
    assert read_state(tmp_path).step == 5


def test_a_state_of_an_earlier_version_is_read_and_written_as_todays(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text('{"version": 1, "state": "running", "class_pictures": 7}')
    assert read_state(tmp_path).class_images == 7
    RunLog(tmp_path).update(step=3)
    text = (tmp_path / "state.json").read_text()
    assert "class_pictures" not in text and read_state(tmp_path).class_images == 7


def test_only_one_process_may_hold_a_run(tmp_path: Path) -> None:
    RunLog(tmp_path).update(state="running")
    lock = hold(tmp_path)
    code = f"import sys; sys.path.insert(0, {ROOT!r})\nfrom pathlib import Path\n"
    code += f"from studio.runs.events import honest_state; print(honest_state(Path({str(tmp_path)!r}), False).state)"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert other.stdout.strip() == "running", "it is alive, in this process"
    with pytest.raises(BusyError, match="already going on"):
        hold(tmp_path)
    lock.release()
    assert honest_state(tmp_path, held_here=False).state == "interrupted"
    assert "Resume" in (read_state(tmp_path).remedy or "")


@pytest.mark.parametrize("state", ["finished", "stopped", "failed"])
def test_an_ended_run_keeps_its_end(tmp_path: Path, state: str) -> None:
    RunLog(tmp_path).update(state=state)
    assert honest_state(tmp_path, held_here=False).state == state
