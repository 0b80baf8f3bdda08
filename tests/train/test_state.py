"""A checkpoint that was announced stands, whatever happens while the same step is saved again."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import nn

from studio.core import manifest
from studio.core.errors import MissingError, StorageError
from studio.train import state
from studio.train.state import Progress, checkpoint_folder, latest_checkpoint, save_checkpoint
from tests import failpoint


@pytest.fixture(autouse=True)
def no_failpoint() -> Iterator[None]:
    yield
    failpoint.reached = None


def save(run: Path, value: float, progress: Progress) -> Path:
    weight = nn.Parameter(torch.full((3,), value))
    optimizer = torch.optim.AdamW([weight])
    weight.grad = torch.ones(3)
    optimizer.step()
    return save_checkpoint(run, progress, {"weight": torch.full((3,), value)}, optimizer)


def value_of(folder: Path) -> float:
    from studio.formats import safetensors_file

    tensors, _ = safetensors_file.read_tensors(folder / "trainable.safetensors")
    return float(tensors["weight"][0])


def test_the_very_same_moment_is_kept(tmp_path: Path) -> None:
    first = save(tmp_path, 1.0, Progress(4, 0.5, 12.3456789))
    before = {path: path.stat().st_ino for path in first.iterdir()}
    written: list[str] = []
    failpoint.reached = lambda operation, path: written.append(operation)
    assert save(tmp_path, 1.0, Progress(4, 0.5, 12.3456789)) == first
    assert {path: path.stat().st_ino for path in first.iterdir()} == before and written == []


def test_a_damaged_one_is_written_anew(tmp_path: Path) -> None:
    folder = save(tmp_path, 1.0, Progress(4, 0.5, 12.0))
    (folder / "trainable.safetensors").write_bytes(b"damaged")
    save(tmp_path, 1.0, Progress(4, 0.5, 12.0))
    assert manifest.verify(folder) and value_of(folder) == 1.0


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_saving_a_step_again_never_leaves_none(tmp_path: Path, code: int) -> None:
    """The n-th durable operation fails, for every n: old or new, never neither."""
    count, failed = 0, True
    while failed:
        count, failed, seen = count + 1, False, 0

        def reached(operation: str, path: Path, last: int = count) -> None:
            nonlocal seen
            seen += 1
            if seen == last:
                raise OSError(code, os.strerror(code))

        run = tmp_path / str(count)
        folder = save(run, 1.0, Progress(4, 0.5, 12.0))
        failpoint.reached = reached
        try:
            save(run, 2.0, Progress(4, 0.4, 15.0))
        except StorageError:
            failed = True
        failpoint.reached = None
        assert latest_checkpoint(run) == folder and value_of(folder) in (1.0, 2.0)
        assert [path.name for path in folder.parent.iterdir()] == [folder.name]
    assert count > 15, "the sweep must reach past the last operation"


def test_a_damaged_newest_one_is_passed_over_and_named(tmp_path: Path) -> None:
    for step in (2, 4):
        save(tmp_path, float(step), Progress(step, 0.5, step * 1.0))
    (checkpoint_folder(tmp_path, 4) / "progress.json").write_text("[" * 100_000)
    assert state.newest_checkpoint(tmp_path) == (checkpoint_folder(tmp_path, 2), [4])
    (checkpoint_folder(tmp_path, 2) / "manifest.json").write_text("[" * 100_000)
    assert state.newest_checkpoint(tmp_path) == (None, [4, 2])
    with pytest.raises(MissingError, match="no whole checkpoint"):
        latest_checkpoint(tmp_path)


def test_what_was_never_announced_is_removed(tmp_path: Path) -> None:
    folder = save(tmp_path, 1.0, Progress(2, 0.5, 1.0))
    (tmp_path / "checkpoints" / "step-000004").mkdir()
    (tmp_path / "checkpoints" / "step-notes").mkdir()
    assert state.saved_steps(tmp_path) == [2]
    state.remove_unfinished(tmp_path)
    assert folder.is_dir() and not (tmp_path / "checkpoints" / "step-000004").exists()
