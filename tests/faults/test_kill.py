"""kill -9 in mid-run: the next start says `interrupted`, and resuming gives the very same file.

Some kills hit at a random step, some inside a save (the child kills itself at its n-th durable
operation there), and some after a save that is already announced, while the same step is saved again
by Pause and Stop: every place between two system calls is reached sooner or later.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from studio import atomic
from studio.errors import FileError
from studio.jobs import Studio
from studio.paths import Workspace
from tests.faults.conftest import EVERY, STEPS, VALUES, announced, assert_kept, assert_learnt

ROOT = str(Path(__file__).resolve().parent.parent.parent)
CHILD = """
import os, signal, sys
sys.path.insert(0, {root!r})
from pathlib import Path
from studio import atomic
from studio.jobs import Studio
from studio.paths import Workspace
from studio.train.loop import Trainer

def die():
    os.kill(os.getpid(), signal.SIGKILL)

operations, counting = 0, not {again}
def reached(operation, path):
    global operations
    inside = "checkpoints" in path.parts or path.suffix == ".safetensors" or {again}
    operations += bool(counting and inside and "latents" not in path.parts)
    if operations == {operation}:
        die()

if {operation}:
    atomic.failpoint = reached

studio = Studio(Workspace({workspace!r}))
normal = Trainer.one_step
def one_step(self, step):
    facts = normal(self, step)
    if step == {step}:
        die()
    if step == {again}:  # an automatic save comes next; pause right behind it, and stop then
        studio.command(run, "pause")
    return facts
Trainer.one_step = one_step

def paused(self, normal=Trainer.run):
    hook = self.hooks.paused
    def then_stop():
        global counting
        counting = True
        self.progress.seconds += 1.0  # so that what is saved again is not the very same
        studio.command(run, "stop")
        hook()
    self.hooks.paused = then_stop
    return normal(self)
if {again}:
    Trainer.run = paused

run = studio.start(studio.config(None, {values!r}))
studio.wait(run)
studio.close()
die()
"""


def kill_and_resume(root: Path, expected: dict[str, torch.Tensor], seed: int) -> None:
    drawn = random.Random(seed)
    where = drawn.choices(("step", "save", "again"), (60, 20, 20))[0]
    step = drawn.randint(1, STEPS) if where == "step" else 0
    operation = {"step": 0, "save": drawn.randint(1, 60), "again": drawn.randint(1, 24)}[where]
    again = drawn.randrange(EVERY, STEPS, EVERY) if where == "again" else 0
    code = CHILD.format(
        root=ROOT, workspace=str(root), values=VALUES, step=step, operation=operation, again=again
    )
    environment = {**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())}
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, env=environment)
    where = f"seed {seed}: step {step}, operation {operation}, saved again at {again}"
    assert child.returncode == -signal.SIGKILL, (where, child.stderr.decode()[-2000:])

    studio = Studio(Workspace(root))
    state = studio.runs()[0]
    run = state["run"]
    done = {"interrupted", "stopped"} if again else {"interrupted", "finished"}
    assert state["state"] in done, where
    folder = studio.training.folder(run)
    known = announced(studio, run)
    assert not again or again in known, where
    assert_kept(studio, run)
    for half in (folder / "checkpoints").glob("step-*"):
        if not (half / atomic.MANIFEST).exists():
            with pytest.raises(FileError):
                atomic.verify_manifest(half)
    if state["state"] != "finished":
        studio.resume(run)
        state = studio.wait(run)
    assert_learnt(state, expected)
    assert len(studio.adapters()) == 1, f"{where}: one run, one file"
    repeats = [e["step"] for e in studio.view(run)["events"] if e["kind"] == "step"]
    studio.close()
    assert not list(root.rglob(f"{atomic.TEMPORARY_PREFIX}*")), where
    assert len(repeats) - STEPS <= EVERY, f"{where}: at most one interval again"
    assert not again or len(repeats) == STEPS, f"{where}: nothing again after a save"


@pytest.mark.parametrize("seed", [1, 2, 5, 11])
def test_killed_and_resumed(fresh: Path, expected: dict[str, torch.Tensor], seed: int) -> None:
    kill_and_resume(fresh, expected, seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 400))
def test_killed_and_resumed_in_full(
    fresh: Path, expected: dict[str, torch.Tensor], seed: int
) -> None:
    kill_and_resume(fresh, expected, seed)
