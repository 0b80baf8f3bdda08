"""How shootouts end when the ending itself fails: the disk is full, the comparison is gone, the program
closes, another program works on it. What each does is replaced here by a few lines."""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from studio.app import Studio
from studio.compare.shootout.record import FILE, Shootout, read_shootout
from studio.core import locks
from studio.core.errors import BusyError, MissingError, StorageError, StudioError, storage_error
from studio.core.paths import Workspace
from studio.generation import shootouts as service
from studio.generation.growing import GrowingComparisons
from studio.generation.shootout_work import Work
from studio.generation.shootouts import Shootouts
from tests import failpoint
from tests.generation.shootout_start import settings, until

FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.fixture
def studio(root: Path) -> Iterator[Studio]:
    studio = Studio(Workspace(root))
    yield studio
    failpoint.reached = None
    studio.close()


@pytest.fixture(autouse=True)
def works_until_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The work of a shootout lasts until somebody wants it to end."""

    def run(self: Work) -> None:
        self.kept.tell(state="training", comparison="20260101-000000-gone")
        self._rest(60)

    monkeypatch.setattr(Work, "run", run)


def working(shootouts: Shootouts, name: str = "one") -> str:
    """A shootout that is worked on; its id."""
    identity = shootouts.start(settings(shootouts.workspace.root, name=name))
    until(lambda: shootouts.view(identity).shootout.state == "training")
    return identity


def cancelled(shootouts: Shootouts, identity: str) -> Shootout:
    shootouts.cancel(identity)
    return shootouts.wait(identity, 20)


def fails(error: Exception) -> Callable[..., None]:
    def end(*_: object, **__: object) -> None:
        raise error

    return end


def test_a_cancelled_shootout_whose_comparison_is_gone_is_cancelled_and_the_next_one_works(
    studio: Studio,
) -> None:
    shootouts = studio.generation.shootouts
    assert cancelled(shootouts, working(shootouts)).state == "cancelled"
    assert cancelled(shootouts, working(shootouts, "two")).state == "cancelled"


@pytest.mark.parametrize(
    ("error", "state"),
    [(storage_error(FULL, "comparison.json"), "paused"), (RuntimeError("a fault"), "failed")],
)
def test_an_ending_that_fails_is_told_and_the_next_one_works(
    studio: Studio, monkeypatch: pytest.MonkeyPatch, error: Exception, state: str
) -> None:
    shootouts = studio.generation.shootouts
    with monkeypatch.context() as patch:
        patch.setattr(GrowingComparisons, "end", fails(error))
        found = cancelled(shootouts, working(shootouts))
        assert found.state == state and found.error is not None and found.error.safe
    shootouts.go_on(found.id)
    assert cancelled(shootouts, found.id).state == "cancelled"


def test_a_cancel_outlives_the_closing_program(root: Path) -> None:
    studio = Studio(Workspace(root))
    shootouts = studio.generation.shootouts
    identity = working(shootouts)
    with shootouts._condition:  # both come before the thread has looked
        work = shootouts._work
    assert work is not None
    work.wanted = "cancel"
    studio.close()
    assert read_shootout(root / "shootouts" / identity).state == "cancelled"


def test_an_end_that_a_full_disk_does_not_take_is_written_when_there_is_room(
    studio: Studio, root: Path
) -> None:
    shootouts = studio.generation.shootouts
    identity, full = working(shootouts), [True]

    def reached(operation: str, path: Path) -> None:
        if full and path.name == FILE:
            raise FULL

    failpoint.reached = reached
    assert cancelled(shootouts, identity).state == "cancelled"
    assert [one.state for one in shootouts.all()] == ["cancelled"]
    assert read_shootout(root / "shootouts" / identity).state != "cancelled", "the disk is full"
    full.clear()
    assert shootouts.all()[0].state == "cancelled"
    assert read_shootout(root / "shootouts" / identity).state == "cancelled"
    other = Studio(Workspace(root))
    assert other.generation.shootouts.resume_all() == []
    other.close()


def test_what_another_program_has_written_since_stays(studio: Studio, root: Path) -> None:
    shootouts = studio.generation.shootouts
    identity, folder = working(shootouts), root / "shootouts"

    def reached(operation: str, path: Path) -> None:
        if path.name == FILE:
            raise FULL

    failpoint.reached = reached
    cancelled(shootouts, identity)
    failpoint.reached = None
    other = Studio(Workspace(root))
    assert other.generation.shootouts.resume_all() == [identity]
    until(lambda: other.generation.shootouts.view(identity).shootout.doing == "")
    other.generation.shootouts.pause(identity)
    assert other.generation.shootouts.wait(identity, 20).state == "paused"
    other.close()
    assert shootouts.view(identity).shootout.state == "paused"
    assert read_shootout(folder / identity).state == "paused"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.ENOLCK])
def test_a_lock_that_cannot_be_had_is_said_in_words_and_tried_again(
    studio: Studio, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    shootouts = studio.generation.shootouts
    identity = cancelled(shootouts, working(shootouts)).id
    with monkeypatch.context() as patch:
        patch.setattr(locks, "take", fails(OSError(number, os.strerror(number))))
        with pytest.raises(StorageError) as told:
            shootouts.go_on(identity)
    assert "shootout" in str(told.value) and "run" not in told.value.what
    with monkeypatch.context() as patch:
        patch.setattr(service, "Kept", fails(MissingError("This shootout is not there")))
        with pytest.raises(MissingError):
            shootouts.go_on(identity)
    shootouts.go_on(identity)
    assert cancelled(shootouts, identity).state == "cancelled"


def test_what_another_program_works_on_is_neither_cancelled_nor_deleted(
    studio: Studio, root: Path
) -> None:
    identity = working(studio.generation.shootouts)
    other = Studio(Workspace(root))
    for do in (other.generation.shootouts.cancel, other.generation.shootouts.delete):
        with pytest.raises(BusyError, match="another window or process"):
            do(identity)
    other.close()
    assert read_shootout(root / "shootouts" / identity).state != "cancelled"
    cancelled(studio.generation.shootouts, identity)
    studio.generation.shootouts.delete(identity)
    assert studio.generation.shootouts.all() == []


def test_two_clicks_begin_one_shootout(
    studio: Studio, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shootouts = studio.generation.shootouts
    found: list[str | StudioError] = []

    def slow(_: object) -> None:
        time.sleep(0.3)

    def click() -> None:
        try:
            found.append(shootouts.start(settings(root)))
        except StudioError as error:
            found.append(error)

    monkeypatch.setattr(shootouts, "plan", slow)
    clicks = [threading.Thread(target=click) for _ in range(2)]
    for one in clicks:
        one.start()
    for one in clicks:
        one.join(30)
    assert len(set(found)) == 1 and len(shootouts.all()) == 1
