"""Every durable operation of a run, one after the other, fails in every way: what was whole stays so.

Ways: the process dies (`exit`), the disk is full once (`ENOSPC`), an I/O error (`EIO`), a write is
cut short and leaves half of itself (`short`).
"""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
import torch

from studio.app import Studio
from studio.core import atomic
from studio.core.errors import StorageError
from studio.core.paths import Workspace
from studio.library import presets
from studio.runs.records import RunState
from tests import failpoint
from tests.faults import children
from tests.faults.conftest import VALUES, Disk, assert_kept, assert_learnt, until

ENOUGH = 260  # more than a run of six steps has


def refuse_once(
    root: Path, expected: dict[str, torch.Tensor], nth: int, number: int, torn: bool
) -> bool:
    """One run whose nth operation fails once; False when it has fewer."""
    studio = Studio(Workspace(root))
    config = presets.config_from(None, VALUES)
    disk = Disk(nth, number=number, lasting=False, torn=torn)
    failpoint.reached = disk
    try:
        run = studio.runs.start(config)
    except StorageError:
        run = studio.runs.start(config)
    state = until(studio, run, "paused", "finished", "failed", "stopped", "interrupted")
    assert_kept(studio, run)
    if state.state == "paused":
        assert state.reason and state.remedy
        studio.runs.command(run, "continue")
        state = studio.runs.wait(run)
    if state.state in ("failed", "stopped", "interrupted"):
        assert state.reason and state.remedy, state
        studio.runs.resume(run)
        state = studio.runs.wait(run)
    assert_learnt(state, expected)
    studio.close()
    failpoint.reached = None
    assert not list(root.rglob(f"{atomic.TEMPORARY_PREFIX}*"))
    return disk.struck


def die_and_resume(root: Path, expected: dict[str, torch.Tensor], nth: int) -> bool:
    """One run that ends at its nth operation; False when it has fewer."""
    code = children.in_a_process(children.ends_at_an_operation, root, VALUES, nth)
    assert code in (0, 9)
    studio = Studio(Workspace(root))
    runs = studio.runs.all()
    if not runs:  # it died before there was a run
        runs = [RunState(run=studio.runs.start(presets.config_from(None, VALUES)), state="queued")]
    (run,) = runs
    assert_kept(studio, run.run)
    if run.state == "interrupted":
        studio.runs.resume(run.run)
    else:
        assert run.state in ("finished", "queued"), run
    assert_learnt(studio.runs.wait(run.run), expected)
    assert len(studio.library.adapters()) == 1, "one run, one file"
    studio.close()
    assert not list(root.rglob(f"{atomic.TEMPORARY_PREFIX}*"))
    return code == 9


WAYS = {"ENOSPC": (errno.ENOSPC, False), "EIO": (errno.EIO, False), "short": (errno.ENOSPC, True)}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("nth", [2, 41])
def test_one_refusal_loses_nothing(
    fresh: Path, expected: dict[str, torch.Tensor], nth: int, way: str
) -> None:
    assert refuse_once(fresh, expected, nth, *WAYS[way])


@pytest.mark.parametrize("nth", [33])
def test_an_end_at_an_operation_loses_nothing(
    fresh: Path, expected: dict[str, torch.Tensor], nth: int
) -> None:
    assert die_and_resume(fresh, expected, nth)


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("nth", range(1, ENOUGH))
def test_every_refusal(fresh: Path, expected: dict[str, torch.Tensor], nth: int, way: str) -> None:
    refuse_once(fresh, expected, nth, *WAYS[way])


@pytest.mark.slow
@pytest.mark.parametrize("nth", range(1, ENOUGH))
def test_every_end(fresh: Path, expected: dict[str, torch.Tensor], nth: int) -> None:
    die_and_resume(fresh, expected, nth)


@pytest.mark.slow
def test_the_sweep_reaches_past_the_end(fresh: Path, expected: dict[str, torch.Tensor]) -> None:
    assert not refuse_once(fresh, expected, ENOUGH, errno.ENOSPC, False), "raise ENOUGH"
