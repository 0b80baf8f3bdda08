"""The life of a run on disk: its states, its event log and its lock.

Owns: `events.jsonl` (append-only), `state.json` (atomic) and the lock that tells a live run from
a dead one. Refuses to know: what is trained, and who looks.

The writer's memory is the truth: when the disk refuses, viewers in this process see the state
from there, and what was missed is written as soon as the disk takes it.
"""

from __future__ import annotations

import errno
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from studio.core import locks
from studio.core.atomic import append_line, sync, write_json
from studio.core.errors import BusyError, MissingError, StorageError, storage_error
from studio.core.text import parse_json, read_json
from studio.runs.records import Event, RunState, StateChanged, Step, read_event

EVENTS, STATE, LOCK = "events.jsonl", "state.json", ".lock"
UNSYNCED = (Step,)
"""Events that come too often to be synced one by one: the next other one takes them along."""


class RunLog:
    """Writes one run's events and state. One writer per run; readers need nothing but the folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = read_state(folder)
        self._told = self.state.state
        self._missed: list[tuple[str, bool]] = []
        self._stale = False
        self._lock = threading.RLock()

    def event(self, event: Event) -> None:
        """Appends one event, durably unless it is one of many. Raises StorageError."""
        with self._lock:
            self._write_missed()
            durable = not isinstance(event, UNSYNCED)
            append_line(self.folder / EVENTS, _line(event), durable=durable)

    def update(self, **facts: Any) -> None:
        """Changes `state.json`; a changed `state` is logged as an event too. Raises StorageError;
        in memory the state has changed all the same."""
        with self._lock:
            self._change(facts)
            self.flush()

    def replace(self, state: RunState) -> None:
        """`update` to all of another state. Raises StorageError."""
        with self._lock:
            self.state = state
            self._change({"reason": state.reason, "remedy": state.remedy})
            self.flush()

    def tell(self, **facts: Any) -> bool:
        """`update` for what must be known although the disk may refuse; False when it did."""
        try:
            self.update(**facts)
        except StorageError:
            return False
        return True

    def reread(self) -> None:
        """Takes over what another process, which has the run now, has written of its state."""
        with self._lock:
            found = read_state(self.folder)
            if found.state:
                self.state, self._told = found, found.state

    def flush(self) -> None:
        """Writes whatever the disk has not taken yet. Raises StorageError."""
        with self._lock:
            if self._stale:
                write_json(self.folder / STATE, self.state.as_json())
                self._stale = False
            self._write_missed()

    @property
    def unwritten(self) -> bool:
        """Whether the disk lacks something that was told."""
        return self._stale or bool(self._missed)

    def sync(self) -> None:
        """Makes the events so far durable."""
        sync(self.folder / EVENTS)

    def _change(self, facts: dict[str, Any]) -> None:
        self.state = self.state.changed(**facts, updated_at=round(time.time(), 3))
        self._stale = True
        if self.state.state != self._told:
            shown = {key: facts[key] for key in ("reason", "remedy") if facts.get(key)}
            self._missed.append((_line(StateChanged(state=self.state.state, **shown)), True))
            self._told = self.state.state

    def _write_missed(self) -> None:
        while self._missed:
            line, durable = self._missed[0]
            append_line(self.folder / EVENTS, line, durable=durable)
            self._missed.pop(0)


def _line(event: Event) -> str:
    return json.dumps(event.changed(t=round(time.time(), 3)).as_json(), ensure_ascii=False)


def read_state(folder: Path) -> RunState:
    """`state.json` of a run; without a `state` when there is none yet, or none that can be read."""
    try:
        return RunState.read(read_json(folder / STATE))
    except (OSError, ValueError):
        return RunState()


def read_events(folder: Path, since: int = 0) -> tuple[list[Event], int]:
    """Events after byte offset `since` and the next offset; a torn last line waits for the next call."""
    try:
        with open(folder / EVENTS, "rb") as file:
            file.seek(max(0, since))
            data = file.read()
    except OSError:
        return [], max(0, since)
    whole = data[: data.rfind(b"\n") + 1]
    events = []
    for line in whole.split(b"\n"):
        try:
            events.append(read_event(parse_json(line)))
        except ValueError:
            continue  # a line torn by a killed process; the next one starts clean
    return events, max(0, since) + len(whole)


def hold(folder: Path) -> locks.Lock:
    """Takes the lock that a live run holds, or raises BusyError; StorageError where there can be none.

    The system releases it when the process dies.
    """
    if not folder.is_dir():
        raise MissingError("This run does not exist", where=folder)
    try:
        lock = locks.take(folder / LOCK)
    except OSError as error:
        raise no_lock(error, folder) from error
    if lock is None:
        raise BusyError(
            "This run is already going on in another window or process",
            where=folder,
            remedy="Watch it there, or stop it first.",
        )
    return lock


def no_lock(error: OSError, folder: Path, called: str = "run") -> StorageError:
    """Why the lock in a folder cannot be had; `called` is what the folder holds."""
    found = storage_error(error, folder / LOCK, f"Nothing of the {called} was changed.")
    if error.errno in (errno.EISDIR, errno.ELOOP, errno.ENXIO, errno.ENOTDIR):
        found.what = f"This {called} cannot be locked"
        found.why = "Something that is no file lies where its lock belongs"
        found.remedy = "Remove it, then try again."
    elif error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM):
        found.what = f"This {called} cannot be locked, so two programs could write it at once"
        if error.errno != errno.EIO:
            found.why = "The file system of the workspace gives no locks"
            found.remedy = "Keep the workspace on a local disk (--workspace)."
    return found


def honest_state(
    folder: Path, held_here: bool, repair: Callable[[RunLog], None] | None = None
) -> RunState:
    """The state, with `interrupted` in place of an active state whose lock nobody holds.

    `repair` is called with the run's log when it has just been found interrupted. On a disk that
    refuses, the answer is the same and is not written.
    """
    state = read_state(folder)
    if not state.active or held_here:
        return state
    try:
        lock = locks.take(folder / LOCK)
    except OSError as error:
        reason, remedy = _unknown(error, folder)
        return state.changed(state="interrupted", reason=reason, remedy=remedy)
    if lock is None:
        return state  # another process runs it
    try:
        log = RunLog(folder)
        if not log.state.active:
            return log.state  # it ended while we looked
        if log.state.state == "queued":  # its `place` stays: it can go back where it was
            reason = "The program ended while this run waited in the queue."
            remedy = "Resume puts it back into the queue."
        else:
            reason = "The program ended while this run was going on."
            remedy = "Resume continues from the last checkpoint and gives the same result."
        log.tell(state="interrupted", reason=reason, remedy=remedy)
        if repair is not None:
            repair(log)
        return log.state
    finally:
        lock.release()


def _unknown(error: OSError, folder: Path) -> tuple[str, str | None]:
    """Why an active run counts as interrupted when its lock cannot be asked, and what helps."""
    found = no_lock(error, folder)
    if error.errno in (errno.EROFS, errno.ENOENT, errno.EACCES, errno.ENOSPC, errno.EDQUOT):
        return "The program ended while this run was going on.", None
    reason = f"Whether this run is going on cannot be told. {found.what}. {found.why}."
    return reason, found.remedy
