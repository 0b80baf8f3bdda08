"""Crops by rule, and the prepared copy: training on it is training on the original with its recipes."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from studio.core.atomic import sha256
from studio.core.errors import InputError, Interrupted
from studio.core.paths import ASSETS
from studio.formats import image_focus
from studio.formats.dataset import read_dataset
from studio.formats.dataset_split import write_split
from studio.formats.image_memory import ImageMemory
from studio.formats.image_recipe import ImageRecipe
from studio.formats.image_recipes import keep_mask, read_recipes
from studio.library.image_preparing import RecipeBook, Shape, read_shape, said
from studio.library.importing import import_files
from studio.library.prepared_copy import export_prepared
from studio.settings.training import DataSettings
from studio.train.buckets import batches_per_epoch
from studio.train.data import Item, held_out_items, load_mask, load_pixels, read_items

SIZE = (96, 64)


def noise(size: tuple[int, int], seed: int) -> Image.Image:
    return Image.frombytes("RGB", size, random.Random(seed).randbytes(size[0] * size[1] * 3))


@pytest.fixture
def original(tmp_path: Path) -> Path:
    """Images of several kinds, captions, a mask beside one, held-out images, and recipes."""
    folder = tmp_path / "original"
    (folder / "held_out").mkdir(parents=True)
    (folder / "masks").mkdir()
    exif = Image.Exif()
    exif[0x0112] = 8
    noise(SIZE, 1).save(folder / "1.jpg", exif=exif)
    noise(SIZE, 2).save(folder / "2.png")
    cut = noise(SIZE, 3)
    cut.putalpha(noise(SIZE, 4).getchannel("R"))
    cut.save(folder / "3.png")
    noise(SIZE, 5).convert("CMYK").save(folder / "1.tif")
    noise(SIZE, 6).save(folder / "held_out" / "9.png")
    noise(SIZE, 7).convert("L").save(folder / "masks" / "2.png")
    for name in ("1", "2", "held_out/9"):
        (folder / f"{name}.txt").write_text(f"a cat, {name}\n")
    (folder / "dataset.toml").write_text('trigger = "zorp"\n')
    painted = keep_mask(folder, noise(SIZE, 8).convert("L"))
    RecipeBook().change(
        folder,
        {
            folder / "1.jpg": ImageRecipe(turn=90, crop=(0.1, 0.0, 0.8, 0.9)),
            folder / "2.png": ImageRecipe(angle=4.5, flip=True),
            folder / "3.png": ImageRecipe(crop=(0.0, 0.25, 0.5, 1.0), mask=painted),
            folder / "held_out" / "9.png": ImageRecipe(crop=(0.5, 0.0, 1.0, 1.0)),
        },
        "Preparing of 4 images",
    )
    return folder


def hashes(folder: Path) -> dict[str, str]:
    return {str(p.relative_to(folder)): sha256(p) for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("mask", ["none", "files", "alpha"])
@pytest.mark.parametrize("crop", ["centre", "random"])
def test_the_copy_is_trained_on_as_the_original_with_its_recipes(
    original: Path, tmp_path: Path, mask: str, crop: str
) -> None:
    before = hashes(original)
    done = export_prepared(read_dataset(original), tmp_path / "copy")
    assert (done.images, done.changed, done.masks, done.left_out) == (5, 4, 2, {})
    assert hashes(original) == before
    settings = DataSettings(mask=mask, crop=crop, flip=True)  # type: ignore[arg-type]
    pairs: list[tuple[Item, Item]] = []
    for read in (read_items, held_out_items):
        sides = [
            read(read_dataset(folder).called("zorp"), settings, 48, 16)
            for folder in (original, tmp_path / "copy")
        ]
        assert len(sides[0]) == len(sides[1])
        pairs += zip(*sides, strict=True)
    assert len(pairs) > 5
    for old, new in pairs:
        assert (old.bucket, old.caption, old.flipped) == (new.bucket, new.caption, new.flipped)
        if crop == "centre" or old.path.name == new.path.name:  # a random crop goes by the name
            assert torch.equal(load_pixels(old), load_pixels(new))
        assert (old.mask is None) == (new.mask is None)
        if old.mask and crop == "centre" and not (mask == "alpha" and old.recipe.mask):
            assert torch.equal(load_mask(old), load_mask(new))


def test_several_captions_stay_several_in_both_kinds_of_copy(
    original: Path, tmp_path: Path
) -> None:
    """Also the copy that a shootout trains on, from which some images are held back: with recipes."""
    (original / "2.txt").unlink()
    (original / "2.json").write_text('{"captions": ["a", {"text": "b", "weight": 2}]}')
    info = read_dataset(original)
    export_prepared(info, tmp_path / "copy")
    held = [original / "1.tif"]
    write_split(info, held, tmp_path / "split")
    for name in ("copy", "split"):
        found = {item.path.stem: item for item in read_dataset(tmp_path / name).items}
        assert found["2"].captions == ("a", "b", "b") and not found["3"].captions
    old = {item.path.stem: item for item in info.items if item.path not in held}
    split = read_dataset(tmp_path / "split")
    assert {item.path.stem: item.recipe for item in split.items} == {
        stem: item.recipe for stem, item in old.items()
    }
    three = next(item.path for item in split.items if item.path.stem == "3")
    mask = split.recipes.mask(three) if split.recipes else None
    assert mask is not None
    assert mask.read_bytes() == (original / old["3"].recipe.mask_file).read_bytes()


def test_a_recipe_changes_the_names_of_what_is_cached_and_the_length_of_an_epoch(
    original: Path,
) -> None:
    settings = DataSettings(mask="files")

    def keys() -> dict[str, tuple[str, str | None]]:
        items = read_items(read_dataset(original), settings, 48, 16)
        return {i.path.name: (i.content_key(), i.mask_key() if i.mask else None) for i in items}

    before, book = keys(), RecipeBook()
    image = original / "2.png"
    book.change(original, {image: ImageRecipe(angle=4.0, flip=True)}, "Turn of 2.png")
    after = keys()
    assert {name for name in after if after[name] != before[name]} == {"2.png"}
    assert after["2.png"][1] != before["2.png"][1]
    book.undo(original)
    assert keys() == before
    info = read_dataset(original)
    buckets = {item.bucket for item in read_items(info, settings, 48, 16)}
    assert batches_per_epoch(info, settings, 48, 16, 8) == len(buckets)


def test_latents_of_before_recipes_keep_their_names(tmp_path: Path) -> None:
    noise(SIZE, 1).save(tmp_path / "1.png")
    item = read_items(read_dataset(tmp_path), DataSettings(), 48, 16)[0]
    key = item.content_key()
    RecipeBook().change(tmp_path, {item.path: ImageRecipe(mask="none")}, "Mask of 1.png")
    assert read_items(read_dataset(tmp_path), DataSettings(), 48, 16)[0].content_key() == key


def test_a_copy_goes_to_a_new_place_beside_its_original_or_nowhere(
    original: Path, tmp_path: Path
) -> None:
    info, before = read_dataset(original), hashes(tmp_path)
    for target in (original / "copy", original, tmp_path, original / "masks"):
        with pytest.raises(InputError):
            export_prepared(info, target)

    def stop(done: int, total: int) -> None:
        if done == 3:
            raise Interrupted("Stopped")

    with pytest.raises(Interrupted):
        export_prepared(info, tmp_path / "stopped", stop)
    assert hashes(tmp_path) == before and not (tmp_path / "stopped").exists()


@pytest.mark.parametrize("place", [(0.0, 0.0), (0.5, 0.5), (1.0, 1.0), (0.25, 0.8)])
@pytest.mark.parametrize("size", [(400, 200), (180, 420)])
def test_the_focus_crop_holds_what_is_to_be_seen(
    size: tuple[int, int], place: tuple[float, float]
) -> None:
    image = Image.new("RGB", size, (90, 120, 160))
    side = 60
    corner = round(place[0] * (size[0] - side)), round(place[1] * (size[1] - side))
    image.paste(noise((side, side), 1), corner)
    crop = image_focus.focus_crop(image, (1, 1))
    left, top, right, bottom = ImageRecipe(crop=crop).box(size)
    assert right - left == bottom - top == min(size)
    slack = (
        3 * max(size) // image_focus.SIDE + 1
    )  # pixels of one place of the small copy, and its blur
    assert left <= corner[0] + slack and right >= corner[0] + side - slack
    assert top <= corner[1] + slack and bottom >= corner[1] + side - slack


def test_an_image_of_one_colour_is_cropped_at_its_centre() -> None:
    image = Image.new("RGB", (300, 100), "grey")
    assert image_focus.focus_crop(image, (1, 1)) == image_focus.centre_crop((300, 100), (1, 1))


def test_faces_count_more_where_a_detector_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    image = Image.new("RGB", (400, 200), "grey")
    ImageDraw.Draw(image).rectangle((0, 0, 120, 200), fill="red")

    class Detector:
        def __init__(self, file: str) -> None:
            assert file.endswith("haarcascade_frontalface_default.xml")

        def detectMultiScale(self, grey: np.ndarray, **sizes: object) -> list[tuple[int, ...]]:
            assert grey.shape == (96, 192)
            return [(150, 30, 30, 30)]

    cv2 = type(
        "cv2", (), {"CascadeClassifier": Detector, "data": type("d", (), {"haarcascades": ""})}
    )
    assert image_focus.focus_crop(image, (1, 1))[0] < 0.1
    monkeypatch.setattr(image_focus, "finds_faces", lambda: True)
    monkeypatch.setattr(image_focus.importlib, "import_module", lambda name: cv2)
    assert image_focus.focus_crop(image, (1, 1))[0] > 0.4


def test_crops_for_many_keep_turns_and_masks_and_touch_no_image(original: Path) -> None:
    before = {name: sha for name, sha in hashes(original).items() if name != "image_recipes.json"}
    book, shape = RecipeBook(), Shape(512, 64, read_shape("square"))
    images = [item.path for item in read_dataset(original, ImageMemory()).items]
    was = read_recipes(original)
    for how in ("focus", "center", "none"):
        found = book.crop(original, images, how, shape)
        book.change(original, found, said("Crop", images))
        now = read_recipes(original)
        for image in images:
            recipe = now.of(image)
            assert (recipe.turn, recipe.mask) == (was.of(image).turn, was.of(image).mask)
            width, height = read_recipe_size(recipe, image)
            if how != "none":
                assert width == height
    assert now.of(original / "1.jpg").crop == (0.0, 0.0, 1.0, 1.0)
    assert [book.undo(original) for _ in range(3)] == ["Crop of 4 images"] * 3
    assert read_recipes(original).rows == was.rows
    after = {name: sha for name, sha in hashes(original).items() if name != "image_recipes.json"}
    assert after == before


def read_recipe_size(recipe: ImageRecipe, image: Path) -> tuple[int, int]:
    from studio.formats.images import image_size

    return recipe.size(image_size(image))


def test_samples_that_ship_take_no_recipes() -> None:
    folder = ASSETS / "datasets" / "zibbo"
    with pytest.raises(InputError, match="sample"):
        RecipeBook().change(folder, {folder / "0001.png": ImageRecipe(flip=True)}, "Turn")
    assert not (folder / "image_recipes.json").exists()


@pytest.mark.parametrize("text", ["", "1", "0:1", "1:0", "9:1:1", "-1:2", "1e3:1", "100:1", "٣:٢"])
def test_a_shape_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="no shape of a crop"):
        read_shape(text)


def test_shapes() -> None:
    assert read_shape("bucket") is None and read_shape("square") == (1, 1)
    assert read_shape("576x448") == read_shape("576×448") == read_shape("576:448") == (576, 448)


def test_an_imported_folder_keeps_its_recipes(original: Path, tmp_path: Path) -> None:
    copied = import_files([original], tmp_path / "datasets", "imported")
    before = read_recipes(original)
    info = read_dataset(copied.path)
    assert info.recipes and info.recipes.rows == before.rows and not info.recipes.problems()
    assert info.recipes.mask(copied.path / "3.png")
    assert len(info.items) == 4 and not copied.left_out
