"""Hires fix: a second pass at a larger size, by every upscaler, on every sampler's own terms."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional

from studio.core.errors import SettingsError
from studio.core.size import Size
from studio.families.base import Base
from studio.infer import engine, infotext
from studio.infer.decoding import decoded
from studio.infer.hires import enlarged, larger, schedule_steps
from studio.infer.init_latents import latents_of
from studio.settings.training import GenerateSettings, HiresSettings, Sampler, Upscaler

UPSCALERS: tuple[Upscaler, ...] = get_args(Upscaler)


def settings(**different: Any) -> GenerateSettings:
    return GenerateSettings.parse(
        {"prompt": "a red cat", "steps": 4, "count": 1, "seed": 5, **different}
    )


def generated(base: Base, **different: Any) -> np.ndarray:
    return np.asarray(engine.generate(base, settings(**different))[0].image).astype(int)


@pytest.mark.parametrize("family", ["sd1", pytest.param("sd2", marks=pytest.mark.slow), "sdxl"])
def test_every_upscaler_makes_another_larger_image(
    family: str, request: pytest.FixtureRequest
) -> None:
    base: Base = request.getfixturevalue(family)
    plain = generated(base)
    seen = set()
    for upscaler in UPSCALERS:
        hires = {"upscale": 1.5, "upscaler": upscaler, "denoising_strength": 0.6}
        found = generated(base, hires=hires)
        assert found.shape == (48, 48, 3)
        assert np.array_equal(found, generated(base, hires=hires))
        seen.add(found.tobytes())
    assert len(seen) == len(UPSCALERS)
    assert np.array_equal(generated(base, hires={"upscale": 1}), plain)


def test_strength_zero_only_enlarges(sd1: Base) -> None:
    (first,) = engine.generate(sd1, settings())
    large = first.image.resize((64, 64), Image.Resampling.LANCZOS)
    expected = decoded(sd1, latents_of(sd1, large), Size(64, 64))[0].numpy().astype(int)
    found = generated(sd1, hires={"upscale": 2, "denoising_strength": 0})
    assert np.abs(found - expected).max() <= 1
    less, more = (
        np.abs(generated(sd1, hires={"upscale": 2, "denoising_strength": s}) - expected).mean()
        for s in (0.25, 0.75)
    )
    assert 0 < less < more


def test_latents_are_enlarged_as_torch_does_it(sd1: Base) -> None:
    latents = torch.randn(2, 4, 16, 16, generator=torch.Generator().manual_seed(0))
    modes = {"Latent": "bilinear", "Latent (nearest)": "nearest", "Latent (bicubic)": "bicubic"}
    for upscaler, mode in modes.items():
        found = enlarged(sd1, latents, Size(48, 40), upscaler)  # type: ignore[arg-type]
        assert torch.equal(found, functional.interpolate(latents, (20, 24), mode=mode))


@pytest.mark.parametrize("sampler", get_args(Sampler))
def test_every_sampler_has_a_second_pass(sd1: Base, sampler: Sampler) -> None:
    hires = {"upscale": 1.25, "steps": 3, "denoising_strength": 0.5}
    first, second = engine.generate(sd1, settings(sampler=sampler, hires=hires, count=2))
    assert first.image.size == (40, 40)
    found = np.asarray(second.image).astype(int)
    assert np.abs(found - generated(sd1, sampler=sampler, hires=hires, seed=6)).max() <= 2


def test_its_steps_are_all_taken(sd1: Base) -> None:
    assert schedule_steps(HiresSettings(steps=10, denoising_strength=0.4), 20) == 25
    assert schedule_steps(HiresSettings(denoising_strength=0.5), 20) == 40
    assert schedule_steps(HiresSettings(denoising_strength=1), 20) == 20
    assert schedule_steps(HiresSettings(denoising_strength=0), 20) == 20
    assert schedule_steps(HiresSettings(denoising_strength=0.001), 20) == 1000
    seen: list[tuple[int, int]] = []
    for strength in (0.3, 0.35, 0.7):
        hires = {"upscale": 1.5, "steps": 3, "denoising_strength": strength}
        watch = engine.Watch(lambda done, total, _: seen.append((done, total)))
        engine.generate(sd1, settings(hires=hires), watch)
    assert seen == 3 * [(k, 7) for k in range(1, 8)]


def test_sizes_are_whole_latents(sd1: Base) -> None:
    assert larger(Size(512, 768), 1.5, 8) == Size(768, 1152)
    assert larger(Size(512, 712), 1.1, 8) == Size(560, 784)
    assert generated(sd1, width=32, height=24, hires={"upscale": 1.3}).shape == (32, 42, 3)
    with pytest.raises(SettingsError, match="not possible"):
        generated(sd1, width=33, hires={"upscale": 1.3})
    with pytest.raises(SettingsError, match="cannot be 9"):
        settings(hires={"upscale": 9})


def test_a_prompt_schedule_counts_the_steps_of_its_pass(sd1: Base) -> None:
    hires = {"upscale": 1.5, "steps": 9, "denoising_strength": 0.5}
    prompts = ("[a cat:a dog:0.5]", "a cat", "a dog")
    found = [generated(sd1, prompt=prompt, hires=hires) for prompt in prompts]
    assert len({image.tobytes() for image in found}) == 3


@pytest.mark.parametrize("begins", [False, True])
def test_the_settings_come_back(sd1: Base, tmp_path: Path, begins: bool) -> None:
    hires = {"upscale": 1.5, "upscaler": "Latent", "steps": 3, "denoising_strength": 0.55}
    more: dict[str, Any] = {"hires": hires}
    if begins:
        Image.new("RGB", (32, 32), "red").save(tmp_path / "a.png")
        more |= {"image": str(tmp_path / "a.png"), "denoising_strength": 0.7}
    (made,) = engine.generate(sd1, settings(**more))
    pairs = infotext.parse(made.parameters).pairs
    said = {"Hires upscale": "1.5", "Hires upscaler": "Latent", "Hires steps": "3"}
    assert pairs.items() >= said.items() and pairs["Size"] == "32x32"
    assert pairs["Denoising strength"] == ("0.7" if begins else "0.55")
    back = infotext.read(made.parameters)
    assert GenerateSettings.parse({"hires": back["hires"]}).hires == HiresSettings.parse(hires)
    assert back.get("denoising_strength") == (0.7 if begins else None)


@pytest.mark.parametrize(
    "inpaint",
    [
        {"area": "masked", "padding": 12, "blur": 3},
        {"area": "whole", "blur": 0},
        {"area": "masked", "padding": 32, "blur": 4, "prompt": "a dog, small: red"},
    ],
)
def test_the_settings_of_a_mask_come_back(
    sd1: Base, tmp_path: Path, inpaint: dict[str, Any]
) -> None:
    mask = Image.new("L", (32, 32), 0)
    mask.paste(255, (4, 4, 20, 20))
    mask.save(tmp_path / "m.png")
    (made,) = engine.generate(
        sd1, settings(inpaint={**inpaint, "mask": str(tmp_path / "m.png")}, denoising_strength=0.7)
    )
    pairs = infotext.parse(made.parameters).pairs
    assert pairs["Mask blur"] == str(inpaint["blur"]) and pairs["Denoising strength"] == "0.7"
    assert pairs.get("Inpaint area") == ("Only masked" if inpaint["area"] == "masked" else None)
    assert str(tmp_path) not in made.parameters
    back = infotext.read(made.parameters)
    kept = back["inpaint"].pop("mask")
    assert kept.startswith("mask-") and "/" not in kept, "named by its content, no place on a disk"
    assert back["inpaint"] == inpaint and back["denoising_strength"] == 0.7


def test_what_another_program_wrote_out_of_range() -> None:
    text = (
        "a cat\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, Size: 512x512, Denoising strength: "
        "0.4, Hires upscale: 8, Hires steps: 12, Hires upscaler: Latent (nearest-exact), Mask blur: "
        "900, Inpaint area: Only masked, Masked area padding: 16, Version: v1.9.4"
    )
    found = infotext.read(text)
    assert found["hires"] == {
        "steps": 12,
        "upscaler": "Latent (nearest)",
        "denoising_strength": 0.4,
    }
    assert found["inpaint"] == {"area": "masked", "padding": 16}
