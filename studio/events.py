"""The life of a run on disk: its states, its event log and its lock.

Owns: `events.jsonl` (append-only), `state.json` (atomic) and the lock that tells a live run from
a dead one. Refuses to know: what is trained, and who looks.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from studio.atomic import append_line, write_json
from studio.errors import BusyError, MissingError
from studio.text import parse_json, read_json

ACTIVE = ("queued", "preparing", "running", "paused", "stopping")
ENDED = ("finished", "stopped", "failed", "interrupted")


class RunLog:
    """Writes one run's events and state. One writer per run; readers need nothing but the folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state: dict[str, Any] = read_state(folder)

    def event(self, kind: str, **facts: Any) -> None:
        """Appends one event."""
        line = json.dumps({"t": round(time.time(), 3), "kind": kind, **facts}, ensure_ascii=False)
        append_line(self.folder / "events.jsonl", line)

    def update(self, **facts: Any) -> None:
        """Changes `state.json`; a changed `state` is logged as an event too."""
        changed = "state" in facts and facts["state"] != self.state.get("state")
        self.state = {**self.state, **facts, "updated_at": round(time.time(), 3)}
        write_json(self.folder / "state.json", self.state)
        if changed:
            shown = {key: facts[key] for key in ("reason", "remedy") if facts.get(key)}
            self.event("state", state=facts["state"], **shown)


def read_state(folder: Path) -> dict[str, Any]:
    """`state.json` of a run; empty when there is none yet."""
    try:
        state = read_json(folder / "state.json")
    except (OSError, ValueError):
        return {}
    return state if isinstance(state, dict) else {}


def read_events(folder: Path, since: int = 0) -> tuple[list[dict[str, Any]], int]:
    """Events after byte offset `since` and the next offset; a torn last line waits for the next call."""
    path = folder / "events.jsonl"
    if not path.exists():
        return [], 0
    with open(path, "rb") as file:
        file.seek(max(0, since))
        data = file.read()
    whole = data[: data.rfind(b"\n") + 1]
    events = []
    for line in whole.split(b"\n"):
        try:
            event = parse_json(line)
        except ValueError:
            continue  # a line torn by a killed process; the next one starts clean
        if isinstance(event, dict):
            events.append(event)
    return events, max(0, since) + len(whole)


def run_lock(folder: Path) -> FileLock:
    """The lock a live run holds; the system releases it when the process dies."""
    return FileLock(str(folder / ".lock"), thread_local=False)


def hold(folder: Path) -> FileLock:
    """Takes the run's lock or raises BusyError."""
    if not folder.is_dir():
        raise MissingError("This run does not exist", where=folder)
    lock = run_lock(folder)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise BusyError(
            "This run is already going on in another window or process",
            where=folder,
            remedy="Watch it there, or stop it first.",
        ) from None
    return lock


def honest_state(folder: Path, held_here: bool) -> dict[str, Any]:
    """The state, with `interrupted` in place of an active state whose lock nobody holds."""
    state = read_state(folder)
    if state.get("state") not in ACTIVE or held_here:
        return state
    lock = run_lock(folder)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return state  # another process runs it
    try:
        log = RunLog(folder)
        if log.state.get("state") == "queued":  # its `place` stays: it can go back where it was
            reason = "The program ended while this run waited in the queue."
            remedy = "Resume puts it back into the queue."
        else:
            reason = "The program ended while this run was going on."
            remedy = "Resume continues from the last checkpoint and gives the same result."
        log.update(state="interrupted", reason=reason, remedy=remedy)
        return log.state
    finally:
        lock.release()
