"""Folders that are swapped in whole, names that are taken once, temporaries that belong to somebody."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from studio.core import atomic, disk, locks, manifest, temporaries
from studio.core.errors import StorageError
from studio.core.paths import Workspace, slug
from tests import failpoint

ROOT = str(Path(__file__).resolve().parents[2])


@pytest.fixture(autouse=True)
def no_failpoint() -> Iterator[None]:
    yield
    failpoint.reached = None


@pytest.fixture(params=["exchange", "two renames"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """With Linux's exchange, and on a file system that has none."""
    if request.param == "two renames":
        monkeypatch.setattr(disk, "_renameat2", lambda *_: False)
    return str(request.param)


def fill(folder: Path, text: str) -> None:
    with atomic.replacing(folder) as inside:
        atomic.write_text(inside / "a.txt", text)
        atomic.write_text(inside / "deep" / "b.txt", text)
        manifest.write(inside)


def content(folder: Path) -> set[str]:
    return {path.read_text() for path in folder.rglob("*.txt")}


def test_a_folder_is_made_and_replaced(tmp_path: Path, way: str) -> None:
    for text in ("one", "two"):
        fill(tmp_path / "k", text)
        assert content(tmp_path / "k") == {text} and manifest.verify(tmp_path / "k")
    assert [path.name for path in tmp_path.iterdir()] == ["k"]


def test_what_fails_inside_leaves_the_old_folder(tmp_path: Path, way: str) -> None:
    fill(tmp_path / "k", "old")
    with pytest.raises(ZeroDivisionError), atomic.replacing(tmp_path / "k") as inside:
        atomic.write_text(inside / "a.txt", "new")
        raise ZeroDivisionError
    assert content(tmp_path / "k") == {"old"}
    assert [path.name for path in tmp_path.iterdir()] == ["k"]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EROFS])
def test_a_refusing_disk_leaves_the_old_folder_or_the_new(
    tmp_path: Path, way: str, code: int
) -> None:
    count, failed = 0, True
    while failed:
        count, failed, seen = count + 1, False, 0

        def reached(operation: str, path: Path, last: int = count) -> None:
            nonlocal seen
            seen += 1
            if seen == last:
                raise OSError(code, os.strerror(code))

        folder = tmp_path / str(count) / "k"
        fill(folder, "old")
        failpoint.reached = reached
        try:
            fill(folder, "new")
        except StorageError:
            failed = True
        failpoint.reached = None
        assert manifest.verify(folder) and content(folder) in ({"old"}, {"new"})
        assert [path.name for path in folder.parent.iterdir()] == ["k"]
    assert count > 10, "the sweep must reach past the last operation"


KILLED = """
import os, sys
sys.path.insert(0, {root!r})
from pathlib import Path
from studio.core import atomic, disk, manifest
from tests import failpoint
if {two}:
    disk._renameat2 = lambda *_: False
seen = 0
def reached(operation, path):
    global seen
    seen += 1
    if seen == {count}:
        os._exit(9)
failpoint.reached = reached
with atomic.replacing(Path({folder!r})) as inside:
    atomic.write_text(inside / "a.txt", "new")
    manifest.write(inside)
"""


@pytest.mark.parametrize("two", [False, True])
def test_a_killed_process_leaves_a_whole_folder_at_every_instant(tmp_path: Path, two: bool) -> None:
    count, killed = 0, True
    while killed:
        count += 1
        folder = tmp_path / str(count) / "k"
        with atomic.replacing(folder) as inside:
            atomic.write_text(inside / "a.txt", "old")
            manifest.write(inside)
        code = KILLED.format(root=ROOT, two=two, count=count, folder=str(folder))
        killed = subprocess.run([sys.executable, "-c", code]).returncode == 9
        if not two:
            assert manifest.verify(folder), "there is no instant without"
        temporaries.sweep(tmp_path)
        assert manifest.verify(folder) and content(folder) in ({"old"}, {"new"})
        assert [path.name for path in folder.parent.iterdir()] == ["k"]
    assert count > 10


def test_removing_a_folder_takes_it_away_in_one_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path / "k", "old")
    monkeypatch.setattr(temporaries.shutil, "rmtree", lambda *_, **__: None)  # killed right then
    atomic.remove_folder(tmp_path / "k")
    assert not (tmp_path / "k").exists()
    monkeypatch.undo()
    temporaries.sweep(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_can_be_removed_where_there_is_no_room_for_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path / "k", "old")

    def full(self: Path, *_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "mkdir", full)
    atomic.remove_folder(tmp_path / "k")
    assert not (tmp_path / "k").exists()


def test_what_a_living_process_writes_is_not_swept(tmp_path: Path) -> None:
    target = tmp_path / "adapters" / "big.safetensors"

    def writer(temporary: Path) -> None:
        temporary.write_bytes(b"half")
        assert temporaries.sweep(tmp_path) == 0, "somebody writes it"
        code = f"import sys; sys.path.insert(0, {ROOT!r})\nfrom studio.core import temporaries\n"
        code += f"print(temporaries.sweep({str(tmp_path)!r}))"
        other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert other.stdout.strip() == "0", other.stderr

    atomic.write_with(target, writer)
    assert target.read_bytes() == b"half"
    with atomic.replacing(tmp_path / "bases" / "k") as inside:
        (inside / "x").write_text("y")
        assert temporaries.sweep(tmp_path) == 0
    assert (tmp_path / "bases" / "k" / "x").read_text() == "y"


@pytest.mark.parametrize("place", ["adapters", "bases/model/unet", "cache/latents/ab", "runs/x"])
def test_what_a_dead_process_left_is_swept(tmp_path: Path, place: str) -> None:
    folder = tmp_path / place
    folder.mkdir(parents=True)
    (folder / f"{temporaries.PREFIX}0123456789ab-model.safetensors").write_bytes(b"x" * 10)
    (folder / f"{temporaries.PREFIX}0123456789cd-k" / "k").mkdir(parents=True)
    (folder / f"{temporaries.PREFIX}0123456789cd-k" / "k" / "x").write_text("x")
    (folder / "kept.safetensors").write_bytes(b"kept")
    assert temporaries.sweep(tmp_path) == 2
    assert [path.name for path in folder.iterdir()] == ["kept.safetensors"]


def test_writing_sweeps_the_folder_that_is_written_to(tmp_path: Path) -> None:
    (tmp_path / f"{temporaries.PREFIX}0123456789ab-cat.txt").write_text("half")
    atomic.write_text(tmp_path / "cat.txt", "whole")
    assert [path.name for path in tmp_path.iterdir()] == ["cat.txt"]


@pytest.mark.parametrize("code", [errno.ENOTSUP, errno.ENOLCK, errno.EIO, errno.EINVAL])
def test_without_locks_age_decides_what_is_swept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def refusing(*_: Any) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", refusing)
    atomic.write_text(tmp_path / "file.txt", "written all the same")
    fresh = tmp_path / f"{temporaries.PREFIX}0123456789ab-fresh"
    old = tmp_path / f"{temporaries.PREFIX}0123456789ab-old"
    for path in (fresh, old):
        path.write_text("x")
    os.utime(old, (1.0, 1.0))
    assert temporaries.sweep(tmp_path) == 1 and fresh.exists() and not old.exists()


def test_only_one_of_many_gets_a_name(tmp_path: Path) -> None:
    together = threading.Barrier(8)

    def writer(path: Path) -> None:
        path.write_text("x")

    def make(number: int) -> bool:
        together.wait()
        try:
            atomic.write_with(tmp_path / "k.bin", writer, exclusive=True)
        except FileExistsError:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(make, range(8))) == 1


def test_folders_made_at_once_get_names_of_their_own(tmp_path: Path) -> None:
    code = f"import sys; sys.path.insert(0, {ROOT!r})\nfrom studio.core.paths import Workspace\n"
    code += f"w = Workspace({str(tmp_path)!r})\nsys.stdin.read()\n"
    code += "print(*(w.new_run_folder('same').name for _ in range(60)))"
    run: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    others = [subprocess.Popen([sys.executable, "-c", code], **run) for _ in range(3)]
    for other in others:
        other.stdin.close()  # type: ignore[union-attr]  # all are ready: now
    names = []
    for other in others:
        assert other.stdout is not None
        names += other.stdout.read().split()
        other.stdout.close()
        assert other.wait() == 0
    assert len(names) == 180 == len(set(names))


@pytest.mark.parametrize("name", ["я" * 60, "犬" * 60, "🐈" * 60, "e" * 60, "a" + "犬" * 59])
def test_no_name_is_too_long_for_a_file_system(tmp_path: Path, name: str) -> None:
    short = slug(name, "x")
    assert len(os.fsencode(short)) <= 120
    folder = Workspace(tmp_path).new_run_folder(name)
    assert folder.is_dir() and len(os.fsencode(folder.name)) <= 143
    atomic.write_text(folder / f"{short}-2.safetensors.preview.png", "x")


def test_a_name_that_is_too_long_is_said_in_words(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="name is too long"):
        atomic.write_text(tmp_path / ("я" * 200), "x")
    assert list(tmp_path.iterdir()) == []


def test_a_log_on_a_refusing_disk_is_as_long_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "events.jsonl"
    atomic.append_line(path, "first", durable=True)
    normal, calls = os.write, []

    def short(descriptor: int, data: bytes) -> int:
        calls.append(len(data))
        if len(calls) == 1:
            return normal(descriptor, data[:3])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", short)
    with pytest.raises(StorageError, match="disk is full"):
        atomic.append_line(path, "second")
    monkeypatch.undo()
    assert path.read_text() == "first\n"
    atomic.append_line(path, "third")
    assert path.read_text() == "first\nthird\n"


def test_a_short_write_is_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    normal = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: normal(descriptor, data[:2]))
    atomic.append_line(tmp_path / "log", "whole line")
    assert (tmp_path / "log").read_text() == "whole line\n"


def test_a_lock_is_not_taken_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "original.txt").write_text("somebody's")
    (tmp_path / ".lock").symlink_to(tmp_path / "original.txt")
    with pytest.raises(OSError):
        locks.take(tmp_path / ".lock")
    assert (tmp_path / "original.txt").read_text() == "somebody's"


def test_a_lock_is_free_again_when_released(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    lock = locks.take(path)
    assert lock is not None and locks.take(path) is None
    assert locks.take(path, shared=True) is None
    lock.release()
    lock.release()
    first, second = locks.take(path, shared=True), locks.take(path, shared=True)
    assert first is not None and second is not None and locks.take(path) is None
