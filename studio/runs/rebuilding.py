"""What a run's files still say when its log or its state was lost.

Owns: finding saved checkpoints and samples again, and a state for a run that has none left.
Refuses to know: torch, the queue. A file system that was cut off may have lost what was appended
last; checkpoints and samples are verified on disk before anybody hears of them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from studio.core import manifest
from studio.core.errors import StorageError
from studio.core.paths import entries, is_file, is_folder
from studio.core.text import read_json, read_toml
from studio.runs.events import RunLog, read_events
from studio.runs.records import ENDED, Message, RunState, Sampled, Saved, StateChanged, only


class Reached(NamedTuple):
    """How far the checkpoints say that a run has come."""

    step: int = 0
    seconds: float | None = None
    last_checkpoint: int | None = None


def saved(run: Path) -> dict[int, Path]:
    """Folders of announced checkpoints by step, oldest first; nothing is hashed."""
    found = {
        int(folder.name.removeprefix("step-")): folder
        for folder in entries(run / "checkpoints")
        if folder.name.removeprefix("step-").isdecimal() and is_file(folder / manifest.MANIFEST)
    }
    return dict(sorted(found.items()))


def repair(log: RunLog) -> None:
    """Adds to a run's log what its folder proves and the log lacks; the caller holds the run."""
    events, _ = read_events(log.folder)
    sampled = {event.step for event in only(events, Sampled)}
    announced = {event.step for event in only(events, Saved)}
    try:
        if not events:
            text = "The log of this run was lost; what was saved has been found again."
            log.event(Message(level="warning", text=text))
        prompts = _prompts(log.folder)
        for step, images in _samples(log.folder).items():
            # fewer than there are prompts: the row was never finished
            if step not in sampled and len(images) >= len(prompts):
                log.event(
                    Sampled(step=step, images=tuple(images), prompts=tuple(prompts), found=True)
                )
        for step, folder in saved(log.folder).items():
            if step not in announced:
                log.event(Saved(step=step, folder=folder.name, found=True))
    except StorageError:
        return  # nothing can be added now; the folder says the same next time
    reached = _progress(log.folder)
    if reached.last_checkpoint != log.state.last_checkpoint:
        log.tell(
            step=max(reached.step, log.state.step),
            last_checkpoint=reached.last_checkpoint,
            **({} if reached.seconds is None else {"seconds": reached.seconds}),
        )


def state(run: Path) -> RunState:
    """The state of a run whose own cannot be read; without a `state` for a folder that is none."""
    try:
        config = read_toml(run / "config.toml")
        train, method = dict(config["train"]), str(config["method"])
    except (OSError, ValueError, KeyError, TypeError):
        return RunState()
    events, _ = read_events(run)
    told = next(reversed(only(events, StateChanged)), StateChanged(state=""))
    reached = _progress(run)
    return RunState(
        run=run.name,
        name=str(config.get("name") or run.name),
        method=method,
        base=str(config.get("base", "")),
        epoch=0,
        step=reached.step,
        steps=_number(train.get("steps")),
        seconds=reached.seconds,
        created_at=round((run / "config.toml").stat().st_mtime, 3),
        files=(),
        last_checkpoint=reached.last_checkpoint,
        state=told.state if told.state in ENDED else "interrupted",
        reason=told.reason or "The state of this run was lost; this is what its files say.",
        remedy=told.remedy,
    )


def _progress(run: Path) -> Reached:
    for step, folder in reversed(saved(run).items()):
        try:
            seconds = round(float(read_json(folder / "progress.json")["seconds"]), 2)
        except (OSError, ValueError, KeyError, TypeError):
            continue
        return Reached(step, seconds, step)
    return Reached()


def _samples(run: Path) -> dict[int, list[str]]:
    found = {}
    for folder in sorted(entries(run / "samples")):
        step = folder.name.removeprefix("step-")
        images = [p for p in entries(folder) if p.suffix == ".png" and p.stem.isdecimal()]
        if step.isdecimal() and is_folder(folder) and images:
            ordered = sorted(images, key=lambda path: int(path.stem))
            found[int(step)] = [path.relative_to(run).as_posix() for path in ordered]
    return found


def _prompts(run: Path) -> list[str]:
    try:
        return [str(prompt) for prompt in read_toml(run / "config.toml")["sample"]["prompts"]]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _number(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
