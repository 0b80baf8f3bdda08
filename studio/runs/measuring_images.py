"""Measuring the loss of each image of a run: while it goes on, and of any checkpoint afterwards.

Owns: from what was measured to the record in the run's folder. Refuses to know: the figures
(`image_losses`), when it is due. Imports torch.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from studio.core import manifest
from studio.core.errors import Interrupted, MissingError, UnavailableError
from studio.formats import safetensors_file
from studio.runs.control import Control
from studio.runs.durable import Durable
from studio.runs.image_losses import ImageLossRecord, LearntRow, file_name, write
from studio.runs.phases import EACH_IMAGE, Phases
from studio.runs.preparation import Preparation
from studio.runs.records import ImagesMeasured
from studio.runtime.runtime import Runtime
from studio.settings.training import RunConfig
from studio.train.image_losses import PAIRS, ImageLosses
from studio.train.loop import Hooks
from studio.train.state import checkpoint_folder, newest_checkpoint, saved_steps

Heard = Callable[[int, int], None]


def measured(
    losses: ImageLosses, made: Preparation, run: str, step: int, heard: Heard
) -> ImageLossRecord:
    """A measurement as a record."""
    rows = [
        LearntRow(
            file=file_name(row.path, made.info.path),
            caption="" if made.config.private_metadata else row.caption,
            base=row.base,
            own=row.own,
            others=row.others,
        )
        for row in losses.measure(heard)
    ]
    return ImageLossRecord(
        run=run,
        name=made.config.name,
        step=step,
        seed=made.config.seed,
        timesteps=PAIRS,
        images=losses.of_all,
        rows=tuple(rows),
    )


def measure_during_run(
    losses: ImageLosses, made: Preparation, disk: Durable, phases: Phases, step: int
) -> None:
    """Measures between two steps of a run. A stop ends it without a record, and does not wait for it."""
    if not losses.possible:
        return
    heard = stopping(lambda: bool(disk.control.stop), None)
    folder = disk.run.folder
    with suppress(Interrupted), phases.during(EACH_IMAGE, step):
        record = measured(losses, made, folder.name, step, heard)
        file = disk.do(lambda: write(folder, record))
        disk.event(ImagesMeasured(step=step, file=file))


def measure_checkpoint(
    folder: Path,
    config: RunConfig,
    runtime: Runtime,
    step: int | None = None,
    heard: Heard = lambda done, total: None,
) -> ImageLossRecord:
    """Measures a checkpoint of a run, the newest without a `step`, and keeps the result in its folder.

    The caller has the device's turn. MissingError without such a checkpoint, UnavailableError for a
    method that does not learn by denoising; errors of the base and of the dataset come through.
    """
    place, step = _checkpoint(folder, step)
    made = Preparation(config, runtime)
    made.read()
    made.encode([], lambda done, total: None)
    trainer = made.trainer(Control(), Hooks())
    if not trainer.image_losses.possible:
        raise UnavailableError(
            "This method has no loss per image",
            where=folder.name,
            why="It does not learn by denoising: it reads the images in its own way.",
            remedy="Choose a run of another method.",
        )
    state, _ = safetensors_file.read_tensors(place / "trainable.safetensors")
    trainer.load_state(state)
    with trainer.averaged():
        record = measured(trainer.image_losses, made, folder.name, step, heard)
    write(folder, record)
    return record


def _checkpoint(folder: Path, step: int | None) -> tuple[Path, int]:
    if step is None:
        found, _ = newest_checkpoint(folder)
        if found is None:
            raise MissingError(
                "This run has no whole checkpoint, so what it learnt cannot be measured",
                where=folder.name,
                remedy="Resume the run, or train again with image_loss.every on.",
            )
        return found, int(found.name.removeprefix("step-"))
    if step not in saved_steps(folder):
        there = ", ".join(map(str, saved_steps(folder))) or "none"
        raise MissingError(
            f"This run has no checkpoint of step {step}",
            where=folder.name,
            remedy=f"There are: {there}.",
        )
    place = checkpoint_folder(folder, step)
    manifest.verify(place)
    return place, step


def stopping(cancelled: Callable[[], bool] | None, heard: Heard | None) -> Heard:
    """`heard`, which raises Interrupted once `cancelled`."""

    def told(done: int, total: int) -> None:
        if cancelled is not None and cancelled():
            raise Interrupted("Stopped as you asked", safe="What was measured before is kept.")
        if heard is not None:
            heard(done, total)

    return told
