"""Durable writes: after a crash there is the old file or the new one, never half of either.

Owns: every byte the studio writes to disk (a test enforces it), the order of durable operations,
the manifest that makes a folder of files provably whole, and the audit event of each operation.
Refuses to know: what is inside the files.

Order: temporary file in the same folder → write → fsync → rename → fsync the folder.
A folder of files is complete when its `manifest.json` (written last) lists every file's SHA-256;
it is filled beside its place and put there in one step, so what stood there is never missing.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import secrets
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from studio.core import disk, temporaries
from studio.core.errors import storage_error
from studio.core.names import encodable

TEMPORARY_PREFIX = temporaries.PREFIX


def _reached(operation: str, path: Path) -> None:
    """Whoever audits the process hears of each durable operation; tests refuse them this way."""
    sys.audit("studio.atomic", operation, path)


def write_with(
    path: str | Path, writer: Callable[[Path], None], *, exclusive: bool = False
) -> Path:
    """Lets `writer` fill a temporary file, then puts it durably in place of `path`.

    Raises StorageError when the system refuses; the old file is then untouched. With `exclusive`
    nothing is replaced: FileExistsError when there is something already, also if another process
    has just put it there.
    """
    path = Path(path)
    with _putting(path, "The previous version is intact.", exclusive):
        _reached("write", path)
        with temporaries.file(path) as temporary:
            writer(temporary)
            _reached("fsync", path)
            disk.fsync_file(temporary)
            os.chmod(temporary, 0o666 & ~_umask())
            _reached("rename", path)
            if exclusive:
                disk.rename_new(temporary, path)
            else:
                os.replace(temporary, path)
        _settled(path)
    return path


@contextlib.contextmanager
def _putting(path: Path, safe: str, exclusive: bool) -> Iterator[None]:
    """Around whatever puts something at `path`: its folder is there, and a refusal is a StorageError
    that says what is `safe`, or with `exclusive` the FileExistsError that it is."""
    try:
        make_folder(path.parent)
        temporaries.sweep_once(path.parent)
        yield
    except FileExistsError:
        if exclusive:
            raise
        in_the_way = OSError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
        raise storage_error(in_the_way, path, safe) from None
    except OSError as error:
        raise storage_error(error, path, safe) from error


def _settled(path: Path) -> None:
    """What stands at `path` now stands there after a power failure too."""
    _reached("fsync-folder", path)
    disk.fsync_folder(path.parent)


def write_bytes(path: str | Path, data: bytes) -> Path:
    """Puts `data` durably at `path`."""
    return write_with(path, lambda temporary: _write_all(temporary, data))


def write_text(path: str | Path, text: str) -> Path:
    """Puts `text` durably at `path`, UTF-8, newlines as given."""
    return write_bytes(path, encodable(text).encode("utf-8"))


def write_json(path: str | Path, value: Any) -> Path:
    """Puts `value` durably at `path` as indented JSON."""
    return write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def append_line(path: str | Path, line: str, *, durable: bool = False) -> None:
    """Adds one line to an append-only log; a torn last line is the reader's to skip.

    It survives a killed process at once, and a pulled plug when `durable` (with every line before
    it). When the disk refuses, the log is as long as it was.
    """
    assert "\n" not in line, "one line at a time"
    path = Path(path)
    data = (encodable(line) + "\n").encode("utf-8")
    try:
        make_folder(path.parent)
        _reached("append", path)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
        try:
            size = os.fstat(descriptor).st_size
            if size and not _ends_a_line(descriptor, size):
                data = b"\n" + data
            try:
                _write_all_to(descriptor, data)
                if durable:
                    _reached("fsync-log", path)
                    os.fsync(descriptor)
            except OSError:
                with contextlib.suppress(OSError):
                    os.ftruncate(descriptor, size)
                raise
        finally:
            os.close(descriptor)
        if durable and not size:
            disk.fsync_folder(path.parent)
    except OSError as error:
        raise storage_error(error, path, "Earlier lines are intact.") from error


def sync(path: str | Path) -> None:
    """Makes the lines durable that `append_line` wrote so far; nothing where there is no file."""
    try:
        disk.fsync_file(Path(path))
    except FileNotFoundError:
        pass
    except OSError as error:
        raise storage_error(error, path, "Earlier lines are intact.") from error


@contextlib.contextmanager
def growing(path: str | Path) -> Iterator[BinaryIO]:
    """A file to which what arrives is added. However the block ends, what was written is on the disk;
    StorageError when the disk refuses."""
    path = Path(path)
    try:
        make_folder(path.parent)
        _reached("grow", path)
        with open(path, "ab+") as file:
            try:
                yield file
            finally:
                file.flush()
                os.fsync(file.fileno())
    except OSError as error:
        if error.errno is None or isinstance(error, ConnectionError):  # not the disk's
            raise
        raise storage_error(error, path) from error


def make_folder(path: str | Path) -> Path:
    """Makes a folder and its parents, durably."""
    path = Path(path)
    try:
        if not path.is_dir():
            disk.make_folders(path)
    except OSError as error:
        raise storage_error(error, path) from error
    return path


def new_folder(path: str | Path) -> Path:
    """Makes a folder that is not there yet; FileExistsError when it is, for all but one of those
    who make it at the same time."""
    path = Path(path)
    make_folder(path.parent)
    try:
        path.mkdir()
        disk.fsync_folder(path.parent)
    except FileExistsError:
        raise
    except OSError as error:
        raise storage_error(error, path) from error
    return path


@contextlib.contextmanager
def replacing(target: str | Path, *, exclusive: bool = False) -> Iterator[Path]:
    """A folder to fill, of the same name, which stands at `target` after the block: whole, in one
    step. What stood there stays until then, and for good when the block fails or the process dies.

    With `exclusive` nothing is replaced: FileExistsError when something is there.
    """
    target = Path(target)
    with (
        _putting(target, "What was there is intact.", exclusive),
        temporaries.folder(target) as outside,
    ):
        inside = outside / target.name
        inside.mkdir()
        yield inside
        disk.fsync_folders(inside)
        _reached("exchange", target)
        if exclusive:
            disk.rename_new(inside, target)
        else:
            disk.exchange(inside, target, lambda: _reached("exchange", target))
        _settled(target)  # before the old content goes with the temporary folder


def move_to_trash(path: str | Path, trash: str | Path) -> Path:
    """Moves a file or folder into `trash` under a name that is free; returns where it went."""
    path, trash = Path(path), make_folder(trash)
    target = trash / path.name
    while target.exists():
        target = trash / f"{path.stem}-{secrets.token_hex(3)}{path.suffix}"
    try:
        shutil.move(path, target)
    except OSError as error:
        raise storage_error(error, path, "Nothing was deleted.") from error
    return target


def move(path: str | Path, target: str | Path) -> Path:
    """Moves a file or folder to a free place, else FileExistsError. After StorageError it stays."""
    path, target = Path(path), Path(target)
    make_folder(target.parent)
    try:
        _reached("move", target)
        disk.rename_new(path, target)
        for folder in {path.parent, target.parent}:
            disk.fsync_folder(folder)
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno != errno.EXDEV or not path.is_file():  # to another disk a file is copied
            raise storage_error(error, path, "Nothing was moved.") from error
        copy_file(path, target, exclusive=True)
        path.unlink()
    return target


def remove_folder(path: str | Path) -> None:
    """Deletes one of the studio's own folders (old checkpoints, half-written ones).

    It leaves its place in one step: a process that dies meanwhile leaves no half of it there.
    """
    path = Path(path)
    try:
        with temporaries.folder(path) as outside:
            path.rename(outside / path.name)
    except OSError:  # no room even for that: from where it is, its promise first
        with contextlib.suppress(OSError):
            (path / "manifest.json").unlink(missing_ok=True)
        shutil.rmtree(path, ignore_errors=True)


def copy_file(source: str | Path, target: str | Path, *, exclusive: bool = False) -> Path:
    """Copies `source` durably to `target`; `exclusive` as in `write_with`."""
    return write_with(target, lambda temporary: _copy(Path(source), temporary), exclusive=exclusive)


def sha256(path: str | Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _write_all(path: Path, data: bytes) -> None:
    with open(path, "wb") as file:
        file.write(data)


def _write_all_to(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


def _ends_a_line(descriptor: int, size: int) -> bool:
    os.lseek(descriptor, size - 1, os.SEEK_SET)
    return os.read(descriptor, 1) == b"\n"


def _copy(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
