"""Checkpoints: everything a run needs to go on bit-identically, provably whole.

Owns: `checkpoints/step-000100/` and its files. A checkpoint is filled beside its place and put there
when it is whole, so an announced one is never missing, also while the same step is saved again.
Refuses to know: the loop.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from torch import Tensor
from torch.optim import Optimizer

from studio.core import atomic, manifest
from studio.core.errors import FileError, MissingError
from studio.core.text import read_json
from studio.formats import safetensors_file
from studio.train.optim import load_optimizer_state, optimizer_state

RECORD = "progress.json"


@dataclass
class Progress:
    """The loop's own state; with the tensors it is the whole resume record."""

    step: int = 0
    smoothed_loss: float | None = None
    seconds: float = 0.0
    """Time spent training, over all sittings."""


def checkpoint_folder(run: Path, step: int) -> Path:
    """Where the checkpoint of `step` lives."""
    return run / "checkpoints" / f"step-{step:06d}"


def save_checkpoint(
    run: Path,
    progress: Progress,
    state: dict[str, Tensor],
    optimizer: Optimizer,
    facts: Mapping[str, Any] | None = None,
) -> Path:
    """Writes a checkpoint durably; returns its folder once every file is verified on disk.

    The very same moment of a run is not written twice. `facts` go into the manifest.
    """
    folder = checkpoint_folder(run, progress.step)
    tensors, numbers = optimizer_state(optimizer)
    record = {**asdict(progress), "optimizer": numbers}
    if _is_kept(folder, record):
        return folder
    with atomic.replacing(folder) as beside:
        safetensors_file.write(beside / "trainable.safetensors", _plain(state), {})
        safetensors_file.write(beside / "optimizer.safetensors", _plain(tensors), {})
        atomic.write_json(beside / RECORD, record)
        manifest.write(beside, {"step": progress.step, **(facts or {})})
    return folder


def _is_kept(folder: Path, record: dict[str, Any]) -> bool:
    """Whether this moment is there already, whole: seconds of training never come twice."""
    try:
        manifest.verify(folder)
        kept: bool = _record(folder) == json.loads(json.dumps(record))
    except FileError:
        return False
    return kept


def saved_steps(run: Path) -> list[int]:
    """Steps that have a manifest, oldest first."""
    found = (run / "checkpoints").glob(f"step-*/{manifest.MANIFEST}")
    steps = (path.parent.name.removeprefix("step-") for path in found)
    return sorted(int(step) for step in steps if step.isdecimal())


def newest_checkpoint(run: Path) -> tuple[Path | None, list[int]]:
    """The newest whole checkpoint, None if there is none; and the newer, damaged steps."""
    damaged: list[int] = []
    for step in reversed(saved_steps(run)):
        folder = checkpoint_folder(run, step)
        try:
            manifest.verify(folder)
            _record(folder)
        except FileError:
            damaged.append(step)
            continue
        return folder, damaged
    return None, damaged


def latest_checkpoint(run: Path) -> Path:
    """The newest whole checkpoint. Raises MissingError if there is none."""
    folder, _ = newest_checkpoint(run)
    if folder is None:
        raise MissingError(
            "This run has no whole checkpoint to continue from",
            where=run.name,
            remedy="Start it anew with the same settings; it gives the same result.",
        )
    return folder


def load_checkpoint(folder: Path, optimizer: Optimizer) -> tuple[Progress, dict[str, Tensor]]:
    """Reads a checkpoint, puts the optimizer's state back; returns progress and trainable state."""
    record = _record(folder)
    numbers = record.pop("optimizer")
    tensors, _ = safetensors_file.read_tensors(folder / "optimizer.safetensors")
    load_optimizer_state(optimizer, tensors, numbers)
    state, _ = safetensors_file.read_tensors(folder / "trainable.safetensors")
    return Progress(**record), state


def remove_old(run: Path, keep: int, spare: int | None = None) -> None:
    """Deletes all but the newest `keep` checkpoints and that of step `spare`, and what an interrupted
    deletion left."""
    for step in saved_steps(run)[:-keep]:
        if step != spare:
            atomic.remove_folder(checkpoint_folder(run, step))


def remove_unfinished(run: Path) -> None:
    """Deletes folders that were never announced, as an earlier version left them."""
    for folder in (run / "checkpoints").glob("step-*"):
        if not (folder / manifest.MANIFEST).exists():
            atomic.remove_folder(folder)


def _record(folder: Path) -> dict[str, Any]:
    try:
        record: dict[str, Any] = read_json(folder / RECORD)
        Progress(**{key: value for key, value in record.items() if key != "optimizer"})
        record["optimizer"]
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise FileError(
            "This checkpoint is damaged",
            where=folder / RECORD,
            why="What it says of the run's progress cannot be read.",
            remedy="Use an earlier checkpoint of the same run.",
        ) from error
    return record


def _plain(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
