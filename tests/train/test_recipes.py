"""A run on images with recipes and a run on their prepared copy end with the same weights."""

from __future__ import annotations

import random
from pathlib import Path

import torch
from PIL import Image

from studio.families.base import Base
from studio.formats.dataset import read_dataset
from studio.formats.image_recipe import ImageRecipe
from studio.library.image_preparing import RecipeBook
from studio.library.prepared_copy import export_prepared
from tests.matrix.conftest import make_trainer
from tests.train.conftest import QUIET, weights


def test_a_run_with_recipes_is_the_run_on_the_prepared_copy(tiny: Base, tmp_path: Path) -> None:
    folder = tmp_path / "original"
    folder.mkdir()
    for number in (1, 2):
        pixels = random.Random(number).randbytes(60 * 40 * 3)
        Image.frombytes("RGB", (60, 40), pixels).save(folder / f"{number}.png")
        (folder / f"{number}.txt").write_text("a cat")

    def trained(images: Path, cache: str) -> torch.Tensor:
        trainer = make_trainer(tiny, "lora", images, tmp_path / cache, *QUIET, "train.steps=2")
        trainer.run()
        return weights(trainer)

    plain = trained(folder, "one")
    recipes = {
        folder / "1.png": ImageRecipe(turn=90, crop=(0.0, 0.1, 0.7, 0.8)),
        folder / "2.png": ImageRecipe(angle=-3.0, flip=True),
    }
    RecipeBook().change(folder, recipes, "Preparing of 2 images")
    export_prepared(read_dataset(folder), tmp_path / "copy")
    with_recipes = trained(folder, "one")  # the cache of before is there, and is not used
    assert not torch.equal(with_recipes, plain)
    assert torch.equal(with_recipes, trained(tmp_path / "copy", "two"))
