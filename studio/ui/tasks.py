"""Work in threads that a reloaded page finds again, and how its errors read.

Owns: `Task`, `Tasks` and the sentence for errors that nobody foresaw (details go to the log).
Refuses to know: Gradio, tabs, what is done.
"""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from studio.core import memory
from studio.core.errors import BusyError, Interrupted, MissingError, StudioError

log = logging.getLogger("studio.ui")
Json = dict[str, Any]


def unexpected() -> Json:
    """What the page shows for an error nobody foresaw; the details are in the log."""
    return {
        "kind": "Unexpected",
        "what": "Something went wrong inside the studio",
        "remedy": "Try again. If it happens again, the details are in the workspace's logs folder.",
        "safe": "Everything that was saved is still there.",
    }


def parts_of(error: BaseException) -> Json:
    """An error as the page's `cs.message` wants it; an unforeseen one goes to the log."""
    if isinstance(error, StudioError):
        return error.as_dict()
    if memory.is_full(error):
        log.error("the memory was full", exc_info=error)
        memory.let_go(error)
        return memory.full("anything").as_dict()
    log.error("unexpected error", exc_info=error)
    return unexpected()


@dataclass
class Task:
    """A piece of background work. `result` is JSON."""

    id: str
    kind: str
    about: Json
    done: int = 0
    total: int = 0
    text: str = ""
    state: str = "running"
    error: Json | None = None
    result: Any = None
    started: float = field(default_factory=time.time)
    ended: float | None = None
    previews: dict[str, str] = field(default_factory=dict)
    """What the images being generated look like so far: place → data URL, of the newest batch."""
    cancelled: threading.Event = field(default_factory=threading.Event)

    def progress(self, done: int, total: int, text: str = "") -> None:
        """For `on_progress=`."""
        self.done, self.total, self.text = done, total, text

    def preview(self, place: int, urls: list[str]) -> None:
        """For `on_preview=`; `place` is the first image's among all that are being generated."""
        self.previews = {str(number): url for number, url in enumerate(urls, place)}

    def view(self) -> Json:
        """What the page shows."""
        names = ("id", "kind", "about", "done", "total", "text", "state", "error", "result")
        until = time.time() if self.ended is None else self.ended
        return {name: getattr(self, name) for name in names} | {
            "seconds": round(until - self.started, 1),
            "previews": self.previews if self.state == "running" else {},
        }


class Tasks:
    """Work in threads that a reloaded page finds again. One of each kind at a time."""

    def __init__(self) -> None:
        self._tasks: dict[str, Task] = {}
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._recalled: deque[str] = deque(maxlen=50)
        self._threads: dict[str, threading.Thread] = {}

    def start(
        self,
        kind: str,
        work: Callable[[Task], Any],
        after: Callable[[Task], None] | None = None,
        **about: Any,
    ) -> Task:
        """Runs `work(task)` in a thread, and `after(task)` when it is over, however it went; raises
        BusyError while one of this kind runs."""
        with self._lock:
            if any(t.kind == kind and t.state == "running" for t in self._tasks.values()):
                raise BusyError(
                    "This is already running", remedy="Wait until it ends, or cancel it first."
                )
            task = Task(f"{kind}-{next(self._numbers)}", kind, about)
            if about.get("token") in self._recalled:
                task.cancelled.set()
            self._tasks[task.id] = task
            for old in list(self._tasks)[:-50]:
                if self._tasks[old].state != "running":
                    del self._tasks[old]
            arguments = (task, work, after)
            thread = threading.Thread(target=self._run, args=arguments, name=task.id, daemon=True)
            self._threads = {key: one for key, one in self._threads.items() if one.is_alive()}
            self._threads[task.id] = thread
            thread.start()
        return task

    def close(self, timeout: float = 30.0) -> None:
        """Cancels what runs and waits for it: a thread that still computes while the program ends takes
        it down."""
        with self._lock:
            for task in self._tasks.values():
                task.cancelled.set()
            threads = list(self._threads.values())
        end = time.monotonic() + timeout
        for thread in threads:
            thread.join(max(0.0, end - time.monotonic()))

    def recall(self, token: str) -> None:
        """Cancels what a page asked for under `token` (it is in the task's `about`), also when the
        asking is still on its way: the later of two calls may arrive first."""
        with self._lock:
            self._recalled.append(token)
            for task in self._tasks.values():
                if task.about.get("token") == token:
                    task.cancelled.set()

    def _run(
        self, task: Task, work: Callable[[Task], Any], after: Callable[[Task], None] | None
    ) -> None:
        try:
            task.result = work(task)
            state = "cancelled" if task.cancelled.is_set() else "finished"
        except Interrupted:
            state = "cancelled"
        except Exception as error:
            task.error = parts_of(error)
            state = "failed"
        task.ended = time.time()
        task.state = state
        if after:
            after(task)

    def find(self, identity: str) -> Task:
        """The task with this id; raises MissingError."""
        if identity not in self._tasks:
            raise MissingError("This piece of work is not known any more", remedy="Start it again.")
        return self._tasks[identity]

    def latest(self, kind: str) -> Task | None:
        """The newest task of a kind, running or not."""
        return next((t for t in reversed(self._tasks.values()) if t.kind == kind), None)
