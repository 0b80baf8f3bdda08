"""Locks on files and folders that the system itself releases when the process that holds one dies.

Owns: taking and releasing them. Refuses to know: what they protect, and how a refusal reads.

A lock is on the open file (`flock`), so it says nothing about content and a lock file stays empty.
Links are never followed: what somebody's link points to is not ours to create.
"""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path

HELD = (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES)


class Lock:
    """Held from the moment it exists until `release`, or until this process ends."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor

    @property
    def descriptor(self) -> int | None:
        """The open file that holds it: a process that inherits it holds the lock too."""
        return self._descriptor

    def release(self) -> None:
        """Gives it back; doing so twice is harmless."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


def take(path: Path, *, create: bool = True, shared: bool = False) -> Lock | None:
    """The lock on `path`, without waiting; None when another process (or another place in this
    one) holds it.

    With `create`, a missing file is made. Raises OSError when there is nothing to lock, or when the
    file system has no locks; never leaves anything open then.
    """
    while True:
        descriptor = _open(path, create)
        try:
            if not _locked(descriptor, shared):
                os.close(descriptor)
                return None
            # between opening and locking, somebody may have removed it and made another
            if _same(descriptor, path):
                return Lock(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
        if not create and not os.path.lexists(path):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))


def _open(path: Path, create: bool) -> int:
    flags = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    if not create:
        return os.open(path, os.O_RDONLY | flags)
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | flags, 0o666)
    except OSError as error:
        # a disk that takes no writes may still lock what is there
        if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOSPC, errno.EDQUOT):
            with contextlib.suppress(FileNotFoundError):
                return os.open(path, os.O_RDONLY | flags)
        raise


def _locked(descriptor: int, shared: bool) -> bool:
    try:
        import fcntl
    except ImportError:  # Windows locks bytes, not files
        import msvcrt

        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        except OSError:
            return False
        return True
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in HELD:
            return False
        raise
    return True


def _same(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path, follow_symlinks=False))
    except FileNotFoundError:
        return False
