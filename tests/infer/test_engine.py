"""Images depend on their settings and on nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from studio.adapters.cache import AdapterCache
from studio.core.errors import Interrupted, SettingsError
from studio.families.base import Base
from studio.infer import engine, infotext
from studio.infer.engine import Watch
from studio.infer.options import Job
from studio.settings.training import GenerateSettings, Sampler, StackItem
from tests.tiny import write_tiny_embedding, write_tiny_lora


def settings(**different: Any) -> GenerateSettings:
    values: dict[str, Any] = {
        "prompt": "a red cat",
        "negative_prompt": "sky",
        "count": 1,
        "steps": 3,
        "seed": 5,
    }
    return GenerateSettings.parse({**values, **different})


def pixels(made: engine.GeneratedImage) -> np.ndarray:
    return np.asarray(made.image).astype(int)


def one(base: Base, **different: Any) -> np.ndarray:
    return pixels(engine.generate(base, settings(**different))[0])


@pytest.mark.parametrize("family", ["sd1", "sd2", "sdxl"])
@pytest.mark.parametrize("sampler", get_args(Sampler))
def test_every_sampler_repeats_itself_on_every_family(
    family: str, sampler: Sampler, request: pytest.FixtureRequest
) -> None:
    base: Base = request.getfixturevalue(family)
    first, second = engine.generate(base, settings(sampler=sampler, count=2))
    assert pixels(first).shape == (32, 32, 3)
    assert pixels(first).std() > 5
    assert not np.array_equal(pixels(first), pixels(second))
    alone = one(base, sampler=sampler, seed=6)
    assert np.array_equal(alone, one(base, sampler=sampler, seed=6))
    assert np.abs(pixels(second) - alone).max() <= 2  # a neighbour changes rounding only


@pytest.mark.parametrize("sampler", ["DDIM", "DPM++ 2M SDE"])
def test_neighbours_in_a_batch_change_rounding_only(sd1: Base, sampler: Sampler) -> None:
    together = engine.generate(sd1, settings(sampler=sampler, count=5, batch_size=4))
    assert [image.seed for image in together] == [5, 6, 7, 8, 9]
    for image in together:
        alone = one(sd1, sampler=sampler, seed=image.seed)
        assert np.abs(pixels(image) - alone).max() <= 2


def test_pairs_of_prompts_and_seeds(sdxl: Base) -> None:
    long = "a red dog " * 40
    jobs = [Job("a cat", 1), Job(long, 2), Job("a dog", 3)]
    images = engine.generate(sdxl, settings(batch_size=8), jobs=jobs)
    assert [Job(image.prompt, image.seed) for image in images] == jobs
    for image in images:
        alone = one(sdxl, prompt=image.prompt, seed=image.seed)
        assert np.abs(pixels(image) - alone).max() <= 2


def test_seeds_count_past_the_end(sd1: Base) -> None:
    images = engine.generate(sd1, settings(seed=2**32 - 1, count=2, steps=1))
    assert [image.seed for image in images] == [2**32 - 1, 0]


def test_settings_matter(sd1: Base) -> None:
    plain = one(sd1)
    for different in (
        {"prompt": "house"}, {"negative_prompt": "dog"}, {"guidance": 9.0}, {"clip_skip": 1},
        {"steps": 4}, {"guidance": 1.0}, {"prompt": "a (red:1.5) cat"},
        {"prompt": "a red [cat:dog:1]"}, {"variation_strength": 0.2},
    ):  # fmt: skip
        assert not np.array_equal(plain, one(sd1, **different)), different
    # without guidance the negative prompt is not looked at
    assert np.array_equal(one(sd1, guidance=1.0), one(sd1, guidance=1.0, negative_prompt="dog"))


def test_sizes(sd1: Base) -> None:
    assert one(sd1, width=48, height=24).shape == (24, 48, 3)
    with pytest.raises(SettingsError, match=r"width 33 px.*multiples of 2 px.*Use 32 or 34"):
        one(sd1, width=33)


def test_progress_counts_every_step_once(sd1: Base) -> None:
    seen: list[tuple[int, int, str]] = []
    engine.generate(
        sd1,
        settings(count=3, batch_size=2),
        Watch(lambda *facts: seen.append(facts)),
    )
    assert [done for done, _, _ in seen] == [1, 2, 3, 4, 5, 6]
    assert {total for _, total, _ in seen} == {6}


def test_cancelling_stops_at_a_step_and_takes_the_stack_off(sd1: Base, tmp_path: Path) -> None:
    stack = [StackItem(path=str(write_tiny_lora(tmp_path / "a.safetensors", sd1)))]
    plain = one(sd1)
    steps: list[int] = []
    with pytest.raises(Interrupted):
        engine.generate(
            sd1,
            settings(stack=stack),
            Watch(lambda done, *_: steps.append(done), lambda: len(steps) == 2),
        )
    assert steps == [1, 2]
    assert np.array_equal(one(sd1), plain)


def test_training_may_happen_between_steps(sd1: Base) -> None:
    """A callback that trains must not find itself in inference mode, nor disturb the image."""
    import torch

    plain = one(sd1)

    def train(*_: Any) -> None:
        weight = torch.ones(3, requires_grad=True)
        (weight * 2).sum().backward()
        assert weight.grad is not None

    image = engine.generate(sd1, settings(), Watch(train))[0]
    assert np.array_equal(pixels(image), plain)


@pytest.mark.parametrize("family", ["sd1", "sdxl"])
def test_after_any_stack_the_same_seed_gives_the_same_bytes(
    family: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    base: Base = request.getfixturevalue(family)
    lora = write_tiny_lora(tmp_path / "a.safetensors", base, ("to_q", "q_proj"),
                           tuple(base.components()))  # fmt: skip
    word = write_tiny_embedding(tmp_path / "zorp.safetensors", base)
    before = one(base, prompt="a zorp")
    cache = AdapterCache()
    for stack in ([lora], [word], [word, lora]):
        items = [StackItem(path=str(path)) for path in stack]
        generated = engine.generate(base, settings(prompt="a zorp", stack=items), cache=cache)[0]
        assert not np.array_equal(pixels(generated), before)
        assert np.array_equal(one(base, prompt="a zorp"), before)
        assert len(generated.reports) == len(items)


def test_an_image_says_how_it_was_made(sd1: Base, tmp_path: Path) -> None:
    word = write_tiny_embedding(tmp_path / "zorp.safetensors", sd1)
    lora = write_tiny_lora(tmp_path / "some lora.safetensors", sd1)
    stack = [
        StackItem(path=str(lora), strength=0.8, text_strength=0.5),
        StackItem(path=str(word)),
        StackItem(path=str(lora), enabled=False),
    ]
    made = settings(count=2, stack=stack, sampler="DPM++ 2M Karras", clip_skip=1, guidance=6.5)
    images = engine.generate(sd1, made)
    block = infotext.parse(images[1].parameters)
    assert block.pairs["Lora hashes"].startswith("some lora: ")
    assert block.pairs["TI hashes"].startswith("zorp: ")
    assert block.pairs["Model hash"] == sd1.hash[:10]
    found = infotext.read(images[1].parameters)
    assert found["seed"] == 6
    paths = {"some lora.safetensors": str(lora), "zorp.safetensors": str(word)}
    found["stack"] = [{**entry, "path": paths[entry["path"]]} for entry in found["stack"]]
    again = GenerateSettings.parse({**found, "count": 1})
    assert np.abs(pixels(engine.generate(sd1, again)[0]) - pixels(images[1])).max() <= 2


def test_half_precision_generates_nearly_the_same_image(sd1_folder: Path, sd1: Base) -> None:
    from studio.families.loading import load_base

    half = load_base(sd1_folder, "cpu", "bf16")
    found, expected = one(half), one(sd1)
    assert np.abs(found - expected).mean() < 4
