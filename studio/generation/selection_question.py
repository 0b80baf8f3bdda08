"""A plan on the device: every checkpoint becomes something that can be put on the base.

Owns: how each method's checkpoints are put on, and the digest by which a question is found again.
Refuses to know: the race. The caller holds the device. Imports torch.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from studio import methods
from studio.adapters.stack import applied
from studio.compare.selection.images import Entrant
from studio.compare.selection.rule import Candidate
from studio.compare.selection.selecting import Question
from studio.core.callbacks import Cancelled, OnProgress
from studio.core.contents import content_hash
from studio.core.errors import InputError, Interrupted, MissingError
from studio.families.base import Base
from studio.generation.selection_plan import Plan, PlannedRun
from studio.methods.base import Trainable
from studio.runs.checkpoint_files import adapter_of, check_saved, restored
from studio.runs.training import Runs
from studio.runtime.runtime import Runtime
from studio.settings.generation import CompareSettings, Lane
from studio.settings.stack import StackItem

NO_IMAGES = ("name", "device", "reference", "batch_size", "race", "risk", "tolerance")
"""Settings on which no image depends."""
Applied = Callable[[], AbstractContextManager[object]]


@dataclass(frozen=True)
class _Found:
    """A checkpoint that is there; `path` is its file, None where it is put on from memory."""

    run: PlannedRun
    step: int
    source: Path
    path: Path | None


def question(
    plan: Plan,
    runs: Runs,
    runtime: Runtime,
    on_progress: OnProgress | None = None,
    cancelled: Cancelled | None = None,
) -> tuple[Base, Question]:
    """The base that the candidates are put on, and what is asked.

    Writes the files of checkpoints that have none yet. A checkpoint that vanished or cannot be used is
    left out with a note; its InputError when none is left. Raises Interrupted.
    """
    notes = list(plan.notes)
    found = _files(plan, runs, runtime, notes, (on_progress, cancelled))
    # Last: a run of another precision or device has loaded a base of its own to write its files.
    base = runtime.base(plan.base, plan.settings.device, plan.precision)
    entrants = in_order(list(_entrants(plan, found, base, runs, runtime)))
    contents = [content_hash(one.source / "trainable.safetensors") for one in found]
    return base, Question(
        settings=plan.settings,
        digest=_digest(plan, base, contents),
        entrants=entrants,
        prompts=plan.prompts,
        plain=plan.plain,
        references=plan.references,
        training=plan.training,
        runs={run.run: run.name for run in plan.runs},
        notes=tuple(notes),
        compared=_compared(plan, entrants),
        held_out=plan.held_out,
    )


def _files(
    plan: Plan,
    runs: Runs,
    runtime: Runtime,
    notes: list[str],
    watched: tuple[OnProgress | None, Cancelled | None],
) -> list[_Found]:
    """The checkpoints with their files, which may load other bases meanwhile."""
    on_progress, cancelled = watched
    found: list[_Found] = []
    first: InputError | None = None
    wanted = [(run, step) for run in plan.runs for step in run.steps]
    for done, (run, step) in enumerate(wanted):
        if cancelled and cancelled():
            raise Interrupted("The comparison was stopped")
        if on_progress:
            on_progress(
                0, len(wanted), f"Writing the file of checkpoint {done + 1} of {len(wanted)}"
            )
        try:
            source = check_saved(run.run, step, runs)
            path = None if _is_model(run) else adapter_of(run.run, str(step), runs, runtime)
        except InputError as error:
            first = first or error
            notes.append(f"Step {step} of “{run.name}” was left out: {error.what}.")
            continue
        found.append(_Found(run, step, source, path))
    if not found:
        raise first or MissingError("There are no checkpoints left to compare")
    return found


def _entrants(
    plan: Plan, found: list[_Found], base: Base, runs: Runs, runtime: Runtime
) -> Iterator[Entrant]:
    """Each checkpoint at each strength, put on `base`."""
    models = {run.run: _Model(base, run, plan.trigger) for run in plan.runs if _is_model(run)}
    for one in found:
        size = one.path.stat().st_size if one.path else None
        for strength in plan.settings.strengths:
            key = Candidate(one.run.run, one.step, strength)
            lane = _lane(one.run, key, one.path, runs)
            on: Applied
            if one.path is None:
                on = partial(models[one.run.run].at, one.source, strength)
            else:
                on = partial(applied, base, lane.stack, runtime.adapters())
            yield Entrant(0, key, lane, on, size)


def in_order(entrants: list[Entrant]) -> list[Entrant]:
    """As columns by step, then strength."""
    entrants = sorted(entrants, key=lambda one: one.candidate)
    return [replace(one, column=place) for place, one in enumerate(entrants, 1)]


class _Model:
    """A run that trains the model itself: its checkpoints are put on from memory, one at a time, for
    files of whole models would fill the disk."""

    def __init__(self, base: Base, run: PlannedRun, trigger: str) -> None:
        self.base, self.run, self.trigger = base, run, trigger
        self._trainable: Trainable | None = None

    @contextmanager
    def at(self, checkpoint: Path, strength: float) -> Iterator[None]:
        """Inside, the base computes with a checkpoint, its change multiplied by `strength`."""
        if self._trainable is None:
            method = methods.find(self.run.config.method)
            self._trainable = method.prepare(self.base, self.run.config, self.trigger)
        with restored(self._trainable, self.run.config, checkpoint):
            if strength != 1:
                self._trainable.scale(strength)
            with self._trainable.attached():
                yield


def _is_model(run: PlannedRun) -> bool:
    return methods.find(run.config.method).product == "model"


def _lane(run: PlannedRun, key: Candidate, path: Path | None, runs: Runs) -> Lane:
    stack = [StackItem(path=str(path), strength=key.strength)] if path else []
    state = runs.state(run.run)
    seconds = state.seconds * key.step / state.step if state.seconds and state.step else None
    return Lane(
        name=key.title, stack=stack, run=run.run, step=key.step, method=run.config.method,
        seconds=seconds and round(seconds, 2),
    )  # fmt: skip


def _compared(plan: Plan, entrants: list[Entrant]) -> dict[str, object]:
    """The same question as a comparison's settings, where every candidate is a file."""
    chosen = plan.settings
    lanes = [Lane(name="Base"), *(one.lane for one in entrants if one.lane.stack)]
    rounds = max(1, chosen.images // len(plan.prompts))
    settings = CompareSettings(
        name=chosen.name, base=plan.base, columns=lanes, prompts=list(plan.prompts),
        seeds=[(chosen.seed + k) % 2**32 for k in range(rounds)], steps=chosen.steps,
        guidance=chosen.guidance, sampler=chosen.sampler, negative_prompt=chosen.negative_prompt,
        reference=chosen.reference, batch_size=chosen.batch_size, device=chosen.device,
    )  # fmt: skip
    return settings.model_dump()


def _digest(plan: Plan, base: Base, contents: list[str]) -> str:
    """Of all that images depend on, and what they are compared with."""
    chosen = plan.settings.model_dump(exclude=set(NO_IMAGES))
    judged = [content_hash(path) for path in (*plan.references, *plan.training)]
    value = [chosen, base.hash, contents, plan.prompts, plan.plain, judged]
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
