"""The adapter file that a run would have left at one of its checkpoints.

Owns: writing it once, into the cache, and what is trained as a checkpoint has it. The caller holds the
device. Refuses to know: who generates with it. Imports torch.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from studio import methods
from studio.core import atomic, manifest
from studio.core.errors import FileError, InputError, MissingError, StudioError
from studio.formats import safetensors_file
from studio.formats.dataset import read_dataset
from studio.methods.base import ExportFacts, Trainable
from studio.settings.training import RunConfig
from studio.train.ema import Ema
from studio.train.state import checkpoint_folder, saved_steps

if TYPE_CHECKING:
    from studio.runs.training import Runs
    from studio.runtime.runtime import Runtime


def adapter_of(run_id: str, step: str, runs: Runs, runtime: Runtime) -> Path:
    """The main file of run `run_id` at `step`; its moving average where the run keeps one.

    Raises MissingError (no such run or checkpoint), FileError (damaged), InputError (the run trains
    a whole model, or its method needs a trigger word that is gone with its dataset).
    """
    check_step(run_id, step, runs)
    run, config = runs.folder(run_id), runs.trained_config(run_id)
    source = checkpoint_folder(run, int(step))
    manifest.verify(source)
    target = runtime.library.workspace.cache / "checkpoints" / run.name / source.name
    try:
        return target / str(manifest.verify(target)["main"])
    except FileError:
        atomic.remove_folder(target)  # half-written, or never
    base = runtime.base(config.base, config.device, config.precision)
    trigger, _ = words_of(config)
    now = time.time()
    facts = ExportFacts(f"{config.name}-{int(step)}", trigger, int(step), 0, now, now)
    trainable = methods.find(config.method).prepare(base, config, trigger)
    with restored(trainable, config, source):
        files = trainable.export(atomic.make_folder(target), facts)
    manifest.write(target, {"main": files[0].name})
    return files[0]


@contextmanager
def restored(trainable: Trainable, config: RunConfig, checkpoint: Path) -> Iterator[None]:
    """Inside, `trainable` is what its run would have saved at a verified checkpoint: with the moving
    average in its place, where the run keeps one."""
    state, _ = safetensors_file.read_tensors(checkpoint / "trainable.safetensors")
    trainable.load_state(state)
    parameters = [tensor for group in trainable.groups for tensor in group.parameters]
    average = Ema(parameters, config.train.ema) if config.train.ema else None
    if average:
        average.load_state(state)
    with average.shown() if average else nullcontext():
        yield


def words_of(config: RunConfig) -> tuple[str, str]:
    """The trigger word, and the phrase that prompts should have; a dataset that is gone has none."""
    try:
        info = read_dataset(config.data.folder)
    except StudioError:
        return config.data.trigger, config.data.trigger
    trigger = config.data.trigger or info.trigger
    return trigger, info.called(trigger).phrase(trigger)


def check_saved(run_id: str, step: int, runs: Runs) -> Path:
    """The folder of a checkpoint whose files are all as they were saved; MissingError, FileError."""
    run = runs.folder(run_id)
    known = saved_steps(run)
    if step not in known:
        raise _no_checkpoint(run_id, str(step), known)
    folder = checkpoint_folder(run, step)
    manifest.verify(folder)
    return folder


def check_step(run_id: str, step: str, runs: Runs) -> None:
    """Refuses what `adapter_of` cannot make, by what lies in the run's folder; errors as there."""
    run = runs.folder(run_id)
    if methods.find(runs.config(run_id).method).product == "model":
        raise InputError(
            "The checkpoints of this run are whole models",
            where=run_id,
            why="An axis can vary adapter files only.",
            remedy="Compare its finished model instead.",
        )
    known = saved_steps(run)
    if not step.isdecimal() or int(step) not in known:
        raise _no_checkpoint(run_id, step, known)


def _no_checkpoint(run_id: str, step: str, known: list[int]) -> MissingError:
    return MissingError(
        f"This run has no checkpoint of step {step[:20]}",
        where=run_id,
        remedy=f"There are those of step {', '.join(map(str, known))}."
        if known
        else "It has none at all.",
    )
