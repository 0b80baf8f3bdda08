"""What of a run may be other when it goes on: a few settings, and what helps after NaN.

Owns: which settings, how a change is recorded, and the suggestion after a loss that became NaN.
Refuses to know: the queue, torch.

Everything that is random depends on a step's number alone, so a run whose settings are changed goes on
from its checkpoint as exactly as one whose settings are not.
"""

from __future__ import annotations

from collections.abc import Sequence

from studio.core import atomic
from studio.core.counts import counted
from studio.core.errors import InputError, NonFiniteError, SettingsError
from studio.library import presets
from studio.runs.events import RunLog
from studio.runs.history import differing
from studio.runs.records import Message, RunState
from studio.settings.rate_schedule import parse_rates
from studio.settings.training import RunConfig, override

CHANGEABLE = (
    "train.learning_rate", "train.text_learning_rate", "train.rates", "train.steps", "train.minutes",
    "train.processes", "precision", "sample.prompts", "sample.every", "save.every", "save.stop_after", "validation.every",
    "image_loss.every",
)  # fmt: skip
LOWER = 3  # a rate at which the loss became NaN is divided by it


def changed(config: RunConfig, assignments: Sequence[str]) -> RunConfig:
    """The settings with `key=value` assignments over them. SettingsError for one that has to stay."""
    found = presets.make_config(override(config.model_dump(), list(assignments)))
    kept = [key for key, *_ in differing(config, found) if key not in CHANGEABLE]
    found = _dealt_out(config, found)
    if kept:
        raise SettingsError(
            f"“{kept[0]}” cannot be changed in a run that has begun",
            why="What was trained so far would not fit what comes",
            remedy=f"Start a new run, or change {', '.join(CHANGEABLE)}.",
        )
    return found


def _dealt_out(config: RunConfig, found: RunConfig) -> RunConfig:
    """With the batch size at which another number of processes takes the same images per step."""
    processes = found.train.processes
    images = config.train.batch_size * config.train.processes
    if images % processes:
        raise SettingsError(
            f"A batch of {images} cannot be dealt out to {counted(processes, 'process', 'processes')}",
            why="Each must take the same number of images, and a run keeps what it takes per step",
            remedy=f"Resume it with a number of processes that divides {images}.",
        )
    train = found.train.model_copy(update={"batch_size": images // processes})
    return found.model_copy(update={"train": train})


def may_go_on(state: RunState, config: RunConfig, wanted: RunConfig) -> None:
    """Raises InputError for a run that goes on, is at its end, or would only fail once more."""
    if state.active:
        raise InputError("This run is still going on", where=state.run)
    ended_by_time = state.step < wanted.train.steps and wanted == config
    if state.state == "finished" and (wanted.train.steps <= state.step or ended_by_time):
        raise InputError(
            "This run is finished",
            where=state.run,
            remedy="Give it more steps, or start a new one with its settings.",
        )
    if wanted.train.steps < state.step:
        raise SettingsError(
            f"The run has done {counted(state.step, 'step')} already", where="train.steps"
        )
    if failed_by_nan(state) and wanted == config:
        better = ", ".join(f"{key}={value}" for key, value in suggestion(state, config).items())
        raise InputError(
            "This run would fail again at the same step",
            where=state.run,
            why="It goes on exactly as before, and its loss became NaN",
            remedy=f"Change a setting with it, such as {better}.",
        )


def going_on(state: RunState, wanted: RunConfig) -> RunState:
    """The state of a run that goes on: how it ended is no longer true."""
    return state.changed(
        reason=None, remedy=None, finished_at=None, error=None, steps=wanted.train.steps
    )


def record(run: RunLog, config: RunConfig, wanted: RunConfig) -> None:
    """Writes what was changed into the run's settings and its log. Raises StorageError."""
    found = differing(config, wanted)
    if not found:
        return
    said = ", ".join(f"{key} {first} → {second}" for key, first, second in found)
    atomic.write_text(run.folder / "config.toml", presets.to_toml(wanted))
    text = f"Settings changed at step {run.state.last_checkpoint or 0}: {said}"
    run.event(Message(level="info", text=text))


def failed_by_nan(state: RunState) -> bool:
    """Whether its loss became NaN or infinite."""
    return (
        state.state == "failed"
        and state.error is not None
        and state.error.kind == NonFiniteError.__name__
    )


def suggestion(state: RunState, config: RunConfig) -> dict[str, str]:
    """Settings by key with which a run whose loss became NaN will probably go on; else nothing."""
    if not failed_by_nan(state):
        return {}
    if state.error and "float16" in (state.error.where or "").replace("bfloat16", ""):
        return {"precision": "fp32"}  # fp16 overflows easily
    train = config.train
    if train.schedule == "listed":
        parts = [(_lower(rate), until) for rate, until in parse_rates(train.rates)]
        return {"train.rates": ", ".join(f"{r}:{u}" if u else r for r, u in parts)}
    found = {"train.learning_rate": _lower(train.learning_rate)}
    if train.text_learning_rate:
        found["train.text_learning_rate"] = _lower(train.text_learning_rate)
    return found


def _lower(rate: float) -> str:
    return f"{rate / LOWER:.1g}"
