"""Telling somebody outside of the studio that a run has ended: a webhook or a command of theirs.

Owns: what is sent, and that it can neither delay nor fail a run: each message has a thread and a time
limit of its own, and what goes wrong is in the log. Off unless the person at this machine named a
target. Refuses to know: where the target was named (`studio.settings.workspace`, `--notify`).
"""

from __future__ import annotations

import json
import logging
import os
import shlex
import subprocess
import threading
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

from studio.core.errors import SettingsError
from studio.core.names import encodable_all, path_of
from studio.runs.records import RunState

log = logging.getLogger(__name__)
WEB = ("http://", "https://")
SECONDS = 10.0  # for one message
TOLD = ("finished", "stopped", "failed")


def command_of(target: str) -> list[str]:
    """A target that is a command, in its parts; [] for an address. Raises SettingsError."""
    if target.lower().startswith(WEB):
        return []
    try:
        parts = shlex.split(target, posix=os.name != "nt")
    except ValueError as error:
        raise SettingsError(
            "The command for notifications cannot be read",
            where=target[:200],
            why=str(error),
            remedy="Put quotation marks around parts with spaces.",
        ) from error
    if not parts or "://" in parts[0]:
        raise SettingsError(
            "This is neither a command nor an address for notifications",
            where=target[:200],
            remedy="Give an address that begins with https:// or http://, or a command.",
        )
    return parts


@dataclass
class Notifier:
    """Sends a message per run that has ended to `target`; nothing when that is empty."""

    target: str = ""
    seconds: float = SECONDS
    _sending: list[threading.Thread] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.target:
            command_of(self.target)

    def tell(self, state: RunState) -> None:
        """Begins to send what became of a run; returns at once."""
        if not self.target or state.state not in TOLD:
            return
        thread = threading.Thread(
            target=self._send, args=(message(state),), name="notification", daemon=True
        )
        self._sending = [one for one in self._sending if one.is_alive()] + [thread]
        thread.start()

    def close(self) -> None:
        """Waits for what is on its way, for at most the time one message may take."""
        until = time.monotonic() + self.seconds
        for thread in self._sending:
            thread.join(max(0.0, until - time.monotonic()))

    def _send(self, told: Told) -> None:
        data = json.dumps(encodable_all(vars(told))).encode()
        try:
            if parts := command_of(self.target):
                subprocess.run(
                    parts, input=data, timeout=self.seconds, check=True, stdout=subprocess.DEVNULL
                )
            else:
                _post(self.target, data, self.seconds)
        except Exception as error:  # a run is not worth less because nobody could be told
            log.warning("no notification about the run %s could be sent: %s", told.run, error)


@dataclass(frozen=True)
class Told:
    """What is sent: plain facts, and a sentence under `text`, the key that chat services read."""

    text: str
    run: str
    name: str
    method: str
    base: str
    state: str
    step: int
    steps: int
    seconds: float | None
    reason: str | None
    files: tuple[str, ...]
    """Without their folders: the message may leave this machine."""


def message(state: RunState) -> Told:
    """What is told of a run."""
    text = f"{state.name or state.run}: {state.state} at step {state.step} of {state.steps}"
    return Told(
        text=f"{text}. {state.reason}" if state.reason else text,
        run=state.run,
        name=state.name,
        method=state.method,
        base=state.base,
        state=state.state,
        step=state.step,
        steps=state.steps,
        seconds=state.seconds,
        reason=state.reason,
        files=tuple(Path(path_of(name)).name for name in state.files),
    )


def _post(address: str, data: bytes, seconds: float) -> None:
    request = urllib.request.Request(
        address, data, {"Content-Type": "application/json", "User-Agent": "concept-studio"}
    )
    with urllib.request.urlopen(request, timeout=seconds):
        pass
