"""The content of a file that somebody else may take away meanwhile, as one number.

Owns: its errors in words. Refuses to know: whose files they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from studio.core import atomic
from studio.core.errors import MissingError, StorageError


def content_hash(path: str | Path) -> str:
    """SHA-256 of a file, hexadecimal. MissingError when it is gone, StorageError when the disk does
    not give it."""
    try:
        return atomic.sha256(path)
    except FileNotFoundError as error:
        raise MissingError(
            "A file is gone since its folder was read",
            where=Path(path),
            remedy="Put it back, or start again without it.",
        ) from error
    except OSError as error:
        raise StorageError(
            "This file could not be read",
            where=Path(path),
            why=f"The system said: {error.strerror or error}",
        ) from error


def same_content(files: Sequence[Path], others: Sequence[Path]) -> list[Path]:
    """Those of `files` whose content one of the others has, too; what is gone is passed over. Only files
    of one size are read. StorageError when the disk does not give one."""
    by_size: dict[int, list[Path]] = {}
    for other in others:
        by_size.setdefault(_size(other), []).append(other)
    known: dict[Path, str] = {}
    found = []
    for path in files:
        alike = by_size.get(_size(path), []) if _size(path) >= 0 else []
        for one in (path, *alike) if alike else ():
            if one not in known:
                known[one] = content_hash(one)
        if any(known[one] == known[path] for one in alike):
            found.append(path)
    return found


def _size(path: Path) -> int:
    """Bytes; −1 for what is not there."""
    try:
        return path.stat().st_size
    except OSError:
        return -1
