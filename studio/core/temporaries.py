"""What the studio writes beside a file until it is whole, and clearing away what was left of it.

Owns: the names of temporary files and folders, whose they are, sweeping. Refuses to know: what is
written, and when it is put in place (`studio.core.atomic`).

Whoever writes holds a lock on the temporary itself. The system releases it when the process dies,
so what nobody holds was left behind, and several studios may share one workspace.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from studio.core import locks

PREFIX = ".studio-tmp-"
REPLACED = ".replaced"
"""Inside a temporary folder: what stood in the place that its content was about to take."""
UNLOCKABLE_SECONDS = 24 * 3600
"""Where the file system has no locks, only what is older than this was certainly left behind."""
_TAIL = 48  # bytes of the final name that a temporary one shows
_swept: set[Path] = set()
_sweeping = threading.Lock()


@contextlib.contextmanager
def file(path: Path) -> Iterator[Path]:
    """An empty file beside `path`, this process's own until the end of the block; then removed,
    if it is still there."""
    temporary, lock = _made(path, folder=False)
    try:
        yield temporary
    finally:
        with contextlib.suppress(OSError):  # it took its place, as it should
            temporary.unlink()
        _release(lock)


@contextlib.contextmanager
def folder(path: Path) -> Iterator[Path]:
    """The same for an empty folder beside `path`."""
    temporary, lock = _made(path, folder=True)
    try:
        yield temporary
    finally:
        _finish(temporary)
        _release(lock)


def sweep(root: str | Path, *, deep: bool = True) -> int:
    """Clears away what dead processes left below `root` (or, without `deep`, directly in it);
    returns how many. What cannot be cleared stays for the next time."""
    count = 0
    for place, folders, files in os.walk(root, onerror=None):
        found = [name for name in (*folders, *files) if name.startswith(PREFIX)]
        count += sum(_cleared(Path(place) / name) for name in found)
        folders[:] = [name for name in folders if not name.startswith(PREFIX)] if deep else []
    return count


def sweep_once(folder: Path) -> None:
    """Clears away what dead processes left in a folder, when this one first writes there.

    So it happens wherever the studio writes, also in folders that are nobody's workspace.
    """
    with _sweeping:
        if folder in _swept:
            return
        _swept.add(folder)
    sweep(folder, deep=False)


def _made(path: Path, folder: bool) -> tuple[Path, locks.Lock | None]:
    tail = os.fsencode(path.name)[-_TAIL:].decode("utf-8", "ignore")
    while True:
        temporary = path.parent / f"{PREFIX}{secrets.token_hex(6)}-{tail}"
        if folder:
            temporary.mkdir()
        else:
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL
            os.close(os.open(temporary, flags, 0o600))
        if os.name == "nt":  # a lock there would keep ourselves from writing
            return temporary, None
        try:
            lock = locks.take(temporary, create=False)
        except FileNotFoundError:  # a sweep was quicker
            continue
        except OSError:  # no locks here: its age protects it
            return temporary, None
        if lock is not None:
            return temporary, lock


def _cleared(temporary: Path) -> bool:
    try:
        lock = None if os.name == "nt" else locks.take(temporary, create=False)
        if lock is None and (os.name != "nt" or not _old(temporary)):
            return False
    except OSError as error:
        # a link is no temporary of ours; without locks, age decides
        if error.errno in (errno.ENOENT, errno.ELOOP) or not _old(temporary):
            return False
        lock = None
    try:
        if temporary.is_dir():
            _finish(temporary)
        else:
            temporary.unlink(missing_ok=True)
        return not temporary.exists()
    except OSError:
        return False
    finally:
        _release(lock)


def _finish(temporary: Path) -> None:
    """Removes a temporary folder. When the swap it was for was cut in two, that is ended first: the
    old content is already out of the way, and the new one (which is complete) takes its place."""
    if (temporary / REPLACED).exists():
        for inner in temporary.iterdir():
            target = temporary.parent / inner.name
            if inner.name != REPLACED and not os.path.lexists(target):
                inner.rename(target)
    shutil.rmtree(temporary, ignore_errors=True)


def _old(path: Path) -> bool:
    newest = 0.0
    with contextlib.suppress(OSError):
        status = path.stat(follow_symlinks=False)
        newest = status.st_mtime
        if stat.S_ISDIR(status.st_mode):
            inner = (entry.stat(follow_symlinks=False).st_mtime for entry in path.rglob("*"))
            newest = max(newest, *inner, 0.0)
    return time.time() - newest > UNLOCKABLE_SECONDS


def _release(lock: locks.Lock | None) -> None:
    if lock is not None:
        lock.release()
