"""The content of a file that somebody else may take away meanwhile, as one number.

Owns: its errors in words. Refuses to know: whose files they are.
"""

from __future__ import annotations

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
