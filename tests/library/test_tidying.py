"""Temporaries of dead processes and uploads of closed pages go; what anybody still uses stays."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from studio.app import Studio
from studio.core import atomic, temporaries
from studio.core.paths import Workspace
from studio.library.tidying import IDLE_SECONDS, PLACES, UPLOADS, Tidying

ORPHAN = f"{temporaries.PREFIX}0123456789ab-model.safetensors"


def upload(workspace: Workspace, name: str, age: float) -> Path:
    path = atomic.write_bytes(workspace.cache / UPLOADS / name / "a.png", b"x")
    for place in (path, path.parent):
        os.utime(place, (time.time() - age,) * 2)
    return path


@pytest.fixture
def old(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time at which a file was made cannot be set back: only its other times are looked at."""

    def stat(path: Path, *, follow_symlinks: bool) -> os.stat_result:
        values = list(os.stat(path, follow_symlinks=follow_symlinks))
        values[9] = 0  # ctime
        return os.stat_result(values)

    monkeypatch.setattr("studio.library.tidying._status", stat)


@pytest.mark.parametrize("place", PLACES)
def test_the_start_clears_every_place(tmp_path: Path, place: str) -> None:
    workspace = Workspace(tmp_path)
    orphan = atomic.write_bytes(tmp_path / place / "deep" / "x", b"").with_name(ORPHAN)
    orphan.write_bytes(b"gigabytes")
    studio = Studio(workspace)
    studio.library.tidying.start().join()
    studio.close()
    assert not orphan.exists() and orphan.with_name("x").exists()


def test_uploads_of_before_go_when_no_other_studio_is_here(tmp_path: Path, old: None) -> None:
    workspace = Workspace(tmp_path)
    before = upload(workspace, "before", 5)
    first = Tidying(workspace)
    first.tidy(time.time())
    assert not before.exists() and not before.parent.exists()
    mine = upload(workspace, "mine", 5)
    second = Tidying(workspace)
    second.tidy(time.time())
    assert mine.exists(), "the first studio is still here"
    first.tidy(time.time())
    assert mine.exists()
    idle = upload(workspace, "idle", IDLE_SECONDS + 60)
    second.tidy(time.time())
    assert not idle.exists() and mine.exists()
    first.close()
    second.close()
    Tidying(workspace).tidy(time.time())
    assert not mine.exists()


def test_a_studio_clears_the_uploads_of_the_last_one(tmp_path: Path, old: None) -> None:
    workspace = Workspace(tmp_path)
    before = upload(workspace, "before", 5)
    studio = Studio(workspace)
    studio.library.tidying.start().join()
    mine = upload(workspace, "mine", 5)
    studio.library.tidying.start().join()
    assert not before.exists() and mine.exists()
    studio.close()


def test_what_comes_while_it_tidies_stays(tmp_path: Path, old: None) -> None:
    workspace = Workspace(tmp_path)
    begun = time.time()
    late = upload(workspace, "late", -5)
    Tidying(workspace).tidy(begun)
    assert late.exists()


def test_without_locks_only_what_lies_idle_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: None
) -> None:
    import fcntl

    def refusing(*_: object) -> None:
        raise OSError(95, "no")

    monkeypatch.setattr(fcntl, "flock", refusing)
    workspace = Workspace(tmp_path)
    fresh, idle = upload(workspace, "fresh", 5), upload(workspace, "idle", IDLE_SECONDS + 60)
    Tidying(workspace).tidy(time.time())
    assert fresh.exists() and not idle.exists()


def test_a_workspace_that_is_not_there_is_left_alone(tmp_path: Path) -> None:
    tidying = Tidying(Workspace(tmp_path / "none"))
    tidying.tidy(time.time())
    tidying.close()
    assert not (tmp_path / "none").exists()
