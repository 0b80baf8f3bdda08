"""Inside a mask the image is inpainted, outside of it not a bit changes; bases made for it know how."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch
from PIL import Image

from studio.core.errors import FileError, InputError, Interrupted, SettingsError
from studio.core.size import Size
from studio.families.base import Base
from studio.infer import engine, infotext
from studio.infer.init_latents import latents_of, pixels_of
from studio.infer.inpainting import Canvas
from studio.infer.mask import feathered, read_mask, region, working_size
from studio.infer.options import Job, SamplingOptions
from studio.infer.passes import Extent, Pass
from studio.settings.training import GenerateSettings, Sampler
from tests.near import assert_near
from tests.tiny import write_tiny_lora

pytestmark = pytest.mark.filterwarnings("ignore")


def settings(**different: Any) -> GenerateSettings:
    usual = {"prompt": "a red cat", "steps": 4, "count": 1, "seed": 5, "denoising_strength": 0.75}
    return GenerateSettings.parse({**usual, **different})


def generated(base: Base, **different: Any) -> np.ndarray:
    return np.asarray(engine.generate(base, settings(**different))[0].image).astype(int)


def noise_image(path: Path, size: tuple[int, int], seed: int = 3) -> Path:
    width, height = size
    colours = np.random.default_rng(seed).integers(0, 255, (height, width, 3), np.uint8)
    Image.fromarray(colours).save(path)
    return path


def mask_image(path: Path, size: tuple[int, int], box: tuple[int, int, int, int]) -> Path:
    mask = Image.new("L", size, 0)
    mask.paste(255, box)
    mask.save(path)
    return path


@pytest.fixture
def image(tmp_path: Path) -> Path:
    return noise_image(tmp_path / "image.png", (70, 50))


@pytest.fixture
def mask(tmp_path: Path) -> Path:
    return mask_image(tmp_path / "mask.png", (70, 50), (20, 11, 41, 33))


def inside(mask: Path) -> np.ndarray:
    with Image.open(mask) as opened:
        return np.asarray(opened) > 127


@pytest.mark.parametrize("area", ["masked", "whole"])
@pytest.mark.parametrize("name", ["sd1", "sdxl", "inpainting"])
def test_outside_of_the_mask_every_byte_stays(
    name: str, area: str, image: Path, mask: Path, request: pytest.FixtureRequest
) -> None:
    base: Base = request.getfixturevalue(name)
    before = np.asarray(Image.open(image)).astype(int)
    for blur in (0, 4):
        inpaint = {"mask": str(mask), "area": area, "padding": 5, "blur": blur}
        found = generated(base, image=str(image), inpaint=inpaint)
        assert found.shape == before.shape, "the image keeps its size"
        where = inside(mask)
        assert np.array_equal(found[~where], before[~where])
        changed = np.abs(found - before).max(axis=-1) > 0
        assert changed[where].mean() > 0.9


SAMPLERS: dict[Sampler, tuple[str, dict[str, Any]]] = {
    "DDIM": ("DDIMScheduler", {"clip_sample": False}),
    "Euler": ("EulerDiscreteScheduler", {}),
    "Euler a": ("EulerAncestralDiscreteScheduler", {}),
    "DPM++ 2M Karras": ("DPMSolverMultistepScheduler", {"use_karras_sigmas": True}),
    "Heun": ("HeunDiscreteScheduler", {}),
}


@pytest.mark.parametrize("strength", [1.0, 0.6])
@pytest.mark.parametrize("sampler", list(SAMPLERS))
@pytest.mark.parametrize("name", ["sd1", "inpainting"])
def test_the_same_latents_as_diffusers(
    name: str,
    sampler: Sampler,
    strength: float,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Theirs draws the image's latents at random from the VAE; here both take the mean."""
    import diffusers
    from diffusers.pipelines.stable_diffusion import pipeline_stable_diffusion_inpaint as module

    monkeypatch.setattr(module, "retrieve_latents", lambda found, **_: found.latent_dist.mode())
    base: Base = request.getfixturevalue(name)
    # a base that reads no mask keeps every latent the mask touches: theirs those of its corners
    box = (6, 10, 22, 26) if name == "sd1" else (5, 9, 22, 27)
    image = Image.open(noise_image(tmp_path / "a.png", (32, 32))).convert("RGB")
    masked = Image.open(mask_image(tmp_path / "m.png", (32, 32), box))
    made = diffusers.StableDiffusionInpaintPipeline.from_pretrained(base.path, safety_checker=None)
    made.set_progress_bar_config(disable=True)
    kind, more = SAMPLERS[sampler]
    made.scheduler = getattr(diffusers, kind).from_config(made.scheduler.config, **more)
    theirs = made(
        "a red cat", image, masked, strength=strength, negative_prompt="sky",
        num_inference_steps=5, guidance_scale=4.0, generator=torch.Generator().manual_seed(5),
        height=32, width=32, output_type="latent",
    ).images  # fmt: skip
    white = torch.from_numpy((np.asarray(masked) > 127).astype(np.float32))[None, None]
    canvas = Canvas(pixels_of(image), white)
    options = SamplingOptions(steps=5, guidance=4.0, sampler=sampler, negative_prompt="sky")
    one = Pass(base, [Job("a red cat", 5)], options, Extent(Size(32, 32), 5, strength), canvas)
    latents, evaluations = one.begin([0], None)
    for evaluation in evaluations:
        latents = evaluation.latents
    assert_near(latents, theirs)


@pytest.mark.parametrize("strength", [1.0, 0.5])
@pytest.mark.parametrize("sampler", get_args(Sampler))
def test_every_sampler_keeps_the_latents_outside(
    sd1: Base, sampler: Sampler, strength: float, tmp_path: Path
) -> None:
    """At the end they are those of the image, whatever the sampler adds on its way."""
    image = Image.open(noise_image(tmp_path / "a.png", (32, 32))).convert("RGB")
    masked = Image.open(mask_image(tmp_path / "m.png", (32, 32), (8, 8, 20, 24)))
    white = torch.from_numpy((np.asarray(masked) > 127).astype(np.float32))[None, None]
    canvas = Canvas(pixels_of(image), white)
    options = SamplingOptions(steps=6, guidance=3.0, sampler=sampler)
    one = Pass(sd1, [Job("a cat", 5)], options, Extent(Size(32, 32), 6, strength), canvas)
    latents, evaluations = one.begin([0], None)
    for evaluation in evaluations:
        latents = evaluation.latents
        assert bool(latents.isfinite().all())
    known, small = latents_of(sd1, image), white[..., ::2, ::2] > 0
    assert_near((latents * ~small), known * ~small)
    assert float(((latents - known) * small).abs().max()) > 0.1


def test_a_flow_base_inpaints_and_has_a_second_pass(sd1: Base, tmp_path: Path) -> None:
    flow = replace(sd1, prediction_type="flow_prediction", scheduler_config={"shift": 3.0})
    image = noise_image(tmp_path / "a.png", (32, 32))
    mask = mask_image(tmp_path / "m.png", (32, 32), (8, 8, 20, 24))
    before = np.asarray(Image.open(image)).astype(int)
    found = generated(flow, image=str(image), inpaint={"mask": str(mask)}, sampler="Euler")
    assert np.array_equal(found[~inside(mask)], before[~inside(mask)])
    assert not np.array_equal(found[inside(mask)], before[inside(mask)])
    plain = generated(flow, sampler="Euler")
    large = generated(flow, sampler="Euler", hires={"upscale": 1.5, "upscaler": "Latent"})
    assert large.shape[0] * 2 == plain.shape[0] * 3


def test_an_inpainting_base_also_generates_from_text(inpainting: Base, image: Path) -> None:
    first, second = engine.generate(inpainting, settings(count=2))
    assert not np.array_equal(np.asarray(first.image), np.asarray(second.image))
    assert np.asarray(first.image).std() > 5
    start = generated(inpainting, image=str(image), denoising_strength=0.5)
    assert not np.array_equal(start, np.asarray(first.image))
    assert generated(inpainting, hires={"upscale": 1.5}).shape == (48, 48, 3)


def test_the_mask_has_a_stack_and_a_prompt_of_its_own(sd1: Base, tmp_path: Path) -> None:
    """A second pass on what was just generated: the adapter acts inside alone."""
    lora = write_tiny_lora(tmp_path / "zorp.safetensors", sd1)
    masked = mask_image(tmp_path / "m.png", (32, 32), (8, 8, 20, 24))
    plain = generated(sd1)
    stack = [{"path": str(lora), "strength": 0.8}]
    inpaint = {"mask": str(masked), "prompt": "a dog", "stack": stack}
    (made,) = engine.generate(sd1, settings(inpaint=inpaint))
    found, where = np.asarray(made.image).astype(int), inside(masked)
    assert np.array_equal(found[~where], plain[~where])
    assert not np.array_equal(found[where], plain[where])
    assert [report.path for report in made.reports] == [lora]
    for other in ({**inpaint, "stack": []}, {**inpaint, "prompt": ""}, {"mask": str(masked)}):
        again = generated(sd1, inpaint=other)
        assert np.array_equal(again[~where], plain[~where])
        assert not np.array_equal(again[where], found[where])
    back = infotext.read(made.parameters)
    assert back["prompt"] == "a red cat" and "stack" not in back
    assert back["inpaint"]["prompt"] == "a dog"
    assert back["inpaint"]["stack"] == [
        {"path": "zorp.safetensors", "strength": 0.8, "text_strength": None}
    ]


def test_every_image_of_a_batch_is_inpainted_from_itself(sd1: Base, tmp_path: Path) -> None:
    masked = mask_image(tmp_path / "m.png", (32, 32), (8, 8, 20, 24))
    where = inside(masked)
    inpaint = {"mask": str(masked), "prompt": "a dog"}
    heard: list[int] = []
    seen: list[float] = []
    watch = engine.Watch(
        lambda done, total, _: seen.append(done / total),
        on_images=lambda images: heard.append(len(images)),
    )
    both = engine.generate(sd1, settings(count=3, batch_size=2, inpaint=inpaint), watch)
    assert [made.seed for made in both] == [5, 6, 7] and heard == [2, 1]
    assert seen == sorted(seen) and seen[-1] == 1
    for made in both:
        alone = generated(sd1, seed=made.seed)
        found = np.asarray(made.image).astype(int)
        assert np.abs(found[~where] - alone[~where]).max() <= 2  # a neighbour changes rounding only
        assert np.abs(found[where] - alone[where]).max() > 2


def test_an_image_is_inpainted_by_the_masked_pass_alone(
    sd1: Base, image: Path, mask: Path, tmp_path: Path
) -> None:
    """Its own prompt and stack are then all there is, and the text block says so."""
    lora = write_tiny_lora(tmp_path / "zorp.safetensors", sd1)
    stack = [{"path": str(lora)}]
    place = {"mask": str(mask)}
    one = settings(
        image=str(image), inpaint={**place, "prompt": "a dog", "stack": stack}, hires={"upscale": 2}
    )
    other = settings(image=str(image), prompt="a dog", stack=stack, inpaint=place)
    (first,), (second,) = engine.generate(sd1, one), engine.generate(sd1, other)
    assert np.array_equal(np.asarray(first.image), np.asarray(second.image))
    assert first.parameters == second.parameters
    assert "Hires" not in first.parameters and "Inpaint prompt" not in first.parameters


def test_nothing_is_too_thin(sd1: Base, image: Path, tmp_path: Path) -> None:
    before = np.asarray(Image.open(image)).astype(int)
    thin = mask_image(tmp_path / "thin.png", (70, 50), (21, 3, 22, 47))
    found = generated(
        sd1, image=str(image), inpaint={"mask": str(thin), "area": "whole", "blur": 8}
    )
    changed = np.abs(found - before).max(axis=-1) > 0
    assert changed[:, 21].sum() > 35 and not changed[~inside(thin)].any()


def test_strength_zero_and_being_stopped(sd1: Base, image: Path, mask: Path) -> None:
    inpaint = {"mask": str(mask)}
    kept = generated(sd1, image=str(image), inpaint=inpaint, denoising_strength=0)
    before = np.asarray(Image.open(image)).astype(int)
    assert np.array_equal(kept[~inside(mask)], before[~inside(mask)])
    with pytest.raises(Interrupted):
        engine.generate(
            sd1, settings(image=str(image), inpaint=inpaint), engine.Watch(cancelled=lambda: True)
        )


def test_masks_that_make_no_sense(sd1: Base, image: Path, tmp_path: Path) -> None:
    size = (70, 50)
    empty = mask_image(tmp_path / "b.png", size, (0, 0, 0, 0))
    text = tmp_path / "d.png"
    text.write_text("Dear studio")
    wrong: list[tuple[Path, type[InputError], str]] = [
        (mask_image(tmp_path / "a.png", (32, 32), (0, 0, 9, 9)), SettingsError, "another size"),
        (empty, InputError, "The mask is empty"),
        (mask_image(tmp_path / "c.png", size, (0, 0, 70, 50)), InputError, "covers the whole"),
        (text, FileError, ""),
    ]
    for path, kind, words in wrong:
        with pytest.raises(kind, match=words):
            generated(sd1, image=str(image), inpaint={"mask": str(path)})
    seen: list[int] = []
    watch = engine.Watch(lambda done, total, _: seen.append(done))
    with pytest.raises(SettingsError, match=r"It is 70 × 50 px, the image 32 × 32 px"):
        engine.generate(sd1, settings(inpaint={"mask": str(empty)}), watch)
    assert seen == [], "it is said before the first pass"


def test_what_is_cut_out() -> None:
    mask = Image.new("L", (100, 60), 0)
    mask.paste(255, (40, 20, 50, 26))
    square = Size(64, 64)
    assert region(mask, "whole", 5, square) == (0, 0, 100, 60)
    left, top, right, bottom = region(mask, "masked", 5, square)
    assert right - left == bottom - top == 20 and left <= 35 and top <= 15
    assert region(mask, "masked", 1000, square) == (0, 0, 100, 60)
    corner = Image.new("L", (100, 60), 0)
    corner.paste(255, (0, 0, 30, 4))
    assert region(corner, "masked", 0, square) == (0, 0, 30, 30)
    assert working_size((0, 0, 20, 20), square, 8) == (64, 64)
    assert working_size((0, 0, 200, 50), square, 8) == (128, 32)
    assert working_size((0, 0, 500, 1), Size(16, 16), 8)[1] == 8


def test_the_soft_edge_lies_inside() -> None:
    mask = Image.new("L", (40, 40), 0)
    mask.paste(255, (10, 10, 30, 30))
    seen = np.asarray(feathered(mask, 4)).astype(int)
    assert not seen[np.asarray(mask) == 0].any()
    assert seen[20, 9:15].tolist() == [0, 63, 127, 191, 255, 255]
    assert np.array_equal(np.asarray(feathered(mask, 0)), np.asarray(mask))


def test_a_mask_may_be_transparent_or_grey(tmp_path: Path) -> None:
    clear = Image.new("RGBA", (8, 4), (255, 255, 255, 0))
    clear.paste((255, 255, 255, 255), (2, 1, 4, 3))
    clear.save(tmp_path / "clear.png")
    assert read_mask(str(tmp_path / "clear.png"), (8, 4)).getbbox() == (2, 1, 4, 3)
    grey = Image.new("L", (8, 4), 100)
    grey.paste(200, (2, 1, 4, 3))
    grey.save(tmp_path / "grey.png")
    assert read_mask(str(tmp_path / "grey.png"), (8, 4)).getbbox() == (2, 1, 4, 3)
