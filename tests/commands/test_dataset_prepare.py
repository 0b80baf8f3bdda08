"""`dataset --crop`, `--undo`, `--export-prepared`: what they say, and that no image changes."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from PIL import Image

from studio import cli
from studio.core.atomic import sha256
from studio.formats.dataset import read_dataset
from studio.formats.images import open_image
from tests.caption.tiny_models import tiny_clipseg


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "photos"
    place.mkdir()
    for number in (1, 2):
        image = Image.new("RGB", (600, 400), "grey")
        texture = random.Random(number).randbytes(150 * 150 * 3)
        image.paste(Image.frombytes("RGB", (150, 150), texture), (440, 100))
        image.save(place / f"{number}.png")
    return place


def run(folder: Path, *options: str) -> int:
    return cli.main(["dataset", str(folder), "--workspace", str(folder.parent / "w"), *options])


def test_crops_a_copy_and_the_way_back(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    images = {path.name: sha256(path) for path in folder.iterdir()}
    assert run(folder, "--crop", "focus", "--shape", "square", "--preview") == 0
    assert "2 images. Nothing was written." in capsys.readouterr().out
    assert not (folder / "image_recipes.json").exists()
    assert run(folder, "--crop", "focus", "--shape", "square", "--only", "1.png") == 0
    said = capsys.readouterr().out
    assert "1.png: 400 × 400 px from 200, 0; 33% lost; bucket 64 × 64" in said
    assert [item.size for item in read_dataset(folder).items] == [(400, 400), (600, 400)]
    assert run(folder, "--export-prepared", str(folder.parent / "out"), "--json") == 0
    (copy,) = json.loads(capsys.readouterr().out).values()
    assert (copy["images"], copy["changed"], copy["masks"]) == (2, 1, 0)
    assert [i.size for i in read_dataset(folder.parent / "out").items] == [(400, 400), (600, 400)]
    assert run(folder, "--undo") == 0
    assert "Taken back: Crop of 1.png" in capsys.readouterr().out
    assert [item.size for item in read_dataset(folder).items] == [(600, 400)] * 2
    assert {n: sha256(folder / n) for n in images} == images


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--undo"], "nothing to undo"),
        (["--crop", "focus", "--shape", "flat"], "no shape of a crop"),
        (["--crop", "center", "--only", "9.png"], "There is no image"),
        (["--crop", "center", "--base", "nowhere"], "There is no base model"),
        (["--export-prepared", "."], "something at this place"),
    ],
)
def test_what_cannot_be_is_said(
    folder: Path, capsys: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    assert run(folder, *options) == 2
    assert said in capsys.readouterr().err


def test_masks_by_prompt(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = str(tiny_clipseg(folder.parent / "clipseg"))
    options = ["--mask-prompt", "worda", "--mask-model", model, "--mask-threshold"]
    assert run(folder, *options, "0.01", "--json") == 0
    masks = json.loads(capsys.readouterr().out)["masks"]
    assert masks == {"painted": ["1.png", "2.png"], "without": {}}
    info = read_dataset(folder)
    assert info.recipes and open_image(info.recipes.mask(folder / "1.png") or "").size == (600, 400)
    assert run(folder, *options, "1.01") == 0
    assert "1.png has no mask: Nothing was found for “worda”" in capsys.readouterr().out
    assert run(folder, "--mask-prompt", "a dog") == 2
    assert "No model is named" in capsys.readouterr().err
