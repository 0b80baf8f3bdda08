"""One bad file in `adapters/` is a row with its reason; it takes neither the list nor the start down."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from studio.app import Studio
from studio.core.paths import Workspace
from studio.formats import apart
from studio.formats.inspect import FileReport
from studio.library import header_cache, suspects
from studio.library.suspects import Suspects
from tests.formats import costly
from tests.formats.builders import torch_zip
from tests.library.test_index import looked, write

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def studio(tmp_path: Path) -> Studio:
    return Studio(Workspace(tmp_path / "w"))


def again(studio: Studio) -> Studio:
    """The next start."""
    return Studio(Workspace(studio.workspace.root))


def rows(studio: Studio) -> dict[str, str | None]:
    looked(studio)
    return {entry.info.name: entry.info.problem for entry in studio.library.index.news().changed}


def test_hostile_files_are_rows_with_their_reason_beside_good_ones(studio: Studio) -> None:
    folder = studio.workspace.adapters
    write(folder, "good", "word")
    pickles = costly.pickles()
    for name in ("a list that doubles", "keys of one hash", "a list in itself"):
        torch_zip(folder / f"{name}.pt", {"data.pkl": pickles[name], "data/0": b"1234"})
    name = "a tensor of many dimensions"
    (folder / f"{name}.safetensors").write_bytes(costly.headers()[name])
    found = rows(studio)
    assert len(found) == 5 and found.pop("good") is None
    assert all(problem and len(problem) < 1_000 for problem in found.values())
    assert {info.name for info in studio.library.adapters()} == {*found, "good"}


@pytest.mark.parametrize("error", [MemoryError(), RecursionError("deep"), RuntimeError("a fault")])
def test_a_reader_that_fails_is_asked_once(
    studio: Studio, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    inspect = header_cache.inspect
    asked: list[str] = []

    def fails(path: Path, **options: Any) -> FileReport:
        asked.append(path.name)
        if path.stem == "bad":
            raise error
        return inspect(path, **options)

    monkeypatch.setattr(header_cache, "inspect", fails)
    bad = write(studio.workspace.adapters, "bad", "x")
    write(studio.workspace.adapters, "good", "y")
    for one in (studio, studio, again(studio)):
        found = rows(one)
        assert found["good"] is None
        assert "could not be read" in (found["bad"] or "")
        assert ("memory" in (found["bad"] or "")) == isinstance(error, MemoryError)
    assert sorted(asked) == ["bad.safetensors", "good.safetensors"]
    os.utime(bad, (1, 1))  # it changed: it is asked again
    rows(studio)
    assert asked.count("bad.safetensors") == 2


def test_a_disk_that_refuses_is_said_and_not_remembered(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(studio.workspace.adapters, "x", "word")
    inspect = header_cache.inspect

    def refuses(path: Path, **options: Any) -> FileReport:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(header_cache, "inspect", refuses)
    assert rows(studio)["x"] == "It could not be read: Input/output error."
    assert [info.name for info in studio.library.adapters()] == ["x"]
    monkeypatch.setattr(header_cache, "inspect", inspect)
    assert rows(studio)["x"] is None


KILLED = """
import os, sys
from pathlib import Path
from studio.app import Studio
from studio.library import header_cache
from studio.core.paths import Workspace

inspect = header_cache.inspect
def dies(path, **options):
    if path.stem == "bad":
        os._exit(9)  # as the kernel does when memory runs out
    return inspect(path, **options)
header_cache.inspect = dies
Studio(Workspace(Path(sys.argv[1]))).library.adapters()
"""


def killed(studio: Studio) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(studio.workspace.root)], cwd=ROOT)
    assert done.returncode == 9


def test_what_was_being_read_when_the_studio_ended_is_read_apart_next(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(studio.workspace.adapters, "bad", "word")
    write(studio.workspace.adapters, "good", "word")
    killed(studio)
    here: list[str] = []
    inspect = header_cache.inspect

    def counted(path: Path, **options: Any) -> FileReport:
        here.append(path.stem)
        return inspect(path, **options)

    monkeypatch.setattr(header_cache, "inspect", counted)
    # The file is a good one (somebody pulled the plug): a process of its own finds that out.
    assert rows(again(studio)) == {"bad": None, "good": None}
    assert "bad" not in here
    assert not list((studio.workspace.cache / "reading").iterdir())


def test_what_ends_that_process_too_is_not_read_again(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(studio.workspace.adapters, "bad", "word")
    write(studio.workspace.adapters, "good", "word")
    killed(studio)
    apart_run: list[Any] = []

    def ends(command: list[str], **options: Any) -> Any:
        apart_run.append(command)
        raise subprocess.CalledProcessError(-9, command)

    monkeypatch.setattr(apart.subprocess, "run", ends)
    for _ in range(3):
        found = rows(again(studio))
        assert found["good"] is None and "not read again until it changes" in (found["bad"] or "")
    assert len(apart_run) == 1


def test_notes_of_a_living_process_are_its_own(tmp_path: Path) -> None:
    path = tmp_path / "caf\udce9.pt"  # a name that is no Unicode
    mine = Suspects(tmp_path / "notes")
    assert path not in mine
    with mine.reading(path):
        other = subprocess.run(
            [sys.executable, "-c", "import sys; from pathlib import Path\n"
             "from studio.library.suspects import Suspects\n"
             "print(Path(sys.argv[1]) in Suspects(Path(sys.argv[2])))",
             str(path), str(tmp_path / "notes")],
            cwd=ROOT, capture_output=True, text=True,
        )  # fmt: skip
        assert other.stdout.strip() == "False"
        (tmp_path / "notes" / f"{os.getpid()}.log").rename(tmp_path / "notes" / "999999999.log")
        assert path in Suspects(tmp_path / "notes")
    assert not suspects._lives("999999999") and suspects._lives(str(os.getpid()))


def test_the_process_apart_reports_what_inspect_does(tmp_path: Path) -> None:
    path = write(tmp_path, "x", "word")
    report = apart.inspect_apart(path)
    assert report == header_cache.inspect(path, hashes=False)
    assert json.dumps(report.as_dict())
