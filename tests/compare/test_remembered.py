"""What was read of comparisons is read again when it has changed, and only then."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from studio.compare import remembered
from studio.compare.record import Comparison, Recorder, read_comparison
from studio.compare.remembered import Remembered, RememberedComparisons
from studio.core.errors import MissingError


def begun(root: Path, name: str, created: float = 1.0) -> Recorder:
    header = Comparison(
        folder=str(root / name), name=name, created=created, prompts=("a", "b"), seeds=(1,), columns=()
    )  # fmt: skip
    return Recorder(header)


def test_one_is_read_again_when_it_has_changed(tmp_path: Path) -> None:
    reads: list[Path] = []

    def read(folder: Path) -> Comparison:
        reads.append(folder)
        return read_comparison(folder)

    recorder = begun(tmp_path, "first")
    known = Remembered(read, most=2)
    for _ in range(3):
        assert known.of(recorder.folder).cells == ()
    assert len(reads) == 1
    recorder.cell(0, 0, 1, "cells/c0-p0-s1.png")
    assert len(known.of(recorder.folder).cells) == 1 and len(reads) == 2
    recorder.finish(1.0, cancelled=False)
    assert known.of(recorder.folder).complete and len(reads) == 3
    for name in ("second", "third"):  # two are kept: the first has to be read again
        known.of(begun(tmp_path, name).folder)
    assert known.of(recorder.folder).complete and len(reads) == 6
    shutil.rmtree(recorder.folder)
    with pytest.raises(MissingError):
        known.of(recorder.folder)


def test_the_list_reads_only_what_is_new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[str] = []

    def read(folder: Path) -> Comparison:
        reads.append(folder.name)
        return read_comparison(folder)

    monkeypatch.setattr(remembered, "read_comparison", read)
    for number, name in enumerate(("old", "middle", "new")):
        begun(tmp_path, name, created=number).finish(1.0, cancelled=False)
    (tmp_path / "nothing").mkdir()
    (tmp_path / "torn").mkdir()
    (tmp_path / "torn" / "comparison.json").write_text("{")
    listed = RememberedComparisons(tmp_path)
    assert [one.name for one in listed.all()] == ["new", "middle", "old"]
    assert listed.all()[0].prompts == 2
    assert sorted(name for name in reads if name != "torn") == ["middle", "new", "old"]
    begun(tmp_path, "newest", created=9.0)
    assert listed.all()[0].id == "newest"
    assert sorted(name for name in reads if name != "torn") == ["middle", "new", "newest", "old"]
    assert RememberedComparisons(tmp_path / "gone").all() == []
