"""What the commands share: the application object, progress on stderr, JSON on stdout, Ctrl-C.

Owns: how a command talks to a terminal. Refuses to know: what any command does.
Results go to stdout and nothing else does; everything said on the way goes to stderr.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import signal
import stat
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.core.errors import Interrupted, MissingError
from studio.core.names import encodable, encodable_all, path_of, printable
from studio.core.paths import Workspace, default_workspace, is_file

if TYPE_CHECKING:
    from studio.app import Studio


@contextlib.contextmanager
def opened(arguments: argparse.Namespace) -> Iterator[Studio]:
    """The application object for this command's workspace, closed again at the end."""
    from studio.app import Studio
    from studio.runs.notify import Notifier
    from studio.settings.workspace import workspace_settings

    workspace = Workspace(arguments.workspace or default_workspace())
    asked = getattr(arguments, "notify", None)
    notifier = Notifier(workspace_settings(workspace).notify if asked is None else asked)
    studio = Studio(workspace)
    studio.runs.notifier = notifier
    try:
        yield studio
    finally:
        studio.close()


class Progress:
    """`on_progress` for long work: one line that rewrites itself, or a line now and then in a log."""

    def __init__(self, every: float = 10.0) -> None:
        self._live = sys.stderr.isatty()
        self._every = 0.1 if self._live else every
        self._last = 0.0
        self._width = 0

    def __call__(self, done: int, total: int, text: str = "") -> None:
        self.show(f"{text + ' ' if text else ''}{done}/{total}", force=done >= total)

    def show(self, line: str, *, force: bool = False) -> None:
        """Shows `line`, unless the last one is too fresh."""
        if not force and time.monotonic() - self._last < self._every:
            return
        self._last = time.monotonic()
        if self._live:
            print(f"\r{line:<{self._width}}", end="", file=sys.stderr, flush=True)
            self._width = len(line)
        else:
            say(line)

    def end(self) -> None:
        """Leaves the live line, so that the next output starts on one of its own."""
        if self._live and self._width:
            print(file=sys.stderr)
            self._width = 0


GRACE = 80.0
"""Seconds to save in after a polite kill; whoever sends one usually waits 90 for the process."""


class Ended(KeyboardInterrupt):
    """A polite kill (SIGTERM), or the terminal went away (SIGHUP)."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.exit_code = exit_code(number)


def exit_code(number: int) -> int:
    """What a process ends with after signal `number`: 130 for Ctrl-C, 143, 129."""
    return 128 + number


class Ending:
    """Makes a polite kill what Ctrl-C is: KeyboardInterrupt in the main thread, here `Ended`."""

    def __enter__(self) -> Ending:
        self._before = _handle([signal.SIGTERM, *_HANGUP], self._note)
        return self

    def __exit__(self, *_: object) -> None:
        _restore(self._before)

    def _note(self, number: int, *_: object) -> None:
        _without_terminal(number)
        raise Ended(number)


class Stopping:
    """Turns the first Ctrl-C (or a polite kill) into a wish to stop; the second one means now.

    Call it to ask (`cancelled=stopping`); `asked` stays true afterwards, and what is interrupted
    inside ends with the exit code of the signal.
    """

    def __init__(self, message: str) -> None:
        self.asked = False
        self.exit_code = exit_code(signal.SIGINT)
        self._message = message
        self._until = math.inf

    def __call__(self) -> bool:
        return self.asked

    @property
    def late(self) -> bool:
        """Whether the time to save in is over."""
        return time.monotonic() > self._until

    def __enter__(self) -> Stopping:
        self._before = _handle([signal.SIGINT, signal.SIGTERM, *_HANGUP], self._note)
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        _restore(self._before)
        if self.asked and isinstance(error, Interrupted):
            error.exit_code = self.exit_code

    def _note(self, number: int, *_: object) -> None:
        _without_terminal(number)
        if self.asked:
            raise Ended(number)
        self.asked, self.exit_code = True, exit_code(number)
        by_hand = number == signal.SIGINT
        self._until = math.inf if by_hand else time.monotonic() + GRACE
        say(f"\n{self._message}" + (" Press Ctrl-C again to leave at once." if by_hand else ""))


_HANGUP = [signal.SIGHUP] if hasattr(signal, "SIGHUP") else []  # Windows has none


def _handle(numbers: list[signal.Signals], handler: Any) -> dict[signal.Signals, Any]:
    """Sets handlers where none of them is ignored on purpose (`nohup`); what was set before."""
    before: dict[signal.Signals, Any] = {}
    for number in numbers:
        if number in _HANGUP and signal.getsignal(number) == signal.SIG_IGN:
            continue
        before[number] = signal.signal(number, handler)
    return before


def _restore(before: dict[signal.Signals, Any]) -> None:
    for number, handler in before.items():
        signal.signal(number, handler)


def _without_terminal(number: int) -> None:
    """After a hang-up, what is printed must not fail for want of a terminal."""
    if number not in _HANGUP:
        return
    for descriptor in (1, 2):
        with contextlib.suppress(OSError):
            if stat.S_ISCHR(os.fstat(descriptor).st_mode):
                os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)


def say(text: str) -> None:
    """One line to the person, not part of the result."""
    print(encodable(text), file=sys.stderr, flush=True)


def print_json(value: Any) -> None:
    """The result, for a script."""
    narrow = not (sys.stdout.encoding or "").lower().startswith("utf")
    print(json.dumps(encodable_all(value), indent=2, ensure_ascii=narrow, default=_plain))


def adapter_reference(studio: Studio, text: str) -> dict[str, Any]:
    """`FILE[:STRENGTH]` → a stack item; FILE may be a path or the name of an adapter we have."""
    name, colon, strength = text.rpartition(":")
    try:
        value = float(strength) if colon else 1.0
    except ValueError:  # a colon that belongs to the path
        name, colon, value = "", "", 1.0
    name = name if colon else text
    if not is_file(path_of(name).expanduser()):
        name = str(studio.library.adapter_path(name))
    return {"path": str(named_file(studio, name)), "strength": value}


def named_file(studio: Studio, name: str) -> Path:
    """The absolute path of a file named at this terminal, which makes it allowed to be read."""
    path = path_of(name).expanduser().resolve()
    studio.workspace.open_folder(path.parent)
    return path


def stack_values(studio: Studio, saved: str | None, adapters: list[str]) -> list[dict[str, Any]]:
    """Values of the items of a saved stack (by path or name), then those of `FILE[:STRENGTH]`.

    Raises MissingError naming every file of the saved stack that is not here under any name.
    """
    items: list[dict[str, Any]] = []
    if saved:
        path = path_of(saved).expanduser()
        loaded = studio.library.stacks.load(
            path if is_file(path) else studio.library.stacks.path(saved)
        )
        if loaded.missing:
            raise MissingError(
                "Files of this stack are not here",
                where=", ".join(loaded.missing),
                remedy=f"Put them into {studio.workspace.adapters}, under any name.",
            )
        for note in loaded.notes:
            say(note)
        items = [item.model_dump() for item in loaded.items]
    return items + [adapter_reference(studio, text) for text in adapters]


def stack_reference(studio: Studio, text: str) -> tuple[str, list[dict[str, Any]]]:
    """`[NAME=]FILE[:STRENGTH][+FILE…]` → heading and stack items; `NAME=` is the base alone."""
    name, equals, files = text.partition("=")
    if not equals:
        name, files = "", text
    stack = [adapter_reference(studio, part) for part in files.split("+") if part]
    names = (studio.library.column_name(Path(item["path"])) for item in stack)
    return name or " + ".join(names), stack


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return printable(value)
    if hasattr(value, "model_dump"):
        return value.model_dump()
    if hasattr(value, "__dataclass_fields__"):
        return {name: getattr(value, name) for name in value.__dataclass_fields__}
    return str(value)
