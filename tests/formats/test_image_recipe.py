"""Recipes of images: sizes, pixels, the file beside them, and files that nobody should trust."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from studio.core.errors import DatasetError
from studio.formats.dataset import read_dataset
from studio.formats.image_prepare import open_prepared, prepared
from studio.formats.image_recipe import ImageRecipe, checked
from studio.formats.image_recipes import (
    RECIPES_FILE,
    can_undo,
    keep_mask,
    read_recipes,
    undo,
    write_recipes,
)
from studio.train.buckets import bucket_for, enlarged, lost

CASES = json.loads((Path(__file__).parents[1] / "page" / "prepare_cases.json").read_bytes())


def noise(size: tuple[int, int], seed: int = 0) -> Image.Image:
    return Image.frombytes("RGB", size, random.Random(seed).randbytes(size[0] * size[1] * 3))


def dataset(folder: Path, count: int = 2) -> Path:
    folder.mkdir()
    for number in range(1, count + 1):
        noise((40, 30), number).save(folder / f"{number}.png")
    return folder


@pytest.mark.parametrize("case", CASES)
def test_sizes_are_those_the_page_shows(case: dict[str, Any]) -> None:
    recipe, size = checked(case["recipe"]), tuple(case["size"])
    assert list(recipe.frame(size)) == case["frame"] and list(recipe.box(size)) == case["box"]
    crop = recipe.size(size)
    bucket = bucket_for(*crop, case["resolution"], case["multiple"])
    assert list(bucket) == case["bucket"]
    assert lost(crop, bucket) == pytest.approx(case["lost"], abs=1e-6)
    assert enlarged(crop, bucket) == pytest.approx(case["enlarged"], abs=1e-6)


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
@pytest.mark.parametrize("flip", [False, True])
def test_turns_mirrors_and_crops_only_move_pixels(turn: int, flip: bool) -> None:
    image = noise((40, 30))
    recipe = ImageRecipe(turn=turn, flip=flip, crop=(0.1, 0.2, 0.6, 0.9))
    wanted = np.rot90(np.asarray(image), -turn // 90)
    wanted = wanted[:, ::-1] if flip else wanted
    left, top, right, bottom = recipe.box(image.size)
    found = prepared(image, recipe)
    assert np.array_equal(np.asarray(found), wanted[top:bottom, left:right])
    assert found.size == recipe.size(image.size)


@pytest.mark.parametrize("recipe", [{"angle": 9.0}, {"angle": -45.0, "turn": 90, "flip": True}])
def test_a_small_angle_turns_clockwise_and_leaves_no_corner_empty(recipe: dict[str, Any]) -> None:
    white = prepared(Image.new("RGB", (90, 60), "white"), checked(recipe))
    assert white.size == checked(recipe).size((90, 60))
    assert np.asarray(white).min() == 255
    dot = Image.new("L", (101, 101))
    dot.paste(255, (60, 48, 63, 53))  # right of the centre: clockwise is down
    found = np.asarray(prepared(dot, ImageRecipe(angle=20.0)), dtype=float)
    rows, columns = np.nonzero(found > 100)
    assert rows.mean() > found.shape[0] / 2 + 1 and columns.mean() > found.shape[1] / 2
    mirrored = prepared(dot, ImageRecipe(angle=20.0, flip=True))
    assert np.array_equal(np.asarray(mirrored), found[:, ::-1].astype(np.uint8))


def test_a_crop_of_a_turned_image_is_the_turned_image_cropped() -> None:
    image = noise((90, 60))
    whole = prepared(image, ImageRecipe(angle=7.0))
    recipe = ImageRecipe(angle=7.0, crop=(0.25, 0.25, 0.75, 1.0))
    assert np.array_equal(
        np.asarray(prepared(image, recipe)), np.asarray(whole.crop(recipe.box(image.size)))
    )


def test_a_recipe_begins_where_exif_has_turned_the_image(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright: 90 degrees clockwise
    noise((40, 30)).save(tmp_path / "1.png", exif=exif)
    recipe = ImageRecipe(turn=90, crop=(0.0, 0.0, 0.5, 1.0))
    found = np.asarray(open_prepared(tmp_path / "1.png", recipe))
    assert recipe.size((30, 40)) == (20, 30) and found.shape[:2] == (30, 20)
    assert np.array_equal(found, np.rot90(np.asarray(noise((40, 30))), -2)[:, :20])


def test_recipes_move_along_keep_what_is_unknown_and_can_be_undone(tmp_path: Path) -> None:
    folder = dataset(tmp_path / "a")
    text = {
        "version": 7, "of_later": [1],
        "images": {"1.png": {"turn": 90, "glow": {"by": 2}}, "gone.png": {"flip": True}},
    }  # fmt: skip
    (folder / RECIPES_FILE).write_text(json.dumps(text))
    mask = keep_mask(folder, Image.new("L", (40, 30), 255))
    write_recipes(folder, {"2.png": ImageRecipe(crop=(0, 0, 0.5, 0.5), mask=mask)}, "Crop of 2.png")
    moved = folder.rename(tmp_path / "b")
    info = read_dataset(moved)
    assert [item.size for item in info.items] == [(30, 40), (20, 15)] and not info.problems
    assert info.unused.sentence() is None  # neither the file nor the mask is a stray
    assert info.recipes and info.recipes.mask(moved / "2.png") == moved / mask
    kept = json.loads((moved / RECIPES_FILE).read_bytes())
    assert kept["version"] == 7 and kept["of_later"] == [1]
    assert kept["images"]["1.png"] == text["images"]["1.png"]  # type: ignore[index]
    assert "gone.png" in kept["images"]  # the image may come back
    changed = info.items[0].recipe.changed(turn=180)
    write_recipes(moved, {"1.png": changed}, "Turn of 1.png")
    assert json.loads((moved / RECIPES_FILE).read_bytes())["images"]["1.png"]["glow"] == {"by": 2}
    assert (undo(moved), undo(moved)) == ("Turn of 1.png", "Crop of 2.png")
    assert can_undo(moved) == "" and undo(moved) == ""
    assert json.loads((moved / RECIPES_FILE).read_bytes())["images"] == text["images"]
    assert not (moved / mask).exists()  # nothing names it any more


HOSTILE = {
    '{"crop": [NaN, 0, 1, 1]}': "four numbers",
    '{"crop": [-0.5, 0, 1, 1]}': "inside of the image",
    '{"crop": [0, 0, 1e308, 1]}': "inside of the image",
    '{"crop": [0.9, 0, 0.1, 1]}': "leaves nothing",
    '{"crop": {"left": 0}}': "four numbers",
    '{"crop": [0, 0, 1]}': "four numbers",
    '{"turn": 45}': "0, 90, 180 or 270",
    '{"turn": true}': "0, 90, 180 or 270",
    '{"turn": [[[[90]]]]}': "0, 90, 180 or 270",
    '{"angle": Infinity}': "between -45 and 45",
    '{"angle": -1e9}': "between -45 and 45",
    '{"flip": "yes"}': "true or false",
    '{"mask": "../../secret.png"}': "a file in masks/recipes/",
    '{"mask": 3}': "a file in masks/recipes/",
    "[1, 2]": "no table",
    "null": "no table",
}


@pytest.mark.parametrize("row", HOSTILE)
def test_a_wrong_recipe_is_named_in_plain_words_and_not_used(tmp_path: Path, row: str) -> None:
    folder = dataset(tmp_path / "a")
    (folder / RECIPES_FILE).write_text(f'{{"images": {{"1.png": {row}, "2.png": {{"turn": 90}}}}}}')
    info = read_dataset(folder)
    assert [item.size for item in info.items] == [(40, 30), (30, 40)]
    (problem,) = info.problems
    assert problem.startswith("The recipe of 1.png is not used") and HOSTILE[row] in problem
    assert not any(word in problem for word in ("pydantic", "Error", "float", "NoneType"))


@pytest.mark.parametrize(
    "text",
    ["{", "[]", '{"images": 3}', '{"images": ' + "[" * 5000 + "]" * 5000 + "}", "\x00\xff", '"x"'],
)
def test_a_file_that_is_no_file_of_recipes_says_so(tmp_path: Path, text: str) -> None:
    folder = dataset(tmp_path / "a")
    (folder / RECIPES_FILE).write_text(text)
    for ask in (read_dataset, read_recipes, undo):
        with pytest.raises(DatasetError, match="cannot be read") as caught:
            ask(folder)
        assert caught.value.remedy and "Traceback" not in str(caught.value)
    assert (folder / RECIPES_FILE).read_text() == text


def test_a_mask_that_is_gone_or_leads_away_is_said_and_not_followed(tmp_path: Path) -> None:
    folder = dataset(tmp_path / "a")
    outside = tmp_path / "secret"
    outside.mkdir()
    Image.new("L", (4, 4)).save(outside / "x.png")
    (folder / "masks").mkdir()
    (folder / "masks" / "recipes").symlink_to(outside)
    rows = {"1.png": {"mask": "masks/recipes/x.png"}, "2.png": {"mask": "masks/recipes/y.png"}}
    (folder / RECIPES_FILE).write_text(json.dumps({"images": rows}))
    recipes = read_recipes(folder)
    assert recipes.mask(folder / "1.png") is None and recipes.mask(folder / "2.png") is None
    assert [name in " ".join(recipes.problems()) for name in ("1.png", "2.png")] == [True, True]
    write_recipes(folder, {"1.png": ImageRecipe()}, "Reset")
    assert (outside / "x.png").is_file()  # tidying removes nothing elsewhere
