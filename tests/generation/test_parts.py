"""Batches whose prompts hold choices: each image its own, the same again, nothing resolved twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from studio.app import Studio
from studio.core.errors import MissingError
from studio.families.loading import load_base
from studio.formats.images import read_parameters
from studio.generation.parts import parts
from studio.infer import infotext
from studio.library.image_settings import as_written, image_settings
from studio.settings.grid import Axis, GridSettings
from studio.settings.lanes import LanesSettings
from studio.settings.training import GenerateSettings
from tests.tiny import write_tiny_lora


def settings(prompt: str = "a cat", **more: Any) -> GenerateSettings:
    values = {"base": "tiny", "device": "cpu", "steps": 2, "count": 3, "batch_size": 2}
    return GenerateSettings.parse({**values, "prompt": prompt, **more})


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


@pytest.fixture(autouse=True)
def wildcards(studio: Studio) -> None:
    (studio.workspace.wildcards / "animal.txt").write_text("cat\ndog\nred fox\n")


def test_images_carry_what_was_chosen_and_the_template(studio: Studio) -> None:
    template = "a {big|small} __animal__"
    seen: list[tuple[int, int]] = []

    def on_progress(done: int, total: int, text: str = "") -> None:
        seen.append((done, total))

    made = studio.generation.generate(
        settings(template, count=5, negative_prompt="{dark|bright}"),
        on_progress,
    )
    assert [image.seed for image in made.images] == [1, 2, 3, 4, 5]
    assert len({image.prompt for image in made.images}) > 1
    assert all("{" not in p.prompt and "__" not in p.prompt for p in made.images)
    shares = [done / total for done, total in seen if total]
    assert shares == sorted(shares) and shares[-1] == 1
    for image in made.images:
        block = infotext.parse(read_parameters(image.path) or "")
        assert block.prompt == image.prompt and block.negative_prompt in ("dark", "bright")
        assert block.pairs["Template"] == template
        assert block.pairs["Negative Template"] == "{dark|bright}"
    again = studio.generation.generate(settings(template, negative_prompt="{dark|bright}"))
    for old, new in zip(made.images, again.images, strict=False):
        assert old.prompt == new.prompt
    first = made.images[0]
    found = image_settings(first.path)
    assert found is not None
    back = studio.generation.generate(
        GenerateSettings.parse({**as_written(found.settings), "device": "cpu", "count": 1})
    )
    assert np.array_equal(pixels(back.images[0].path), pixels(first.path))


def test_an_image_of_before_there_were_choices_means_what_it_meant(studio: Studio) -> None:
    old = settings("a {big|small} __animal__", count=1, syntax=False)
    expected = studio.generation.generate(old).images[0]
    text = (read_parameters(expected.path) or "").replace("Emphasis: None, ", "")
    restored = as_written(infotext.read(text))
    assert restored["prompt"] == r"a \{big|small\} \__animal\__"
    found = studio.generation.generate(
        GenerateSettings.parse({**restored, "device": "cpu", "count": 1})
    )
    assert np.array_equal(pixels(found.images[0].path), pixels(expected.path))
    assert infotext.read(read_parameters(found.images[0].path) or "")["prompt"] == old.prompt


def test_a_choice_may_name_files_for_the_stack(studio: Studio) -> None:
    base = load_base(studio.workspace.bases / "tiny", "cpu")
    for seed, name in enumerate(("one", "two")):
        write_tiny_lora(studio.workspace.adapters / f"{name}.safetensors", base, seed=seed)
    found = parts(settings("a cat {<lora:one:1>|<lora:two:0.5>}", count=8), studio.library)
    used = {Path(part.settings.stack[0].path).stem for part in found}
    assert used == {"one", "two"} and all(len(part.settings.stack) == 1 for part in found)
    assert sum(len(part.jobs) for part in found) == 8
    made = studio.generation.generate(settings("a cat {<lora:one:1>|<lora:two:0.5>}", count=8))
    assert len(made.images) == 8 and len(made.reports) == 2
    assert {image.prompt for image in made.images} == {"a cat"}


def test_styles_act_in_batches_lanes_and_grids(studio: Studio) -> None:
    studio.library.styles.save("oil", "an oil painting of {prompt}", "photo")
    (image,) = studio.generation.generate(settings(count=1, styles=["oil"])).images
    said = infotext.read(image.parameters)
    assert (said["prompt"], said["negative_prompt"]) == ("an oil painting of a cat", "photo")
    asked = LanesSettings.parse(
        {"common": settings(count=1, styles=["oil"]).model_dump(), "lanes": [{}, {"prompt": "dog"}]}
    )
    made = studio.generation.generate_lanes(asked)
    assert [lane.batch.images[0].prompt for lane in made] == [
        "an oil painting of a cat",
        "an oil painting of dog",
    ]
    grid = studio.generation.grids.generate(
        GridSettings(
            generation=settings("a {big|small} __animal__", styles=["oil"]),
            x=Axis(kind="steps", values=["1", "2"]),
            y=Axis(kind="seed", values=["1", "2", "3"]),
        )
    )
    prompts = [[cell.prompt for cell in grid.cells if cell.y == y] for y in range(3)]
    assert all(len(set(row)) == 1 and "{" not in row[0] for row in prompts)
    assert all(row[0].startswith("an oil painting of a ") for row in prompts)


def test_what_is_missing_is_said_before_anything_is_loaded(studio: Studio) -> None:
    asked = settings("a __animals__", base="not here")
    with pytest.raises(MissingError, match="no wildcard “animals”"):
        studio.generation.generate(asked)
    with pytest.raises(MissingError, match="no style “oyl”"):
        studio.generation.generate(settings(base="not here", styles=["oyl"]))
    assert not list(studio.workspace.outputs.rglob("*.png"))
