"""One small run that the sweeps break in every place, and a disk that refuses when told to.

Owns: the run's settings, what it gives when nothing goes wrong, and the ways in which a durable
operation can fail. Refuses to know: which operations there are; they are counted as they come.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from studio.app import Studio
from studio.core import atomic, manifest
from studio.core.paths import Workspace
from studio.formats import safetensors_file
from studio.library import presets
from studio.runs.records import RunState, Saved
from tests import failpoint
from tests.workspaces import make_workspace

PATIENCE = 120  # seconds until a run that does not move counts as hanging
STEPS, EVERY = 6, 2
VALUES: dict[str, Any] = {
    "name": "fault",
    "base": "tiny",
    "device": "cpu",
    "data": {"folder": "zibbo"},
    "train": {"steps": STEPS, "batch_size": 2, "learning_rate": 1e-2},
    "sample": {"every": 3, "steps": 2},
    "save": {"every": EVERY},
    "validation": {"every": 0},
}


class Disk:
    """Refuses the `nth` durable operation for which `counts(path)` holds.

    `lasting`: and every other one until it is freed, as a full disk does; otherwise only that one.
    `torn`: half of what was to be written is left behind, as by a write that was cut short.
    """

    def __init__(
        self,
        nth: int,
        counts: Callable[[Path], bool] = lambda path: True,
        number: int = errno.ENOSPC,
        *,
        lasting: bool = True,
        torn: bool = False,
    ) -> None:
        self.nth, self.counts, self.number = nth, counts, number
        self.lasting, self.torn = lasting, torn
        self.seen, self.refusing, self.struck = 0, False, False

    def __call__(self, operation: str, path: Path) -> None:
        if not self.struck and self.counts(path):
            self.seen += 1
            self.struck = self.refusing = self.seen == self.nth
            if self.struck and self.torn:
                _tear(operation, path)
        if self.refusing:
            self.refusing = self.lasting
            raise OSError(self.number, os.strerror(self.number))

    def free(self) -> None:
        """There is room again."""
        self.refusing = False


def _tear(operation: str, path: Path) -> None:
    if operation == "append":
        with contextlib.suppress(OSError), open(path, "ab") as file:
            file.write(b'{"t": 17.5, "ki')
        return
    for temporary in path.parent.rglob(f"{atomic.TEMPORARY_PREFIX}*"):
        if temporary.is_file():
            os.truncate(temporary, temporary.stat().st_size // 2)


@pytest.fixture(autouse=True)
def no_failpoint() -> Iterator[None]:
    """Whatever a test ended with: the next one has a disk that works."""
    yield
    failpoint.reached = None


@pytest.fixture(scope="package")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with a tiny base and a dataset, to be copied."""
    return make_workspace(tmp_path_factory.mktemp("template") / "w").root


@pytest.fixture
def fresh(template: Path, tmp_path: Path) -> Path:
    """A workspace of this test's own."""
    return Path(shutil.copytree(template, tmp_path / "w"))


@pytest.fixture(scope="package")
def expected(template: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, torch.Tensor]:
    """What the run gives when nothing goes wrong."""
    root = shutil.copytree(template, tmp_path_factory.mktemp("whole") / "w")
    studio = Studio(Workspace(root))
    state = studio.runs.wait(studio.runs.start(presets.config_from(None, VALUES)))
    studio.close()
    return tensors(state)


def tensors(state: RunState) -> dict[str, torch.Tensor]:
    """What a finished run has learnt."""
    assert state.state == "finished", state
    found: dict[str, torch.Tensor] = safetensors_file.read_tensors(state.files[0])[0]
    return found


def assert_learnt(state: RunState, expected: dict[str, torch.Tensor]) -> None:
    """Bit for bit what it would have learnt without the fault."""
    found = tensors(state)
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], value) for name, value in expected.items())


def until(studio: Studio, run: str, *states: str) -> RunState:
    """The run's state as a viewer sees it, once it is one of `states`."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        state = studio.runs.view(run).state
        if state.state in states:
            return state
        time.sleep(0.01)
    raise AssertionError(f"hangs: {studio.runs.view(run).state}")


def announced(studio: Studio, run: str) -> list[int]:
    """The steps that a viewer was told are saved."""
    return [e.step for e in studio.runs.view(run).events if isinstance(e, Saved)]


def assert_kept(studio: Studio, run: str, keep: int = 3) -> None:
    """The newest announced checkpoints are there, every byte of them."""
    folder = studio.runs.folder(run)
    for step in announced(studio, run)[-keep:]:
        manifest.verify(folder / "checkpoints" / f"step-{step:06d}")
