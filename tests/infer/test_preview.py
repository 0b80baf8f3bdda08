"""Live previews of images being generated: like them, small, and without effect on them."""

from __future__ import annotations

import base64
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from studio.diffusion.samplers import sampling_plan
from studio.families.base import Base
from studio.families.loading import load_base
from studio.infer import engine, preview
from studio.infer.engine import Watch
from studio.settings.training import GenerateSettings, Sampler
from tests.near import assert_near


def settings(**different: object) -> GenerateSettings:
    values = {"prompt": "a red cat", "steps": 6, "count": 3, "batch_size": 2, "seed": 5}
    return GenerateSettings.parse({**values, "preview_every": 2, **different})


@pytest.fixture(scope="module")
def starter_base(starter: Path) -> Base:
    return load_base(starter, "cpu", "fp32")


@pytest.mark.parametrize("sampler", ["DDIM", "DPM++ 2M SDE", "Heun"])
def test_previewing_changes_no_byte(sd1: Base, sampler: Sampler) -> None:
    previews: list[tuple[int, int]] = []
    looked = engine.generate(
        sd1,
        settings(sampler=sampler),
        Watch(on_preview=lambda place, images: previews.append((place, len(images)))),
    )
    evaluations = 11 if sampler == "Heun" else 6
    assert previews == [(0, 2)] * (evaluations // 2) + [(2, 1)] * (evaluations // 2)
    sd1.preview_factors = None
    for made, plain in zip(looked, engine.generate(sd1, settings(sampler=sampler)), strict=True):
        assert made.image.tobytes() == plain.image.tobytes()


def test_zero_never_previews_and_costs_nothing(sd1: Base) -> None:
    sd1.preview_factors = None
    engine.generate(
        sd1,
        settings(preview_every=0),
        Watch(on_preview=lambda *_: pytest.fail("nobody wanted to look")),
    )
    assert sd1.preview_factors is None


@pytest.mark.parametrize("sampler", ["DDIM", "Euler", "DPM++ 2M Karras", "DPM2", "LCM"])
def test_the_last_preview_is_like_the_image(starter_base: Base, sampler: Sampler) -> None:
    last: list[np.ndarray] = []
    (made,) = engine.generate(
        starter_base,
        settings(
            prompt="a red robot in the night sky", count=1, steps=8, preview_every=1,
            sampler=sampler,
        ),
        Watch(on_preview=lambda _, previews: last.append(np.asarray(previews[0]).astype(float))),
    )  # fmt: skip
    side = made.image.width // starter_base.latent_scale
    small = np.asarray(made.image.resize((side, side), Image.Resampling.BOX)).astype(float)
    assert last[-1].shape == small.shape
    assert np.corrcoef(last[-1].ravel(), small.ravel())[0, 1] > 0.8
    # it becomes: the first preview says less
    assert np.abs(last[0] - small).mean() > np.abs(last[-1] - small).mean()


def test_what_the_network_takes_for_the_image_is_the_samplers_own(sd2: Base) -> None:
    plan = sampling_plan(sd2, "DDIM", 4)
    generator = torch.Generator().manual_seed(0)
    inputs, prediction = (torch.randn(1, 4, 4, 4, generator=generator) for _ in "ab")
    theirs = plan.scheduler.step(prediction, plan.timesteps[1], inputs).pred_original_sample
    assert_near(plan.clean(prediction, 1, inputs), theirs)


def test_another_vae_gets_its_own_factors(sd1: Base) -> None:
    preview.factors(sd1)
    assert sd1.preview_factors is not None
    assert replace(sd1, vae=sd1.vae).preview_factors is None


def test_a_preview_is_small(starter_base: Base) -> None:
    noise = torch.randn(1, starter_base.latent_channels, 256, 192)
    (small,) = preview.small_images(starter_base, noise)
    assert small.size == (192, 256)
    url = preview.data_url(small)
    assert url.startswith("data:image/jpeg;base64,") and len(url) < 20_000
    with Image.open(io.BytesIO(base64.b64decode(url.split(",")[1]))) as opened:
        assert opened.size == (72, 96)
