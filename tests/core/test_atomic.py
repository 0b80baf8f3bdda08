"""Durable writes: at every failpoint the old file or the new one is there, never half of either."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from studio.core import atomic, manifest, temporaries
from studio.core.errors import FileError, StorageError
from tests import failpoint


@pytest.fixture(autouse=True)
def no_failpoint() -> Iterator[None]:
    yield
    failpoint.reached = None


def failing(count: int, code: int) -> Callable[[str, Path], None]:
    """A failpoint that raises `code` at the `count`-th durable operation."""
    seen = [0]

    def reached(operation: str, path: Path) -> None:
        seen[0] += 1
        if seen[0] == count:
            raise OSError(code, os.strerror(code))

    return reached


def test_writes_and_replaces(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file.txt"
    atomic.write_text(path, "one")
    atomic.write_text(path, "two")
    assert path.read_text() == "two"
    assert [p.name for p in path.parent.iterdir()] == ["file.txt"]
    assert path.stat().st_mode & 0o777 != 0o600, "others may read what the person's umask allows"


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EACCES])
@pytest.mark.parametrize("operation", range(1, 5))
def test_a_refusing_disk_leaves_the_old_file(tmp_path: Path, operation: int, code: int) -> None:
    path = tmp_path / "file.bin"
    atomic.write_bytes(path, b"old")
    failpoint.reached = failing(operation, code)
    with pytest.raises(StorageError) as caught:
        atomic.write_bytes(path, b"new")
    assert path.read_bytes() in (b"old", b"new")
    if operation < 4:  # before the rename took place
        assert path.read_bytes() == b"old"
    assert "previous version is intact" in str(caught.value)
    assert os.strerror(code) not in str(caught.value), "plain words, not the system's"
    assert list(tmp_path.glob(f"{atomic.TEMPORARY_PREFIX}*")) == []


KILLED = """
import os, sys
sys.path.insert(0, {root!r})
from studio.core import atomic, manifest
from tests import failpoint
seen = 0
def reached(operation, path):
    global seen
    seen += 1
    if seen == {count}:
        os._exit(9)
failpoint.reached = reached
folder = {folder!r}
for name in ("a.bin", "b.bin"):
    atomic.write_bytes(folder + "/" + name, b"new " + name.encode())
manifest.write(folder, {{"step": 2}})
print("whole")
"""


def test_a_killed_process_leaves_a_whole_folder_or_no_manifest(tmp_path: Path) -> None:
    root = str(Path(__file__).resolve().parents[2])
    outcomes = set()
    for count in range(1, 14):
        folder = tmp_path / f"kill-{count}"
        folder.mkdir()
        code = KILLED.format(root=root, count=count, folder=str(folder))
        ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        whole = ended.returncode == 0
        outcomes.add(whole)
        if (folder / manifest.MANIFEST).exists():
            assert set(manifest.verify(folder)["files"]) == {"a.bin", "b.bin"}
        else:
            assert not whole
            with pytest.raises(FileError, match="incomplete"):
                manifest.verify(folder)
        temporaries.sweep(folder)
        assert not [p for p in folder.iterdir() if p.name.startswith(atomic.TEMPORARY_PREFIX)]
    assert outcomes == {True, False}, "the sweep must reach past the last operation"


def test_a_changed_byte_is_noticed(tmp_path: Path) -> None:
    atomic.write_bytes(tmp_path / "weights.bin", b"\x00" * 100)
    manifest.write(tmp_path)
    (tmp_path / "weights.bin").write_bytes(b"\x00" * 99 + b"\x01")
    with pytest.raises(FileError, match="damaged"):
        manifest.verify(tmp_path)


def test_a_torn_line_does_not_swallow_the_next(tmp_path: Path) -> None:
    log = tmp_path / "events.jsonl"
    atomic.append_line(log, "first")
    with open(log, "ab") as file:
        file.write(b'{"torn": ')
    atomic.append_line(log, "second")
    assert log.read_text().splitlines() == ["first", '{"torn": ', "second"]


def test_trash_keeps_both_of_the_same_name(tmp_path: Path) -> None:
    for content in ("one", "two"):
        atomic.write_text(tmp_path / "run" / "file.txt", content)
        atomic.move_to_trash(tmp_path / "run", tmp_path / "trash")
    kept = sorted(path.read_text() for path in (tmp_path / "trash").rglob("file.txt"))
    assert kept == ["one", "two"]
