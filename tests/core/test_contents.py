"""The content of a file as one number, and plain words where there is none."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from studio.core.contents import content_hash, same_content
from studio.core.errors import MissingError, StorageError


def test_a_file_that_is_gone_or_cannot_be_read_is_an_error_in_words(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"content")
    assert content_hash(tmp_path / "a.png") == hashlib.sha256(b"content").hexdigest()
    with pytest.raises(MissingError, match="gone"):
        content_hash(tmp_path / "b.png")
    with pytest.raises(StorageError, match="could not be read"):
        content_hash(tmp_path)


def test_files_of_the_same_content_are_found_under_other_names(tmp_path: Path) -> None:
    contents = {"a": b"one", "b": b"two", "c": b"one", "d": b"three", "e": b"four!"}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    a, b, c, d, e = (tmp_path / name for name in "abcde")
    gone = tmp_path / "gone"
    assert same_content([a, d, b, gone], [c, e, gone]) == [a]
    assert same_content([], [c]) == [] == same_content([a], [])
