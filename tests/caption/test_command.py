"""`caption` in the terminal: replaced captions are kept, said, and brought back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from studio import cli
from studio.caption import captioner as module
from studio.formats.dataset import read_captions, read_dataset, write_caption


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


def _run(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> tuple[str, str]:
    assert cli.main(["caption", *words]) == code
    shown = capsys.readouterr()
    return shown.out, shown.err


def test_edits_are_previewed_made_listed_and_taken_back_one_by_one(
    images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    place = ["--workspace", str(tmp_path / "workspace")]
    for name in ("1", "2", "3"):
        write_caption(images / f"{name}.png", f"{name} cats, red_hair")
    before = read_captions(images)
    edit = ["--edit", "regex", r"(\d) cats", r"by=\1 dogs", "--edit", "underscores"]
    out, _ = _run(capsys, str(images), *edit, "--preview", "1", *place)
    assert "3 captions of 5 images would change" in out
    assert "now:   1 cats, red_hair" in out and "would: 1 dogs, red hair" in out
    assert read_captions(images) == before

    made = json.loads(_run(capsys, str(images), *edit, "--json", *place)[0])
    assert made["changed"] == 3 and made["changes"][0] == {
        "file": "1.png", "before": "1 cats, red_hair", "after": "1 dogs, red hair",
    }  # fmt: skip
    one = ["--edit", "suffix", "at night", "--file", "1.png"]
    _, err = _run(capsys, str(images), *one, *place)
    assert "--undo --change" in err
    assert read_captions(images)[images / "1.png"] == "1 dogs, red hair, at night"

    listed = json.loads(_run(capsys, str(images), "--history", "--json", *place)[0])
    assert [row["says"] for row in listed] == [
        ["Put at the end: text “at night”"],
        [r"Find and replace a pattern: pattern “(\d) cats”, replace with “\1 dogs”", "Underscores"],
    ]
    older = ["--undo", "--change", made["name"]]
    out, err = _run(capsys, str(images), *older, *place)
    assert "changed: 2" in out and "1 caption was changed since and stay" in err
    assert read_captions(images)[images / "2.png"] == "2 cats, red_hair"
    assert read_captions(images)[images / "1.png"] == "1 dogs, red hair, at night"
    out, _ = _run(capsys, str(images), "--history", *place)
    assert "(taken back, 1 kept)" in out
    _run(capsys, str(images), "--undo", *place)
    assert read_captions(images)[images / "1.png"] == "1 dogs, red hair"
    out, _ = _run(capsys, str(images), *older, *place)
    assert "changed: 1" in out, "what stayed can be taken back once it is as the edit left it"
    assert read_captions(images) == before
    assert "taken back" in _run(capsys, str(images), *older, *place, code=2)[1]


def test_a_wrong_edit_writes_nothing_and_is_said(
    images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    place = ["--workspace", str(tmp_path / "workspace")]
    for words, said in (
        (["--edit", "prefx", "a"], "Did you mean “prefix”"),
        (["--edit", "regex", "("], "cannot be read"),
        (["--edit", "prefix", "a", "--file", "no.png"], "no such image"),
        (["--file", "1.png"], "Add --edit"),
        (["--change", "x"], "Add --undo"),
    ):
        _, err = _run(capsys, str(images), *words, *place, code=2)
        assert said in err
    assert set(read_captions(images).values()) == {None}


def test_each_line_becomes_a_caption_of_its_own(
    images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    place = ["--workspace", str(tmp_path / "workspace")]
    write_caption(images / "1.png", "a cat\nthe cat")
    found = json.loads(_run(capsys, str(images), "--several", "yes", "--json", *place)[0])
    assert found == {"captions": "lines", "images_with_several_lines": 1}
    _run(capsys, str(images), "--edit", "prefix", "zib", *place)
    assert read_captions(images)[images / "1.png"] == "zib, a cat\nzib, the cat"
    assert (images / "2.txt").read_text() == "zib\n"
    _run(capsys, str(images), "--several", "no", *place)
    assert read_dataset(images).items[0].captions == ()
