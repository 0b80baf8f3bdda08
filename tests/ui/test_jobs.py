"""Jobs that wait for each other: in order, removed, repeated until stopped, stopped by a failure."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from studio.core.errors import InputError, MissingError
from studio.ui.jobs import Jobs
from studio.ui.tasks import Task, Tasks


class Desk:
    """Jobs that are numbers; each waits until the test lets it go."""

    def __init__(self) -> None:
        self.done: list[int] = []
        self.go = threading.Semaphore(0)
        self.tasks = Tasks()
        self.jobs: Jobs[int] = Jobs(
            self.tasks, "count", self.work, about=lambda n: {"n": n}, again=lambda n: n + 100
        )

    def work(self, number: int, task: Task) -> dict[str, Any]:
        assert self.go.acquire(timeout=20)
        if number < 0:
            raise InputError("A negative number")
        self.done.append(number)
        return {}

    @property
    def task(self) -> Task:
        found = self.tasks.latest("count")
        assert found
        return found

    def waiting(self) -> list[int]:
        return [job["n"] for job in self.jobs.view()["jobs"]]


def until(seen: Callable[[], Any]) -> None:
    end = time.monotonic() + 20
    while not seen():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_jobs_run_in_order_and_those_that_wait_can_be_removed() -> None:
    desk = Desk()
    jobs = [desk.jobs.add(number) for number in (1, 2, 3, 4)]
    assert desk.waiting() == [2, 3, 4]
    desk.jobs.remove(jobs[2].id)
    for gone in (jobs[0], jobs[2]):
        with pytest.raises(MissingError):
            desk.jobs.remove(gone.id)
    desk.go.release(3)
    until(lambda: desk.done == [1, 2, 4])
    assert desk.waiting() == []


def test_a_repeated_job_takes_turns_with_others_until_it_is_stopped() -> None:
    desk = Desk()
    desk.jobs.add(1, repeats=True)
    desk.jobs.add(2)
    assert desk.jobs.view()["repeating"]
    desk.go.release(3)
    until(lambda: desk.done == [1, 2, 101])
    until(lambda: desk.jobs.view()["repeating"])
    desk.jobs.stop_repeating()
    desk.go.release(2)
    until(lambda: not desk.jobs.view()["repeating"])
    until(lambda: desk.task.state != "running")
    assert desk.waiting() == [] and len(desk.done) <= 4


def test_a_failure_is_seen_before_the_list_goes_on() -> None:
    desk = Desk()
    for number in (-1, 2, 3):
        desk.jobs.add(number)
    desk.go.release()
    until(lambda: desk.jobs.view()["paused"])
    assert (desk.task.error or {})["what"] == "A negative number"
    assert desk.waiting() == [2, 3]
    desk.jobs.resume()
    desk.go.release(2)
    until(lambda: desk.done == [2, 3])
    desk.jobs.add(-2, repeats=True)
    desk.go.release()
    until(lambda: not desk.jobs.view()["repeating"])
    assert desk.waiting() == []
