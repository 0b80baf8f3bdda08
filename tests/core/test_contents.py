"""The content of a file as one number, and plain words where there is none."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from studio.core.contents import content_hash
from studio.core.errors import MissingError, StorageError


def test_a_file_that_is_gone_or_cannot_be_read_is_an_error_in_words(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"content")
    assert content_hash(tmp_path / "a.png") == hashlib.sha256(b"content").hexdigest()
    with pytest.raises(MissingError, match="gone"):
        content_hash(tmp_path / "b.png")
    with pytest.raises(StorageError, match="could not be read"):
        content_hash(tmp_path)
