"""What sampling begins with: noise between two seeds, and images that are generated from."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
from PIL import Image

from studio.core.errors import FileError
from studio.core.size import Size
from studio.families.base import Base
from studio.infer import engine, infotext
from studio.infer.init_latents import fitted, image_latents, initial_noise, opened, varied_noise
from studio.settings.training import GenerateSettings, Sampler
from tests.near import assert_near


def settings(**different: object) -> GenerateSettings:
    return GenerateSettings.parse(
        {"prompt": "a red cat", "steps": 4, "count": 1, "seed": 5, **different}
    )


def generated(base: Base, **different: object) -> np.ndarray:
    made = engine.generate(base, settings(**different))[0]
    return np.asarray(made.image).astype(int)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    colours = np.random.default_rng(3).integers(0, 255, (4, 8, 3), np.uint8)
    path = tmp_path / "wide.png"
    Image.fromarray(colours).resize((96, 48)).save(path)
    return path


def test_variation_is_the_web_uis_slerp(sd1: Base) -> None:
    low, high = (initial_noise(sd1, seed, Size(24, 32)) for seed in (5, 9))
    found = varied_noise(low, high, 0.3)
    # their formula, written out for one image [C, h, w]
    a, b = low[0], high[0]
    dot = ((a / a.norm(dim=1, keepdim=True)) * (b / b.norm(dim=1, keepdim=True))).sum(1)
    omega = torch.acos(dot)
    first = (torch.sin(0.7 * omega) / torch.sin(omega)).unsqueeze(1) * a
    second = (torch.sin(0.3 * omega) / torch.sin(omega)).unsqueeze(1) * b
    assert_near(found[0], first + second)
    assert varied_noise(low, high, 0.0) is low
    assert_near(varied_noise(low, high, 1.0), high)


def test_variations_share_the_seed_and_count_up_their_own(sd1: Base) -> None:
    plain = generated(sd1)
    assert np.array_equal(generated(sd1, variation_seed=77), plain)
    images = engine.generate(sd1, settings(count=2, variation_strength=0.2, variation_seed=8))
    assert [image.seed for image in images] == [5, 5]
    blocks = [infotext.parse(image.parameters).pairs for image in images]
    assert [block["Variation seed"] for block in blocks] == ["8", "9"]
    second = infotext.read(images[1].parameters)
    again = generated(sd1, variation_seed=second["variation_seed"], variation_strength=0.2)
    found = np.asarray(images[1].image).astype(int)
    assert np.abs(found - again).max() <= 2
    near, far = (generated(sd1, variation_seed=9, variation_strength=s) for s in (0.05, 0.6))
    assert np.abs(near - plain).mean() < np.abs(far - plain).mean()


def test_an_image_fills_the_size_and_is_cut_evenly(sd1: Base, image: Path) -> None:
    latents = image_latents(sd1, str(image), Size(32, 32))
    assert latents.shape == (1, 4, 16, 16)
    middle = image.with_name("middle.png")
    with Image.open(image) as opened:
        opened.crop((24, 0, 72, 48)).save(middle)
    torch.testing.assert_close(
        latents, image_latents(sd1, str(middle), Size(32, 32)), atol=0.05, rtol=0
    )
    clear = image.with_name("clear.png")
    Image.new("RGBA", (8, 8), (255, 0, 0, 0)).save(clear)
    white = image.with_name("white.png")
    Image.new("RGB", (8, 8), "white").save(white)
    assert torch.equal(*(image_latents(sd1, str(path), Size(32, 32)) for path in (clear, white)))


def test_an_image_of_other_proportions_is_cut_continued_or_stretched(image: Path) -> None:
    wide = opened(str(image))
    found = {
        fit: np.asarray(fitted(wide, Size(32, 32), fit)).astype(int)
        for fit in ("crop", "pad", "stretch")
    }
    assert all(pixels.shape == (32, 32, 3) for pixels in found.values())
    whole = np.asarray(wide.resize((32, 16), Image.Resampling.LANCZOS)).astype(int)
    assert np.abs(found["pad"][8:24] - whole).max() <= 2
    assert np.array_equal(found["pad"][0], found["pad"][8])
    assert np.array_equal(found["pad"][31], found["pad"][23])
    middle = wide.crop((24, 0, 72, 48)).resize((32, 32), Image.Resampling.LANCZOS)
    assert np.abs(found["crop"] - np.asarray(middle).astype(int)).max() <= 2
    assert np.array_equal(
        found["stretch"], np.asarray(wide.resize((32, 32), Image.Resampling.LANCZOS))
    )


def test_the_fit_is_in_the_settings_and_comes_back(sd1: Base, image: Path) -> None:
    blocks = {}
    images = []
    for fit in ("crop", "pad", "stretch"):
        (made,) = engine.generate(sd1, settings(image=str(image), fit=fit))
        blocks[fit] = infotext.read(made.parameters).get("fit", "crop")
        images.append(np.asarray(made.image).tobytes())
    assert blocks == {fit: fit for fit in blocks} and len(set(images)) == 3


@pytest.mark.parametrize("family", ["sd1", "sd2", "sdxl"])
def test_from_nothing_to_everything_anew(
    family: str, image: Path, request: pytest.FixtureRequest
) -> None:
    base: Base = request.getfixturevalue(family)
    latents = image_latents(base, str(image), Size(32, 32))
    itself = (base.decode_latents(latents)[0] * 255).round().permute(1, 2, 0).int().numpy()
    assert np.array_equal(generated(base, image=str(image), denoising_strength=0), itself)
    little, much, all_ = (
        np.abs(
            generated(base, image=str(image), denoising_strength=part, guidance=1.0) - itself
        ).mean()
        for part in (0.25, 0.75, 1.0)
    )
    assert 0 < little < much
    assert all_ > little


@pytest.mark.parametrize("sampler", get_args(Sampler))
def test_every_sampler_begins_at_an_image(sd2: Base, sampler: Sampler, image: Path) -> None:
    more = {"sampler": sampler, "image": str(image), "denoising_strength": 0.5, "steps": 5}
    first, second = engine.generate(sd2, settings(count=2, **more))
    found = np.asarray(second.image).astype(int)
    assert np.abs(found - generated(sd2, seed=6, **more)).max() <= 2
    assert not np.array_equal(np.asarray(first.image), found)
    assert found.std() > 5
    assert not np.array_equal(found, generated(sd2, seed=6, sampler=sampler, steps=5))
    flat = image.with_name("flat.png")
    Image.new("RGB", (32, 32), "red").save(flat)
    assert not np.array_equal(found, generated(sd2, seed=6, **{**more, "image": str(flat)}))


def test_progress_counts_what_is_left(sd1: Base, image: Path) -> None:
    seen: list[tuple[int, int]] = []
    for denoising, sampler in ((0.5, "DDIM"), (0.5, "Heun"), (0.01, "DDIM"), (0.0, "DDIM")):
        engine.generate(
            sd1,
            settings(image=str(image), denoising_strength=denoising, sampler=sampler),
            engine.Watch(lambda done, total, _: seen.append((done, total))),
        )
    assert seen == [(1, 2), (2, 2), (1, 3), (2, 3), (3, 3), (1, 1)]


def test_a_file_that_is_no_image(sd1: Base, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("Dear studio")
    with pytest.raises(FileError):
        generated(sd1, image=str(tmp_path / "a.png"))
