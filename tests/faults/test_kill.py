"""kill -9 in mid-run: the next start says `interrupted`, and resuming gives the very same file.

Some kills hit at a random step, some inside a save (the child kills itself at its n-th durable
operation there), and some after a save that is already announced, while the same step is saved again
by Pause and Stop: every place between two system calls is reached sooner or later.
"""

from __future__ import annotations

import random
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from studio.app import Studio
from studio.core import atomic, manifest
from studio.core.errors import FileError
from studio.core.paths import Workspace
from studio.runs.records import Step
from tests.faults import children
from tests.faults.conftest import EVERY, STEPS, VALUES, announced, assert_kept, assert_learnt


def kill_and_resume(root: Path, expected: dict[str, torch.Tensor], seed: int) -> None:
    chance = random.Random(seed)
    kind = chance.choices(("step", "save", "again"), (60, 20, 20))[0]
    again = chance.randrange(EVERY, STEPS, EVERY) if kind == "again" else 0
    work: Callable[..., None]
    if kind == "step":
        work, numbers = children.killed_after_a_step, [chance.randint(1, STEPS)]
    elif kind == "save":
        work, numbers = children.killed_in_a_save, [chance.randint(1, 60)]
    else:
        work, numbers = children.killed_while_saved_again, [again, chance.randint(1, 24)]
    where = f"seed {seed}: {work.__name__} {numbers}"
    assert children.in_a_process(work, root, VALUES, *numbers) == -signal.SIGKILL, where

    studio = Studio(Workspace(root))
    state = studio.runs.all()[0]
    run = state.run
    done = {"interrupted", "stopped"} if again else {"interrupted", "finished"}
    assert state.state in done, where
    folder = studio.runs.folder(run)
    known = announced(studio, run)
    assert not again or again in known, where
    assert_kept(studio, run)
    for half in (folder / "checkpoints").glob("step-*"):
        if not (half / manifest.MANIFEST).exists():
            with pytest.raises(FileError):
                manifest.verify(half)
    if state.state != "finished":
        studio.runs.resume(run)
        state = studio.runs.wait(run)
    assert_learnt(state, expected)
    assert len(studio.library.adapters()) == 1, f"{where}: one run, one file"
    repeats = [e.step for e in studio.runs.view(run).events if isinstance(e, Step)]
    studio.close()
    assert not list(root.rglob(f"{atomic.TEMPORARY_PREFIX}*")), where
    assert len(repeats) - STEPS <= EVERY, f"{where}: at most one interval again"
    assert not again or len(repeats) == STEPS, f"{where}: nothing again after a save"


@pytest.mark.parametrize("seed", [1, 11])
def test_killed_and_resumed(fresh: Path, expected: dict[str, torch.Tensor], seed: int) -> None:
    kill_and_resume(fresh, expected, seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 400))
def test_killed_and_resumed_in_full(
    fresh: Path, expected: dict[str, torch.Tensor], seed: int
) -> None:
    kill_and_resume(fresh, expected, seed)
