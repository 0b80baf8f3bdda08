"""Notes and previews beside an adapter, as web UIs name and read them."""

from __future__ import annotations

import json

import pytest

from studio.core.errors import FileError
from studio.formats import sidecar


def test_notes_there_and_back_in_a1111s_keys(tmp_path):
    adapter = tmp_path / "my.cat.safetensors"
    assert sidecar.read(adapter) is None
    notes = sidecar.Notes("a cat", "SD1", "sks cat", 0.8, "dog", "made on a Sunday — 猫")
    path = sidecar.write(adapter, notes)
    assert path == tmp_path / "my.cat.json"
    assert sidecar.read(adapter) == notes
    assert json.loads(path.read_text("utf-8"))["activation text"] == "sks cat"


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 50_000, '"x"'])
def test_broken_notes_are_said(tmp_path, text):
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(FileError, match="the adapter itself is fine"):
        sidecar.read(tmp_path / "x.safetensors")


def test_odd_values_become_defaults(tmp_path):
    odd = {"description": 3, "preferred weight": "strong", "sd version": None, "notes": ["x"]}
    (tmp_path / "x.json").write_text(json.dumps(odd))
    assert sidecar.read(tmp_path / "x.safetensors") == sidecar.Notes()


def test_previews(tmp_path):
    adapter = tmp_path / "my.cat.safetensors"
    assert sidecar.preview(adapter) is None
    (tmp_path / "my.cat.png").write_bytes(b"")
    assert sidecar.preview(adapter) == tmp_path / "my.cat.png"
    sidecar.preview_path(adapter).write_bytes(b"")
    assert sidecar.preview(adapter) == tmp_path / "my.cat.preview.png"
