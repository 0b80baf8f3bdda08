"""A disk that takes no writes hides nothing: states, lists and reasons come from memory then."""

from __future__ import annotations

import errno
import fcntl
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from studio.app import Studio
from studio.core import atomic
from studio.core.errors import InputError, StorageError
from studio.library import presets
from studio.runs.events import RunLog, hold, honest_state, read_events, read_state
from studio.runs.records import Event, RunView, StateChanged, Step, only
from studio.settings.training import RunConfig
from tests import failpoint
from tests.runs.test_runs import reach

Make = Callable[..., RunConfig]


class Disk:
    """Refuses everything below a folder from the moment `code` is set."""

    def __init__(self, root: Path) -> None:
        self.root, self.code = root, 0
        self.only: Callable[[str, Path], bool] = lambda operation, path: True

    def reached(self, operation: str, path: Path) -> None:
        if self.code and path.is_relative_to(self.root) and self.only(operation, path):
            raise OSError(self.code, os.strerror(self.code))


@pytest.fixture
def disk(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    disk = Disk(studio.workspace.root)
    monkeypatch.setattr(failpoint, "reached", disk.reached)
    yield disk
    disk.code = 0


@pytest.mark.parametrize(
    ("what", "code"),
    [
        ("everything", errno.ENOSPC), ("state.json", errno.EDQUOT), ("samples", errno.ENOSPC),
        pytest.param("everything", errno.EIO, marks=pytest.mark.slow),
        pytest.param("everything", errno.EROFS, marks=pytest.mark.slow),
        pytest.param("events.jsonl", errno.ENOSPC, marks=pytest.mark.slow),
    ],
)  # fmt: skip
def test_a_pause_for_the_disk_is_seen_and_continued(
    studio: Studio, config: Make, disk: Disk, what: str, code: int
) -> None:
    if what != "everything":
        disk.only = lambda operation, path: what in path.parts

    def fill(view: RunView) -> bool:
        return any(event.step >= 2 for event in only(view.events, Step))

    run = studio.runs.start(config("train.steps=12", "save.every=4"))
    reach(studio, run, fill)
    disk.code = code
    view = reach(studio, run, lambda view: view.state.state == "paused")
    assert view.state.reason and view.state.remedy
    assert ("full" in view.state.reason) == (code == errno.ENOSPC), view.state
    assert studio.runs.all()[0].state == "paused", "the list says it too"
    studio.runs.command(run, "continue")  # no room yet: it pauses again, and still says why
    reach(studio, run, lambda view: view.state.state == "paused" and view.state.reason)
    disk.code = 0
    studio.runs.command(run, "continue")
    state = studio.runs.wait(run)
    assert state.state == "finished" and not state.reason, state
    folder = studio.runs.folder(run)
    assert read_state(folder).state == "finished"
    steps = [e.step for e in read_events(folder)[0] if isinstance(e, Step)]
    assert steps == list(range(1, 13)), "nothing that was missed is missing, or there twice"
    told = [e.state for e in read_events(folder)[0] if isinstance(e, StateChanged)]
    assert told.count("paused") >= 1 and told[-1] == "finished"


def test_stopping_on_a_full_disk_ends_and_is_written_later(
    studio: Studio, config: Make, disk: Disk
) -> None:
    run = studio.runs.start(config("train.steps=4000"))
    reach(studio, run, lambda view: view.state.last_checkpoint)
    disk.code = errno.ENOSPC
    reach(studio, run, lambda view: view.state.state == "paused")
    studio.runs.command(run, "stop")
    state = studio.runs.wait(run)
    assert state.state == "failed" and "disk is full" in (state.reason or "")
    folder = studio.runs.folder(run)
    assert read_state(folder).state != "failed", "there is no room for that"
    disk.code = 0
    assert studio.runs.all()[0].state == "failed"
    assert read_state(folder).state == "failed"
    assert read_events(folder)[0][-1].kind == "state"


def test_nothing_of_a_run_that_could_not_be_started_stays(
    studio: Studio, config: Make, disk: Disk
) -> None:
    disk.code = errno.ENOSPC
    disk.only = lambda operation, path: path.name == "state.json"
    with pytest.raises(StorageError, match=r"disk is full.*Nothing was started"):
        studio.runs.start(config())
    assert list(studio.workspace.runs.iterdir()) == [] and studio.runs.all() == []


def test_a_cache_is_not_needed(studio: Studio, config: Make, disk: Disk) -> None:
    disk.code = errno.ENOSPC
    disk.only = lambda operation, path: "cache" in path.parts
    state = studio.runs.wait(studio.runs.start(config()))
    assert state.state == "finished", state


def read_only(monkeypatch: pytest.MonkeyPatch, root: Path, code: int) -> None:
    """What a file system that takes no writes answers to every call that would change it."""

    def refused(path: Any) -> bool:
        return not isinstance(path, int) and Path(path).is_relative_to(root)

    def guarded(normal: Callable[..., Any], writes: Callable[..., bool]) -> Callable[..., Any]:
        def call(path: Any, *rest: Any, **named: Any) -> Any:
            if refused(path) and writes(path, *rest, **named):
                raise OSError(code, os.strerror(code), str(path))
            return normal(path, *rest, **named)

        return call

    flags = os.O_CREAT | os.O_WRONLY | os.O_RDWR
    opens = guarded(os.open, lambda path, mode=0, *_, **__: bool(mode & flags))
    makes = guarded(os.mkdir, lambda path, *_, **__: not os.path.lexists(path))
    for name, call in (("open", opens), ("mkdir", makes)):
        monkeypatch.setattr(os, name, call)
    for name in ("rename", "replace", "unlink", "rmdir", "link"):
        monkeypatch.setattr(os, name, guarded(getattr(os, name), lambda *_, **__: True))


@pytest.mark.parametrize("code", [errno.EROFS, errno.ENOSPC])
def test_a_workspace_that_takes_no_writes_can_be_looked_at(
    studio: Studio, config: Make, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    run = studio.runs.start(config())
    studio.runs.wait(run)
    studio.close()
    root = studio.workspace.root
    atomic.write_text(root / "runs" / run / "state.json", '{"run": "x", "state": "running"}')
    for name in ("grids", "stacks", "vae", "cache"):  # never used so far, or emptied
        atomic.remove_folder(root / name)
    read_only(monkeypatch, root, code)
    other = Studio(studio.workspace.__class__(root))
    (state,) = other.runs.all()
    assert state.state == "interrupted"
    assert other.runs.view(run).events[-1].kind == "state"
    assert (
        [info.name for info in other.library.adapters()]
        and other.library.bases()
        and other.library.datasets()
    )
    assert (
        other.generation.comparisons.all() == []
        and other.generation.grids.all() == []
        and other.library.stacks.all() == []
    )
    assert other.library.vaes() == []
    with pytest.raises(StorageError) as caught:
        other.runs.start(config())
    assert caught.value.why and "system said" not in caught.value.why
    with pytest.raises(StorageError):
        other.library.import_dataset([root / "datasets" / "zibbo" / "0.png"], "new")
    other.close()


@pytest.mark.parametrize("code", [errno.ENOTSUP, errno.ENOLCK, errno.EIO])
def test_a_file_system_without_locks_is_said_in_words(
    studio: Studio, config: Make, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    run = studio.runs.start(config())
    studio.runs.wait(run)

    def refusing(*_: Any) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", refusing)
    with pytest.raises(StorageError) as caught:
        studio.runs.start(config())
    said = str(caught.value)
    assert "cannot be locked" in said and "Nothing was started" in said
    assert os.strerror(code) not in said and len(studio.runs.all()) == 1
    folder = studio.runs.folder(run)
    atomic.write_text(folder / "state.json", '{"run": "x", "state": "running"}')
    state = honest_state(folder, held_here=False)
    assert state.state == "interrupted" and "cannot be told" in (state.reason or "")


@pytest.mark.parametrize("kind", ["folder", "link", "pipe", "broken link"])
def test_a_lock_that_is_no_file_is_said_in_words(tmp_path: Path, kind: str) -> None:
    RunLog(tmp_path).update(state="running", run="x")
    (tmp_path / "original").write_text("somebody's")
    place = tmp_path / ".lock"
    if kind == "folder":
        place.mkdir()
    elif kind == "pipe":
        os.mkfifo(place)
    else:
        place.symlink_to(tmp_path / ("original" if kind == "link" else "nowhere"))
    if kind == "pipe":  # a pipe can be locked like a file: no harm
        hold(tmp_path).release()
        return
    with pytest.raises(StorageError, match=r"cannot be locked.*Remove it"):
        hold(tmp_path)
    assert honest_state(tmp_path, held_here=False).state == "interrupted"
    assert (tmp_path / "original").read_text() == "somebody's"
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("name", ["x" * 300, "я" * 200, "a\x00b", "x/" * 3000])
def test_a_name_that_can_be_no_file_is_simply_not_there(studio: Studio, name: str) -> None:
    for look in (
        studio.runs.view, studio.generation.comparisons.one, studio.library.dataset_path, studio.library.base_path,
        studio.library.adapter_path, studio.library.vae_path, studio.generation.grids.one, studio.library.stacks.path,
        lambda name: presets.config_from(name), lambda name: studio.library.captions.read(name),
    ):  # fmt: skip
        with pytest.raises(InputError):
            look(name)


def test_every_announcement_is_synced(
    studio: Studio, config: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a pulled plug leaves of the log: all that was there at the last fsync."""
    normal, synced, lock = os.fsync, dict[int, int](), threading.Lock()
    seen: list[tuple[str, int, int]] = []

    def noting(descriptor: int) -> None:
        normal(descriptor)
        status = os.fstat(descriptor)
        with lock:
            synced[status.st_ino] = status.st_size

    event = RunLog.event

    def announcing(self: RunLog, what: Event) -> None:
        event(self, what)
        status = (self.folder / "events.jsonl").stat()
        seen.append((what.kind, synced.get(status.st_ino, 0), status.st_size))

    monkeypatch.setattr(os, "fsync", noting)
    monkeypatch.setattr(RunLog, "event", announcing)
    run = studio.runs.start(config())
    assert studio.runs.wait(run).state == "finished"
    kinds = {kind for kind, _, _ in seen}
    assert {"saved", "sample", "validation", "finished", "step"} <= kinds
    assert all(durable == size for kind, durable, size in seen if kind != "step"), seen
    status = (studio.runs.folder(run) / "events.jsonl").stat()
    assert synced[status.st_ino] == status.st_size, "the end of the run, too"
