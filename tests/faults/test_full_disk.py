"""A disk that becomes full in the middle: the run waits and says why, Continue works, nothing is lost.

The disk refuses every operation from the n-th on that concerns a checkpoint, a sample, the log, the
state, the finished file or the caches, until it is freed.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from studio.app import Studio
from studio.core import atomic
from studio.core.errors import StorageError
from studio.core.paths import Workspace
from studio.library import presets
from tests import failpoint
from tests.faults.conftest import VALUES, Disk, assert_kept, assert_learnt, until

SITES: dict[str, Callable[[Path], bool]] = {
    "checkpoint": lambda path: "checkpoints" in path.parts,
    "sample": lambda path: "samples" in path.parts,
    "log": lambda path: path.name == "events.jsonl",
    "state": lambda path: path.name == "state.json",
    "file": lambda path: path.suffix == ".safetensors" and "checkpoints" not in path.parts,
}
SLICE = [("checkpoint", 3), ("sample", 1), ("log", 6), ("state", 3), ("file", 1)]
FULL = [(site, nth) for site in SITES for nth in range(1, 33)]


def fill_and_free(root: Path, expected: dict[str, torch.Tensor], site: str, nth: int) -> bool:
    """One run on a disk that fills up at that place; False when the run never gets there."""
    studio = Studio(Workspace(root))
    disk = Disk(nth, SITES[site])
    failpoint.reached = disk
    try:
        run = studio.runs.start(presets.config_from(None, VALUES))
    except StorageError as error:  # it could not even be written down: said at once, nothing begun
        assert error.full and disk.struck
        assert [s.state for s in studio.runs.all()] in ([], ["failed"])
        disk.free()
        run = studio.runs.start(presets.config_from(None, VALUES))
    state = until(studio, run, "paused", "finished", "failed", "stopped")
    if disk.refusing:
        if state.state == "paused":
            assert "full" in (state.reason or "") and "Continue" in (state.remedy or ""), state
        else:
            assert state.state == "finished", state  # it was whole before the disk was full
        assert [s.run for s in studio.runs.all()] == [run]
        assert isinstance(studio.library.adapters(), list) and isinstance(
            studio.generation.comparisons.all(), list
        )
        assert_kept(studio, run)
        disk.free()
        if state.state == "paused":
            studio.runs.command(run, "continue")
    state = studio.runs.wait(run)
    assert_learnt(state, expected)
    assert_kept(studio, run)
    studio.close()
    failpoint.reached = None
    again = Studio(Workspace(root))  # what the next start shows
    shown = again.runs.view(run).state
    if shown.state != "finished":  # the last word was never written: it goes on from its end
        assert shown.state == "interrupted", shown
        again.runs.resume(run)
        shown = again.runs.wait(run)
    assert_learnt(shown, expected)
    assert len(again.library.adapters()) == 1, "one run, one file"
    again.close()
    assert not list(root.rglob(f"{atomic.TEMPORARY_PREFIX}*"))
    return disk.struck


@pytest.mark.parametrize(("site", "nth"), SLICE)
def test_the_run_waits_and_goes_on(
    fresh: Path, expected: dict[str, torch.Tensor], site: str, nth: int
) -> None:
    assert fill_and_free(fresh, expected, site, nth)


@pytest.mark.slow
@pytest.mark.parametrize(("site", "nth"), FULL)
def test_the_run_waits_and_goes_on_wherever_it_happens(
    fresh: Path, expected: dict[str, torch.Tensor], site: str, nth: int
) -> None:
    fill_and_free(fresh, expected, site, nth)


@pytest.mark.parametrize("number", [errno.EROFS, errno.EIO, errno.EDQUOT])
def test_other_refusals_pause_too(
    fresh: Path, expected: dict[str, torch.Tensor], number: int
) -> None:
    studio = Studio(Workspace(fresh))
    disk = Disk(2, SITES["checkpoint"], number)
    failpoint.reached = disk
    run = studio.runs.start(presets.config_from(None, VALUES))
    state = until(studio, run, "paused", "finished", "failed")
    assert state.state == "paused" and state.reason and state.remedy
    disk.free()
    studio.runs.command(run, "continue")
    assert_learnt(studio.runs.wait(run), expected)
    studio.close()
