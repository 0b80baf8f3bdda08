"""What other programs note beside an adapter file is read, whatever saved it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from studio.core.paths import ASSETS, Workspace
from studio.formats import safetensors_file
from studio.formats.beside_notes import BesideNotes, read_beside
from studio.library.library import Library

MARK = b"\xef\xbb\xbf"
WEB_UI = {"activation text": " zibbo cat, ", "preferred weight": 0.7, "notes": "mine"}


@pytest.mark.parametrize("mark", [b"", MARK])
def test_the_notes_of_the_web_ui(tmp_path: Path, mark: bytes) -> None:
    (tmp_path / "a.json").write_bytes(mark + json.dumps(WEB_UI).encode())
    assert read_beside(tmp_path / "a.safetensors") == BesideNotes("zibbo cat", 0.7)


def test_the_notes_of_a_helper_and_which_goes_first(tmp_path: Path) -> None:
    helper = {"trainedWords": [3, " ", "glorp", "other"], "baseModel": "SD 1.5"}
    (tmp_path / "a.civitai.info").write_text(json.dumps(helper))
    assert read_beside(tmp_path / "a.pt") == BesideNotes("glorp", None)
    (tmp_path / "a.json").write_text(json.dumps(WEB_UI))
    assert read_beside(tmp_path / "a.pt").trigger == "zibbo cat"


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{", "nonsense", '{"activation text": 3, "preferred weight": "1"}', '{"preferred weight": NaN}',
     '{"preferred weight": 0}', "[" * 100_000, '{"trainedWords": {}}'],
)  # fmt: skip
def test_what_cannot_be_read_is_as_if_it_were_not_there(tmp_path: Path, text: str) -> None:
    for ending in (".json", ".civitai.info"):
        (tmp_path / f"a{ending}").write_text(text)
    assert read_beside(tmp_path / "a.safetensors") == BesideNotes()


def test_the_file_itself_goes_first_and_the_library_shows_the_rest(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "w")
    shipped = ASSETS / "adapters" / "zibbo-lora.safetensors"
    tensors, _ = safetensors_file.read_tensors(shipped)
    silent = safetensors_file.write(workspace.adapters / "silent.safetensors", tensors, {})
    own = Path(shutil.copy2(shipped, workspace.adapters / "own.safetensors"))
    library = Library(workspace)
    before = library.adapter(own).trigger_word
    for path in (silent, own):
        noted = {**WEB_UI, "activation text": "another word"}
        path.with_suffix(".json").write_bytes(MARK + json.dumps(noted).encode())
    info = library.adapter(silent)
    assert (info.trigger_word, info.strength) == ("another word", 0.7)
    assert library.adapter(own).trigger_word == before != "another word"
