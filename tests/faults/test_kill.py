"""kill -9 in mid-run: the next start says `interrupted`, and resuming gives the very same file.

Some kills hit at a random step, the others inside a save: the child kills itself at its n-th
durable operation, so that every place between two system calls is reached sooner or later. Half of
those hit a step that is saved a second time (it was paused right after its save, then stopped).
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from studio import atomic
from studio.errors import FileError
from studio.formats import safetensors_file
from studio.jobs import Studio
from studio.paths import Workspace
from tests.jobs.conftest import make_workspace

ROOT = str(Path(__file__).resolve().parent.parent.parent)
STEPS = 8
CHILD = """
import os, signal, sys
sys.path.insert(0, {root!r})
from pathlib import Path
from studio import atomic
from studio.jobs import Studio
from studio.paths import Workspace

def die():
    os.kill(os.getpid(), signal.SIGKILL)

operations = 0
def reached(operation, path):
    global operations
    inside = "checkpoints" in path.parts or path.suffix == ".safetensors"
    operations += bool(inside and "latents" not in path.parts and (announced or not {again}))
    if operations == {operation}:
        die()

announced = False
if {again}:
    from studio.jobs.control import Control
    from studio.jobs.worker import Worker
    on_save = Worker.on_save
    def saved(self, progress):
        global announced
        on_save(self, progress)
        if progress.step == {again} and not announced:
            announced = True
            self.control.pause = True
            self.trainer.progress.seconds += {more}  # not the same moment: it is written anew
    def wait(self):
        self.stop = True
    Worker.on_save, Control.wait_while_paused = saved, wait

if {operation}:
    atomic.failpoint = reached
if {step}:
    from studio.train.loop import Trainer
    normal = Trainer.one_step
    def one_step(self, step):
        facts = normal(self, step)
        if step == {step}:
            die()
        return facts
    Trainer.one_step = one_step
studio = Studio(Workspace({workspace!r}))
config = studio.config(None, {values!r})
studio.wait(studio.start(config))
studio.close()
"""
EVERY = 2
SLICE = [1, 4, 7, 11]
VALUES = {
    "name": "killed",
    "base": "tiny",
    "device": "cpu",
    "data": {"folder": "zibbo"},
    "train": {"steps": STEPS, "batch_size": 2, "learning_rate": 1e-2},
    "sample": {"every": 4, "steps": 2},
    "save": {"every": EVERY},
    "probe": {"every": 0},
}


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, torch.Tensor]:
    """What an uninterrupted run gives."""
    studio = Studio(make_workspace(tmp_path_factory.mktemp("whole")))
    state = studio.wait(studio.start(studio.config(None, VALUES)))
    studio.close()
    assert state["state"] == "finished", state
    return safetensors_file.read_tensors(state["files"][0])[0]


def kill_and_resume(root: Path, expected: dict[str, torch.Tensor], seed: int) -> str:
    """Kills and resumes once; returns where it was killed."""
    drawn = random.Random(seed)
    inside_a_save = drawn.random() < 0.4
    again = drawn.choice((2, 4, 6)) if inside_a_save and drawn.random() < 0.5 else 0
    more = drawn.choice((0, 1)) if again else 0
    step = 0 if inside_a_save else drawn.randint(1, STEPS)
    # after the very same moment, which is kept, only the stopped run's file is written: twice
    operations = 60 if not again else 22 if more else 8
    operation = drawn.randint(1, operations) if inside_a_save else 0
    make_workspace(root)
    code = CHILD.format(
        root=ROOT, workspace=str(root), values=VALUES, step=step, operation=operation, again=again,
        more=more,
    )  # fmt: skip
    environment = {**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())}
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, env=environment)
    where = f"seed {seed}: step {step}, operation {operation}, step {again} again (+{more} s)"
    assert child.returncode == -signal.SIGKILL, (where, child.stderr.decode()[-2000:])

    studio = Studio(Workspace(root))
    run = studio.runs()[0]
    assert run["state"] == "interrupted", where
    folder = studio.training.folder(run["run"])
    announced = [e["step"] for e in studio.view(run["run"])["events"] if e["kind"] == "saved"]
    for saved in announced[-3:]:
        assert atomic.verify_manifest(folder / "checkpoints" / f"step-{saved:06d}"), where
    for half in (folder / "checkpoints").glob("step-*"):
        if not (half / atomic.MANIFEST).exists():
            with pytest.raises(FileError):
                atomic.verify_manifest(half)
    studio.resume(run["run"])
    state = studio.wait(run["run"])
    studio.close()
    assert state["state"] == "finished", (where, state)
    resumed = safetensors_file.read_tensors(state["files"][0])[0]
    assert all(torch.equal(expected[name], resumed[name]) for name in expected), where
    assert not list(folder.rglob(f"{atomic.TEMPORARY_PREFIX}*")), where
    repeats = [e["step"] for e in studio.view(run["run"])["events"] if e["kind"] == "step"]
    assert len(repeats) - STEPS <= EVERY, f"{where}: at most one interval again"
    files = [path.name for path in studio.workspace.adapters.iterdir()]
    assert files == ["killed.safetensors"], (where, files)
    place = "a save of the same step" if again else "a save" if inside_a_save else "a step"
    return f"kills in {place}"


@pytest.mark.parametrize("seed", SLICE)
def test_killed_and_resumed(
    tmp_path: Path, expected: dict[str, torch.Tensor], counted: Callable[..., None], seed: int
) -> None:
    counted(kill_and_resume(tmp_path / "w", expected, seed))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 400))
def test_killed_and_resumed_in_full(
    tmp_path: Path, expected: dict[str, torch.Tensor], counted: Callable[..., None], seed: int
) -> None:
    counted(kill_and_resume(tmp_path / "w", expected, seed))
