"""What the system offers for durable work: syncing, and renaming that replaces nothing or swaps.

Owns: these few calls and what stands in for them where a system lacks one. Refuses to know: what
is written and in which order (`studio.core.atomic`). Raises OSError.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from studio.core import temporaries

_LINUX = sys.platform == "linux"
_NO_REPLACE, _EXCHANGE = 1, 2  # how Linux's renameat2 calls them
_HERE = -100  # AT_FDCWD


def exchange(source: Path, target: Path, between: Callable[[], None]) -> None:
    """Puts the folder `source`, which lies in a temporary one, at `target`, in one step.

    `between` is called where that takes two: whoever sweeps then ends what a killed process began.
    """
    if not os.path.lexists(target):
        with contextlib.suppress(FileExistsError):
            return rename_new(source, target)
    if _renameat2(source, target, _EXCHANGE):
        return None
    aside = source.parent / temporaries.REPLACED
    target.rename(aside)
    between()
    source.rename(target)
    shutil.rmtree(aside, ignore_errors=True)
    return None


def rename_new(source: Path, target: Path) -> None:
    """Renames where nothing is yet; FileExistsError otherwise."""
    if _renameat2(source, target, _NO_REPLACE):
        return
    if source.is_file():
        try:
            os.link(source, target)  # refuses what is there, everywhere
            source.unlink()
            return
        except FileExistsError:
            raise
        except OSError:  # a file system without links
            pass
    if os.path.lexists(target):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
    source.rename(target)


def make_folders(path: Path) -> None:
    """Makes a folder and its parents, each of them durably."""
    if not path.parent.is_dir():
        make_folders(path.parent)
    path.mkdir(exist_ok=True)  # another thread may be quicker
    with contextlib.suppress(OSError):  # a parent that may be entered but not read
        fsync_folder(path.parent)


def fsync_file(path: Path) -> None:
    """The content of a file is on the disk afterwards."""
    with open(path, "rb+") as file:
        os.fsync(file.fileno())


def fsync_folders(folder: Path) -> None:
    """The names in a folder and in all below it are."""
    for place, _, _ in os.walk(folder):
        fsync_folder(Path(place))


def fsync_folder(path: Path) -> None:
    """The names in a folder are."""
    if os.name == "nt":  # Windows has no folder handles to sync
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _renameat2(source: Path, target: Path, how: int) -> bool:
    """Linux's renameat2; False where the system or the file system has none."""
    call = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None) if _LINUX else None
    if call is None:
        return False
    if call(_HERE, os.fsencode(source), _HERE, os.fsencode(target), how) == 0:
        return True
    code = ctypes.get_errno()
    if code in (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EPERM):
        return False
    raise OSError(code, os.strerror(code), str(target))
