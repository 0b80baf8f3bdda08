"""Several processes train one run: the same steps, one record of them, and no process left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import torch

from studio.app import Studio
from studio.core import errors
from studio.core.errors import InputError, NonFiniteError, SettingsError
from studio.core.record import Failure
from studio.formats import safetensors_file
from studio.runs import processes, rank
from studio.runs.changes import changed
from studio.runs.control import Control
from studio.runs.records import Sampled, Saved, Step, Validated, only
from studio.settings.training import RunConfig
from studio.train.state import newest_checkpoint
from tests.runs.test_runs import reach
from tests.workspaces import make_dataset

Make = Callable[..., RunConfig]
ROOT = Path(__file__).resolve().parent.parent.parent
TWO = "train.processes=2"
EACH = "train.batch_size=1"


def steps_of(folder: Path, base: Path, images: Path, port: int, count: int, batch: int, *more: str):
    """What each of `count` processes says of its steps: (found, gradients) by rank."""
    started = []
    for number in range(count):
        environment = {
            **os.environ, "RANK": str(number), "LOCAL_RANK": str(number), "WORLD_SIZE": str(count),
            "LOCAL_WORLD_SIZE": str(count), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port),
            "OMP_NUM_THREADS": "1",
        }  # fmt: skip
        command = [sys.executable, "-m", "tests.runs.together", str(base), str(images),
                   str(folder), str(batch), *more]  # fmt: skip
        started.append(subprocess.Popen(command, cwd=ROOT, env=environment))
    assert [process.wait(300) for process in started] == [0] * count
    return [
        (
            json.loads((folder / str(number) / "found.json").read_text("utf-8")),
            safetensors_file.read_tensors(folder / str(number) / "gradients.safetensors")[0],
        )
        for number in range(count)
    ]


@pytest.mark.slow
def test_two_processes_take_the_step_of_one_with_twice_the_batch(studio, tmp_path, free_port):
    base, images = studio.workspace.bases / "tiny", make_dataset(tmp_path / "images", 5)
    two = steps_of(tmp_path / "two", base, images, free_port, 2, 1, "1")
    [(alone, expected)] = steps_of(tmp_path / "one", base, images, free_port, 1, 2)
    (first, gradients), (second, others) = two
    dealt = [a + b for a, b in zip(first["seen"], second["seen"], strict=True)]
    assert dealt == alone["seen"], "the same images in the same order"
    taken = [key for key in expected if not key.startswith("3.")]
    assert set(gradients) == set(others) == set(taken), "the third step, with NaN, is not taken"
    for key in taken:
        assert torch.equal(gradients[key], others[key])
        far = float((gradients[key] - expected[key]).norm())
        assert far <= 1e-6 * float(torch.cat([g.flatten() for g in expected.values()]).norm())
    assert first["terms"] == second["terms"] == pytest.approx(alone["terms"][:2], rel=1e-5)
    assert first["said"] and first["said"] == second["said"], "NaN of one process is NaN of all"


def weights(studio: Studio, run: str) -> dict[str, torch.Tensor]:
    folder, _ = newest_checkpoint(studio.runs.folder(run))
    assert folder is not None
    return safetensors_file.read_tensors(folder / "trainable.safetensors")[0]


def ours() -> list[psutil.Process]:
    """The processes that train, of this test."""
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            if "studio.runs.rank" in process.cmdline() or processes.LAUNCHER in process.cmdline():
                found.append(process)
        except psutil.Error:
            continue
    return found


def rank_of(number: int) -> psutil.Process:
    return next(
        process for process in ours()
        if processes.LAUNCHER not in process.cmdline() and process.environ()["RANK"] == str(number)
    )  # fmt: skip


def test_a_run_of_two_processes_is_a_run_like_any_other(studio: Studio, config: Make) -> None:
    together = studio.runs.start(config(TWO, EACH, "train.steps=2"))
    state = studio.runs.wait(together)
    assert state.state == "finished", state
    events = studio.runs.view(together).events
    assert [event.step for event in only(events, Step)] == [1, 2]
    assert [event.step for event in only(events, Saved)] == [2]
    assert [event.step for event in only(events, Sampled)] == [0, 2]
    assert [event.step for event in only(events, Validated)] == [0, 2]
    assert all(Path(file).is_file() for file in state.files) and state.files
    assert not ours()
    alone = studio.runs.start(config("train.steps=2"))
    assert studio.runs.wait(alone).state == "finished"
    losses = [
        [event.loss for event in only(studio.runs.view(run).events, Step)]
        for run in (together, alone)
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


@pytest.mark.slow
def test_a_killed_process_ends_the_run_with_its_checkpoint_intact(studio, config) -> None:
    made = config(TWO, EACH, "train.steps=60", "sample.every=0", "validation.every=0")
    run = studio.runs.start(made)
    reach(studio, run, lambda view: (view.state.last_checkpoint or 0) >= 4)
    rank_of(1).send_signal(signal.SIGKILL)
    state = studio.runs.wait(run)
    assert state.state == "failed", state
    assert "ended from outside" in (state.reason or "") and state.remedy
    assert not ours()
    folder, damaged = newest_checkpoint(studio.runs.folder(run))
    assert folder is not None and not damaged
    step = state.last_checkpoint
    assert step and step >= 4
    studio.runs.resume(run, changes=[f"train.steps={step + 4}"])
    assert studio.runs.wait(run).state == "finished"
    whole = studio.runs.start(made.model_copy(
        update={"train": made.train.model_copy(update={"steps": step + 4})}
    ))  # fmt: skip
    studio.runs.wait(whole)
    for name, tensor in weights(studio, run).items():
        assert torch.equal(tensor, weights(studio, whole)[name]), "a resumed run is the same run"


@pytest.mark.slow
def test_a_killed_launcher_takes_its_processes_along(studio, config) -> None:
    run = studio.runs.start(config(TWO, EACH, "train.steps=500", "sample.every=0"))
    reach(studio, run, lambda view: view.state.step >= 2)
    children = ours()
    next(p for p in children if processes.LAUNCHER in p.cmdline()).kill()
    assert studio.runs.wait(run).state == "failed"
    _, left = psutil.wait_procs(children, 30)
    assert not left


@pytest.mark.slow
def test_commands_reach_all_processes_at_the_same_step(studio, config) -> None:
    run = studio.runs.start(
        config(
            TWO, EACH, "train.steps=5000", "save.every=0", "sample.every=4000", "validation.every=0"
        )
    )
    reach(studio, run, lambda view: view.state.step >= 2)
    studio.runs.command(run, "save")
    reach(studio, run, lambda view: only(view.events, Saved))
    studio.runs.command(run, "sample")
    reach(studio, run, lambda view: len(only(view.events, Sampled)) > 1)
    studio.runs.command(run, "pause")
    paused = reach(studio, run, lambda view: view.state.state == "paused").state.step
    time.sleep(1)
    assert studio.runs.state(run).step == paused
    with studio.runtime.lock.hold("an image"):  # a paused run has given the device away
        pass
    studio.runs.command(run, "continue")
    reach(studio, run, lambda view: view.state.step > paused)
    with studio.runtime.lock.hold("an image"):  # and between two steps it lends it
        assert studio.runs.state(run).state == "paused"
    reach(studio, run, lambda view: view.state.state == "running")
    studio.runs.command(run, "stop")
    state = studio.runs.wait(run)
    assert state.state == "stopped" and state.last_checkpoint == state.step and state.files
    assert not ours()


def test_another_number_of_processes_takes_the_same_images_per_step(config: Make) -> None:
    made = config("train.batch_size=6")
    two = changed(made, ["train.processes=2"])
    assert (two.train.processes, two.train.batch_size) == (2, 3)
    assert changed(two, ["train.processes=3"]).train.batch_size == 2
    assert changed(two, ["train.processes=1"]) == made
    with pytest.raises(SettingsError, match="cannot be dealt out to 4 processes") as refused:
        changed(two, ["train.processes=4"])
    assert "divides 6" in (refused.value.remedy or "")
    with pytest.raises(SettingsError, match="batch_size"):
        changed(two, ["train.batch_size=6"])


def test_what_needs_no_processes_is_refused_before_anything_starts(studio, config) -> None:
    with pytest.raises(InputError, match="needs one process"):
        studio.runs.start(config(TWO, method="aesthetic"))
    fused = config(TWO, "options.fused_backward=true", method="dreambooth")
    assert any("fused backward" in error for error in studio.runs.preflight(fused).errors)
    found = studio.runs.preflight(config(TWO, "device=cuda:0"))
    assert any("GPU of its own" in error for error in found.errors)
    assert studio.runs.preflight(config(TWO)).facts.effective_batch == 4


def test_commands_are_passed_on_also_those_from_before() -> None:
    control, heard = Control(), list[str]()
    control.give("save")
    with control.forwarded(heard.append):
        control.give("pause")
        control.give("continue")
    control.give("stop")
    assert heard == ["save", "pause", "continue"] and control.stop


def test_the_cause_is_reported_and_not_what_it_did_to_the_others(tmp_path: Path) -> None:
    rank.report(tmp_path, 0, RuntimeError("[gloo] Connection closed by peer"), 4)
    assert processes.reported(tmp_path) is None
    rank.report(
        tmp_path, 1, NonFiniteError("The loss became NaN", why="Too fast", remedy="Slower"), 4
    )
    found = processes.reported(tmp_path)
    assert isinstance(found, NonFiniteError) and found.remedy == "Slower"
    assert Failure.of(found).kind in vars(errors)
