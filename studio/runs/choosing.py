"""One of a run's checkpoints becomes the run's file, its strength written in where that can be.

Owns: that the previous file is kept beside it, and what is said of it. Refuses to know: how the
checkpoint was chosen, pages. Imports torch.

First the previous file is kept under a name of its own, then the new one takes its place: whatever
happens between the two, nothing is lost.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from studio import methods
from studio.core import atomic, memory
from studio.core.errors import InputError, StudioError
from studio.core.names import printable
from studio.core.paths import is_file, slug
from studio.families.base import Base
from studio.formats import images
from studio.library import keeping
from studio.methods.base import ExportFacts
from studio.runs.checkpoint_files import check_saved, restored, words_of
from studio.runs.events import RunLog, hold, read_events
from studio.runs.product import export
from studio.runs.records import Finished, Message, Verification, only
from studio.runs.samples import THUMBNAIL, verify
from studio.settings.training import RunConfig

if TYPE_CHECKING:
    from studio.runs.training import Runs
    from studio.runtime.runtime import Runtime

SAFE = "The run's file is as it was."
REPLACED = "The run's file is already that of step {}; the previous one is kept beside it."


@dataclass(frozen=True)
class Written:
    """What became of it."""

    files: tuple[Path, ...]
    kept: tuple[Path, ...]
    """The previous file, under its new name."""
    said: str
    """The same in a sentence or two."""


def use_checkpoint(
    run_id: str, step: int, strength: float, runs: Runs, runtime: Runtime, why: str = ""
) -> Written:
    """Writes the checkpoint of `step` as the file of its run, acting at 1 as it did at `strength`.

    Where a file of its method cannot hold a strength, it is written as it is and said so. The caller
    holds the device. Raises MissingError and FileError for the checkpoint, InputError for a run that
    goes on, BusyError for one that goes on elsewhere, StorageError.
    """
    config, source = runs.trained_config(run_id), check_saved(run_id, step, runs)
    folder = runs.folder(run_id)
    if runs.state(run_id).active:
        raise InputError(
            "This run is still going on", where=run_id, remedy="Wait for its end, or stop it first."
        )
    lock = hold(folder)
    try:
        return _write(RunLog(folder), config, source, (step, strength, why), runs, runtime)
    except StudioError as error:
        error.safe = error.safe or SAFE
        raise
    finally:
        lock.release()


def _write(
    run: RunLog,
    config: RunConfig,
    source: Path,
    choice: tuple[int, float, str],
    runs: Runs,
    runtime: Runtime,
) -> Written:
    step, strength, why = choice
    base = runtime.base(config.base, config.device, config.precision)
    trigger, phrase = words_of(config)
    trainable = methods.find(config.method).prepare(base, config, trigger)
    unscaled = ""
    with restored(trainable, config, source):
        if strength != 1:
            try:
                trainable.scale(strength)
            except InputError as error:
                unscaled = f"{error.sentence()} {error.remedy or ''}".strip()
        held = strength if not unscaled else 1.0
        facts = ExportFacts(
            name=config.name,
            trigger=trigger,
            phrase=phrase,
            step=step,
            epoch=run.state.epoch,
            started_at=run.state.started_at or run.state.created_at or 0.0,
            finished_at=round(time.time(), 3),
            thumbnail=_thumbnail(run.folder, step),
            chosen=_chosen(run.folder.name, step, held, why),
        )
        kept = _kept_beside(run, config, runs, runtime)
        files, other = export(trainable, facts, run, runtime.library)
    said = _said(config, (step, held), kept, [unscaled, other or ""])
    safe = REPLACED.format(step) if kept else f"The run's file is already that of step {step}."
    names = tuple(map(str, files))
    try:
        with memory.explained("anything", safe):
            run.update(files=names)
            run.event(Message(level="info", text=said))
            if not _is_model(config):
                runtime.library.index.again(*files)
            _verified(run, Finished(step=step, files=names), base, config, runtime)
    except StudioError as error:  # too late for the file to be as it was
        error.safe = safe
        raise
    return Written(tuple(files), tuple(kept), said)


def _verified(
    run: RunLog, written: Finished, base: Base, config: RunConfig, runtime: Runtime
) -> None:
    """Loads the file again. It has been written, and the run says so, whatever becomes of this."""
    proof: Verification | None = None
    try:
        proof = verify(base, config, Path(written.files[0]), runtime.adapters())
    finally:
        run.event(written.changed(verify=proof))


def _kept_beside(run: RunLog, config: RunConfig, runs: Runs, runtime: Runtime) -> list[Path]:
    """The run's previous files under `<name>-<step>`; none where there are none any more."""
    files = [path for path in runs.files(run.state) if is_file(path)]
    if not files:
        return []
    library, before = runtime.library, _step_of(run)
    title = f"{config.name}, step {before}"
    if _is_model(config):
        name = f"{slug(config.name)}-{before}"
        kept = keeping.keep_copy(library.workspace.bases, files[0].parent, name)
        library.note_run(kept[0], run.folder.name, title)
        return kept
    stem = files[0].stem
    staged = run.folder / "earlier" / f"step-{before:06d}"
    copies = []
    for path in files:
        if not path.name.startswith(stem):
            continue
        name = f"{stem}-{before}{path.name.removeprefix(stem)}"
        copies.append(atomic.copy_file(path, atomic.make_folder(staged) / name))
    kept = keeping.keep(library.workspace.adapters, copies, reserved=library.reserved)
    for path in kept:
        library.note_run(path, run.folder.name, title)
    library.index.again(*kept)
    return kept


def _is_model(config: RunConfig) -> bool:
    return methods.find(config.method).product == "model"


def _step_of(run: RunLog) -> int:
    """The step that the run's file is of."""
    steps = [event.step for event in only(read_events(run.folder)[0], Finished) if event.step]
    return steps[-1] if steps else run.state.step


def _thumbnail(folder: Path, step: int) -> bytes | None:
    sample = folder / "samples" / f"step-{step:06d}" / "0.png"
    try:
        return images.thumbnail(sample, THUMBNAIL) if is_file(sample) else None
    except StudioError:
        return None


def _chosen(run: str, step: int, strength: float, why: str) -> str:
    scaled = f", strength {strength:g} written in" if strength != 1 else ""
    return f"Step {step} of the run {run}{scaled}. {why}".strip()


def _said(
    config: RunConfig, choice: tuple[int, float], kept: Sequence[Path], more: Sequence[str]
) -> str:
    step, strength = choice
    scaled = f" with the strength {strength:g} written in" if strength != 1 else ""
    beside = f" The previous file is kept as “{printable(_name(kept[0]))}”." if kept else ""
    rest = "".join(f" {text}" for text in more if text)
    return f"The file of “{config.name}” is now that of step {step}{scaled}.{beside}{rest}"


def _name(path: Path) -> str:
    """A model is known by its folder."""
    return path.name if path.parent.name == "adapters" else path.parent.name
