"""Checkpoints: everything a run needs to go on bit-identically, provably whole.

Owns: `checkpoints/step-000100/` and its files. The manifest is written last; a folder without one
was never announced. Refuses to know: the loop.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from torch import Tensor
from torch.optim import Optimizer

from studio import atomic
from studio.errors import FileError, MissingError
from studio.formats import safetensors_file
from studio.text import read_json
from studio.train.optim import load_optimizer_state, optimizer_state


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
    run: Path, progress: Progress, state: dict[str, Tensor], optimizer: Optimizer
) -> Path:
    """Writes a checkpoint durably; returns its folder once every file is proved on disk."""
    folder = checkpoint_folder(run, progress.step)
    if folder.exists():
        atomic.remove_folder(folder)  # half-written, or the same step saved twice
    tensors, numbers = optimizer_state(optimizer)
    safetensors_file.write(folder / "trainable.safetensors", _plain(state), {})
    safetensors_file.write(folder / "optimizer.safetensors", _plain(tensors), {})
    atomic.write_json(folder / "progress.json", {**asdict(progress), "optimizer": numbers})
    atomic.write_manifest(folder, {"step": progress.step})
    return folder


def saved_steps(run: Path) -> list[int]:
    """Steps that have a manifest, oldest first."""
    found = (run / "checkpoints").glob(f"step-*/{atomic.MANIFEST}")
    return sorted(int(path.parent.name.removeprefix("step-")) for path in found)


def latest_checkpoint(run: Path) -> Path:
    """The newest whole checkpoint; damaged ones are passed over. Raises MissingError if none."""
    for step in reversed(saved_steps(run)):
        folder = checkpoint_folder(run, step)
        try:
            atomic.verify_manifest(folder)
        except FileError:
            continue
        return folder
    raise MissingError(
        "This run has no whole checkpoint to go on from",
        where=run.name,
        remedy="Start it anew with the same settings; it gives the same result.",
    )


def load_checkpoint(folder: Path, optimizer: Optimizer) -> tuple[Progress, dict[str, Tensor]]:
    """Reads a checkpoint, puts the optimizer's state back; returns progress and trainable state."""
    record = read_json(folder / "progress.json")
    numbers = record.pop("optimizer")
    tensors, _ = safetensors_file.read_tensors(folder / "optimizer.safetensors")
    load_optimizer_state(optimizer, tensors, numbers)
    state, _ = safetensors_file.read_tensors(folder / "trainable.safetensors")
    return Progress(**record), state


def remove_old(run: Path, keep: int) -> None:
    """Deletes all but the newest `keep` whole checkpoints."""
    for step in saved_steps(run)[:-keep]:
        atomic.remove_folder(checkpoint_folder(run, step))


def _plain(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
