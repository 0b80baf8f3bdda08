"""What a run's files still say when its log or its state was lost.

Owns: finding saved checkpoints and samples again, and a state for a run that has none left.
Refuses to know: torch, the queue. A file system that was cut off may have lost what was appended
last; checkpoints and samples are proved on disk before anybody hears of them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from studio.core import manifest
from studio.core.errors import StorageError
from studio.core.paths import entries, is_file, is_folder
from studio.core.text import read_json, read_toml
from studio.runs.events import ENDED, RunLog, read_events

Json = dict[str, Any]


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
    known = {(event.get("kind"), event.get("step")) for event in events}
    try:
        if not events:
            text = "The log of this run was lost; what was saved has been found again."
            log.event("message", level="warning", text=text)
        prompts = _prompts(log.folder)
        for step, pictures in _samples(log.folder).items():
            # fewer than there are prompts: the row was never finished
            if ("sample", step) not in known and len(pictures) >= len(prompts):
                log.event("sample", step=step, pictures=pictures, prompts=prompts, found=True)
        for step, folder in saved(log.folder).items():
            if ("saved", step) not in known:
                log.event("saved", step=step, folder=folder.name, found=True)
    except StorageError:
        return  # nothing can be added now; the folder says the same next time
    facts = _progress(log.folder)
    if facts.get("last_checkpoint") != log.state.get("last_checkpoint"):
        facts["step"] = max(facts.get("step", 0), _number(log.state.get("step")))
        log.tell(**facts)


def state(run: Path) -> Json:
    """The state of a run whose own cannot be read; empty for a folder that is no run."""
    try:
        config = read_toml(run / "config.toml")
        train, method = dict(config["train"]), str(config["method"])
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    events, _ = read_events(run)
    states = [event for event in events if event.get("kind") == "state"]
    told: Json = states[-1] if states else {}
    ended = told.get("state") if told.get("state") in ENDED else "interrupted"
    return {
        "run": run.name,
        "name": str(config.get("name") or run.name),
        "method": method,
        "base": str(config.get("base", "")),
        "epoch": 0,
        "steps": _number(train.get("steps")),
        "created_at": round((run / "config.toml").stat().st_mtime, 3),
        "files": [],
        "state": ended,
        "reason": told.get("reason")
        or "The state of this run was lost; this is what its files say.",
        "remedy": told.get("remedy"),
        **_progress(run),
    }


def _progress(run: Path) -> Json:
    """Step, seconds and newest checkpoint, as the checkpoints say."""
    for step, folder in reversed(saved(run).items()):
        try:
            seconds = round(float(read_json(folder / "progress.json")["seconds"]), 2)
        except (OSError, ValueError, KeyError, TypeError):
            continue
        return {"step": step, "seconds": seconds, "last_checkpoint": step}
    return {"step": 0, "last_checkpoint": None}


def _samples(run: Path) -> dict[int, list[str]]:
    found = {}
    for folder in sorted(entries(run / "samples")):
        step = folder.name.removeprefix("step-")
        pictures = [p for p in entries(folder) if p.suffix == ".png" and p.stem.isdecimal()]
        if step.isdecimal() and is_folder(folder) and pictures:
            ordered = sorted(pictures, key=lambda path: int(path.stem))
            found[int(step)] = [path.relative_to(run).as_posix() for path in ordered]
    return found


def _prompts(run: Path) -> list[str]:
    try:
        return [str(prompt) for prompt in read_toml(run / "config.toml")["sample"]["prompts"]]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _number(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
