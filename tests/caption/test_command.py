"""`caption` in the terminal: replaced captions are kept, said, and brought back."""

from __future__ import annotations

from pathlib import Path

import pytest

from studio import cli
from studio.caption import captioner as module
from studio.formats.dataset import read_captions, write_caption


class _Model:
    def caption(self, images: list, questions: tuple = ()) -> list[str]:
        """A loop for the first image of a batch, and words for the others."""
        return ["a " + "big " * 20, *["a plain image"] * (len(images) - 1)]


def test_overwrite_says_what_it_replaced_and_undo_brings_it_back(
    images: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(module, "load_captioner", lambda *_: _Model())
    for name in ("1", "2", "3"):
        write_caption(images / f"{name}.png", f"right {name}")
    before = read_captions(images)
    place = ["--workspace", str(tmp_path / "workspace")]
    assert cli.main(["caption", str(images), "--overwrite", *place]) == 0
    shown = capsys.readouterr()
    assert "written: 4" in shown.out and "marked: 1" in shown.out and "replaced: 2" in shown.out
    assert "1.png. It repeats “big”" in shown.err
    assert "2 earlier captions are kept" in shown.err and "--undo" in shown.err
    assert read_captions(images)[images / "1.png"] == "right 1"
    assert read_captions(images)[images / "2.png"] == "a plain image"
    assert cli.main(["caption", str(images), "--undo", *place]) == 0
    assert "changed: 4" in capsys.readouterr().out
    assert read_captions(images) == before
    assert cli.main(["caption", str(images), "--undo", *place]) == 2
    assert "left to undo" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        cli.main(["caption", str(images), "--undo", "--overwrite", *place])
