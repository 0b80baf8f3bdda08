"""Jobs of one kind that wait for each other: one runs as a task, the others are a list.

Owns: their order, repeating one until it is stopped, and that a failure stops the list until somebody
has seen it. Refuses to know: what a job does, the page.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from studio.core.errors import BusyError, MissingError
from studio.ui.tasks import Json, Task, Tasks

MOST = 200
What = TypeVar("What")


@dataclass(frozen=True)
class Job(Generic[What]):
    """A piece of work that waits, or runs."""

    id: str
    what: What
    about: Json
    """What the page shows of it."""
    repeats: bool = False


class Jobs(Generic[What]):
    """`work(what, task)` does a job, `about(what)` describes it, `again(what)` is what a repeated
    one does next."""

    def __init__(
        self,
        tasks: Tasks,
        kind: str,
        work: Callable[[What, Task], Any],
        *,
        about: Callable[[What], Json],
        again: Callable[[What], What],
    ) -> None:
        self.tasks, self.kind, self.work = tasks, kind, work
        self.about, self.again = about, again
        self.paused = False
        """Whether a failure stopped the list."""
        self._waiting: list[Job[What]] = []
        self._running: Job[What] | None = None
        self._lock = threading.RLock()
        self._numbers = itertools.count(1)

    def add(self, what: What, repeats: bool = False) -> Job[What]:
        """Puts a job at the end, and begins with the first where none runs. BusyError when too
        many wait."""
        with self._lock:
            if len(self._waiting) >= MOST:
                raise BusyError(
                    f"{MOST} jobs wait already", remedy="Remove some, or wait for them."
                )
            job = Job(f"job-{next(self._numbers)}", what, self.about(what), repeats)
            self._waiting.append(job)
            self.resume()
            return job

    def resume(self) -> None:
        """Begins with the first job that waits, if none runs."""
        with self._lock:
            self.paused = False
            if self._running is None and self._waiting:
                job = self._running = self._waiting.pop(0)
                self.tasks.start(
                    self.kind, lambda task: self.work(job.what, task), self._ended, **job.about
                )

    def remove(self, identity: str) -> None:
        """Takes a waiting job out; MissingError for one that is not waiting any more."""
        with self._lock:
            left = [job for job in self._waiting if job.id != identity]
            if len(left) == len(self._waiting):
                raise MissingError("This job is not waiting any more")
            self._waiting = left

    def clear(self) -> None:
        """Takes all waiting jobs out."""
        with self._lock:
            self._waiting, self.paused = [], False

    def stop_repeating(self) -> None:
        """Lets every repeated job end with the round it is in."""
        with self._lock:
            self._waiting = [job for job in self._waiting if not job.repeats]
            if self._running:
                self._running = replace(self._running, repeats=False)

    def view(self) -> Json:
        """What the page shows."""
        with self._lock:
            jobs = [{"id": job.id, "repeats": job.repeats, **job.about} for job in self._waiting]
            repeating = [*self._waiting, *([self._running] if self._running else [])]
            return {
                "jobs": jobs, "paused": self.paused and bool(jobs),
                "repeating": any(job.repeats for job in repeating),
            }  # fmt: skip

    def _ended(self, task: Task) -> None:
        with self._lock:
            job, self._running = self._running, None
            if job and job.repeats and task.state == "finished":
                what = self.again(job.what)
                self._waiting.append(replace(job, what=what, about=self.about(what)))
            if task.state == "failed":
                self.paused = True
            else:
                self.resume()
