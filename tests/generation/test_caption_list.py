"""What a filter finds in a dataset, in Python and from the terminal."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image

from studio import cli
from studio.app import Studio
from studio.caption import captioner
from studio.caption.filter_words import FilterError
from studio.core.paths import Workspace
from studio.formats.dataset import read_captions


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "workspace" / "datasets" / "mine"
    captions = {
        "1.png": "zorp, red", "2.png": "a red cat", "3.png": None, "close/4.png": "[trigger], blue",
        "close/5.png": "red, " + "blue " * 90,
    }  # fmt: skip
    for name, caption in captions.items():
        image = place / name
        image.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8)).save(image)
        if caption is not None:
            image.with_suffix(".txt").write_text(caption)
    (place / "dataset.toml").write_text('trigger = "zorp"\n[folders]\nclose = 1\n')
    return place


def found(folder: Path, text: str) -> list[str]:
    studio = Studio(Workspace(folder.parent.parent))
    return [image.file for image in studio.generation.matching(folder, text).found]


def test_a_filter_finds_images_of_a_dataset(folder: Path) -> None:
    assert found(folder, "trigger") == ["1.png", "close/4.png"]
    assert found(folder, "NOT trigger AND NOT missing") == ["2.png", "close/5.png"]
    assert found(folder, "tag:red folder:close") == ["close/5.png"]
    assert found(folder, "tokens:>75") == ["close/5.png"]
    assert found(folder, "missing OR name:2*") == ["2.png", "3.png"]


def test_the_trigger_of_a_dataset_without_one_is_refused_at_its_place(folder: Path) -> None:
    (folder / "dataset.toml").write_text("[folders]\nclose = 1\n")
    with pytest.raises(FilterError, match="names no trigger word") as caught:
        found(folder, "red AND NOT trigger")
    assert (caught.value.start, caught.value.end) == (12, 19)
    assert found(folder, "tag:red") == ["1.png", "close/5.png"]


def test_in_several_concepts_each_image_has_its_own_trigger(tmp_path: Path) -> None:
    place = tmp_path / "workspace" / "datasets" / "two"
    for name, caption in (("3_sks dog/1", "a sks dog"), ("3_zib cat/2", "a sks cat")):
        image = place / f"{name}.png"
        image.parent.mkdir(parents=True)
        Image.new("RGB", (8, 8)).save(image)
        image.with_suffix(".txt").write_text(caption)
    assert found(place, "trigger") == ["3_sks dog/1.png"]
    assert found(place, "NOT trigger") == ["3_zib cat/2.png"]


def run(folder: Path, *options: str) -> int:
    return cli.main([*options, "--workspace", str(folder.parent.parent)])


def test_the_terminal_lists_filters_and_tags(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(folder, "dataset", str(folder), "--filter", "tag:red", "--save-filter", "reds") == 0
    shown = capsys.readouterr()
    assert shown.out.splitlines()[0] == "1.png: zorp, red" and "2 of 5 images" in shown.err
    assert run(folder, "dataset", str(folder), "--filter", "@reds", "--tags", "--json") == 0
    answer = json.loads(capsys.readouterr().out)
    assert [image["file"] for image in answer["found"]] == ["1.png", "close/5.png"]
    assert list(answer["tags"].items())[:2] == [("red", 2), ("blue " * 89 + "blue", 1)]
    assert run(folder, "dataset", str(folder), "--tags") == 0
    assert capsys.readouterr().out.splitlines()[0] == "     2  red"
    assert run(folder, "dataset", str(folder), "--filter", "red AND (blue") == 2
    assert "A bracket is not closed (red AND ▸(blue)" in capsys.readouterr().err
    assert run(folder, "dataset", str(folder), "--save-filter", "x") == 2


class _Model:
    def caption(self, images: list[Image.Image], questions: Sequence[str] = ()) -> list[str]:
        return ["a plain image"] * len(images)


def test_captions_are_written_only_where_the_filter_finds(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(captioner, "load_captioner", lambda *_: _Model())
    before = read_captions(folder)
    options = ["--only", "replace", "--filter", "red AND NOT folder:close AND NOT trigger"]
    assert run(folder, "caption", str(folder), *options) == 0
    assert "The filter finds 1 of 5 images." in capsys.readouterr().err
    after = read_captions(folder)
    assert {p.name for p in after if after[p] != before[p]} == {"2.png"}
    for more in (["--resume"], ["--undo"]):
        assert run(folder, "caption", str(folder), "--filter", "red", *more) == 2
