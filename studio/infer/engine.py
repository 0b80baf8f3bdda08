"""From settings to pictures: encode, denoise, decode, with a stack of adapters on the base.

Owns: the sampling loop, batches, seeds, progress, interruption. Refuses to know: where pictures
are stored, what adapters do, which family the base is, what a prompt's brackets mean.

The same settings on the same machine give the same bytes. A picture depends on its own prompt
and seed; its neighbours in a batch change it by rounding only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from PIL import Image
from torch import Tensor

from studio.adapters.base import Report
from studio.adapters.cache import AdapterCache
from studio.adapters.loading import load_adapter
from studio.adapters.stack import applied
from studio.core.errors import InputError, Interrupted, SettingsError
from studio.diffusion.samplers import sampling_plan
from studio.families.base import Base, Conditioning
from studio.infer import infotext, preview
from studio.infer.init_latents import initial_noise, picture_latents, varied_noise
from studio.infer.prompt_schedule import Pair, alike, scripts, together
from studio.settings.training import GenerateSettings, Sampler, StackItem, Tiles

_DECODED_AT_ONCE = 1 << 20
"""Pixels."""

Progress = Callable[[int, int, str], None]
Looks = Callable[[int, list[Image.Image]], None]
"""Called with the place of a batch's first picture, and what its pictures look like so far."""


@dataclass(frozen=True)
class Job:
    """What one picture is drawn from."""

    prompt: str
    seed: int
    variation_seed: int = 0


@dataclass(frozen=True)
class Picture:
    """One picture, what it was drawn from, and the text block it should carry."""

    image: Image.Image
    seed: int
    prompt: str
    parameters: str
    reports: list[Report] = field(default_factory=list)


def generate(
    base: Base,
    settings: GenerateSettings,
    *,
    on_progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
    between_steps: Callable[[], None] | None = None,
    on_preview: Looks | None = None,
    on_pictures: Callable[[list[Picture]], None] | None = None,
    prompts: Sequence[str] | None = None,
    seeds: Sequence[int] | None = None,
    cache: AdapterCache | None = None,
) -> list[Picture]:
    """Draws `settings.count` pictures of the prompt with consecutive seeds.

    With `prompts` and `seeds` (equally long), one picture per pair instead. `on_progress(done,
    total, text)` counts evaluations of the network over all batches; `between_steps` may block, for
    handing the device over; `on_pictures` gets each batch as soon as it is finished. Raises
    Interrupted when `cancelled` says so, and the errors of the stack and of `settings.image`.
    """
    height, width = picture_size(base, settings.height, settings.width)
    jobs = _jobs(settings, prompts, seeds)
    cache = cache if cache is not None else AdapterCache()
    pictures: list[Picture] = []
    with applied(base, settings.stack, cache) as reports:
        facts = infotext.Facts(
            model=base.name,
            model_hash=base.hash[:10],
            vae=base.vae_name,
            size=(width, height),
            used=[used(item, cache) for item in settings.stack if item.enabled],
            blocks=base.blocks(),
        )
        start = picture_latents(base, settings.image, height, width) if settings.image else None
        plan = sampling_plan(
            base, settings.sampler, settings.steps,
            denoising=settings.denoising_strength if settings.image else None,
        )  # fmt: skip
        told = scripts(
            base,
            settings.negative_prompt,
            (job.prompt for job in jobs),
            steps=max(plan.steps, 1),
            clip_skip=settings.clip_skip,
            syntax=settings.syntax,
        )
        places = alike([told[job.prompt] for job in jobs], settings.batch_size)
        batches = [[jobs[place] for place in batch] for batch in places]
        done, total = 0, len(plan) * len(batches)
        for batch in batches:
            first = len(pictures)

            def on_step(step: int, before: int = done, ready: int = first) -> None:
                if on_progress:
                    on_progress(before + step, total, f"{ready} of {len(jobs)} pictures")

            def on_clean(latents: Tensor, place: int = first) -> None:
                if on_preview:
                    on_preview(place, preview.small_pictures(base, latents))

            changes = together([told[job.prompt] for job in batch])
            unconditional, conditioning = changes[0]
            pixels = draw(
                base,
                conditioning,
                unconditional,
                torch.cat([_noise(base, job, settings, height, width) for job in batch]),
                sampler=settings.sampler,
                steps=settings.steps,
                guidance=settings.guidance,
                size=(height, width),
                seeds=[job.seed for job in batch],
                changes=changes,
                start=start,
                denoising=settings.denoising_strength,
                tiles=settings.tiles,
                on_step=on_step,
                cancelled=cancelled,
                between_steps=between_steps,
                on_clean=on_clean if on_preview else None,
                clean_every=settings.preview_every,
            )
            done += len(plan)
            for job, image in zip(batch, pixels, strict=True):
                text = infotext.write(settings.model_copy(update=vars(job)), facts)
                pictures.append(Picture(to_image(image), job.seed, job.prompt, text, reports))
            if on_pictures:
                on_pictures(pictures[first:])
    return pictures


def draw(
    base: Base,
    conditioning: Conditioning,
    unconditional: Conditioning | None,
    noise: Tensor,
    *,
    sampler: Sampler,
    steps: int,
    guidance: float,
    size: tuple[int, int],
    seeds: Sequence[int] | None = None,
    changes: Mapping[int, Pair] | None = None,
    start: Tensor | None = None,
    denoising: float = 1.0,
    tiles: Tiles = "auto",
    on_step: Callable[[int], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
    between_steps: Callable[[], None] | None = None,
    on_clean: Callable[[Tensor], None] | None = None,
    clean_every: int = 0,
) -> Tensor:
    """The loop itself: noise [B, C, h, w] → pictures, uint8 [B, H, W, 3] on the CPU.

    `size` is (height, width) in pixels. `seeds` (one per picture) matter to samplers that draw
    noise at every step. `changes` says from which step on the batch is told something else. From
    `start` [1, C, h, w], the latents of a picture, only the last `denoising` of the steps are taken,
    none at 0; 1 takes all, and what the noise of the first timestep leaves of the picture stays.
    `tiles` says when a picture is decoded in parts. No guidance (≤ 1) leaves the unconditional half
    out. `on_clean` sees every `clean_every` evaluations what the network takes for the picture
    [B, C, h, w]. Raises Interrupted.
    """
    plan = sampling_plan(
        base, sampler, steps,
        denoising=None if start is None else denoising, latent_size=(noise.shape[2], noise.shape[3]),
    )  # fmt: skip
    generators = [_generator_after(seed, noise) for seed in (seeds or range(len(noise)))]
    guided = guidance > 1 and unconditional is not None
    pairs = dict(changes or {})
    pairs.setdefault(0, (conditioning if unconditional is None else unconditional, conditioning))
    told = conditioning
    with torch.inference_mode():
        latents = plan.begin(noise.to(base.device, torch.float32), start)
    for index, timestep in enumerate(plan.timesteps):
        if cancelled and cancelled():
            raise Interrupted("Drawing was stopped")
        if base.on_step and plan.starts_step(index):
            base.on_step(plan.step_of(index), plan.steps)
        # callers' callbacks run outside: they may train
        with torch.inference_mode():
            if plan.starts_step(index) and (pair := pairs.get(plan.step_of(index))):
                told = Conditioning.join(pair) if guided else pair[1]
                told = told.to(base.device, base.dtype)
            single = plan.inputs(latents, index)
            inputs = torch.cat([single, single]) if guided else single
            prediction = base.denoise(inputs, timestep.expand(len(inputs)), told, size)
            if guided:
                without, with_text = prediction.float().chunk(2)
                # classifier-free guidance, Ho & Salimans 2022
                prediction = without + guidance * (with_text - without)
            prediction = prediction.float()
            latents = plan.step(prediction, index, latents, generators)
        if on_clean and clean_every and (index + 1) % clean_every == 0:
            with torch.inference_mode():
                on_clean(plan.clean(prediction, index, single))
        if on_step:
            on_step(index + 1)
        if between_steps:
            between_steps()
    # decoding takes more memory than denoising: about a megapixel at once
    together = max(_DECODED_AT_ONCE // (size[0] * size[1]), 1)
    with torch.inference_mode():
        cut = tiles == "always" or (tiles == "auto" and size[0] * size[1] > _DECODED_AT_ONCE)
        parts = [_decode(base, part, cut) for part in latents.split(together)]
    return torch.cat(parts)


def picture_size(base: Base, height: int, width: int) -> tuple[int, int]:
    """(height, width) in pixels, 0 meaning the base's own; SettingsError when it cannot be drawn."""
    found = (height or base.native_size, width or base.native_size)
    scale = base.latent_scale * base.architecture.denoiser.patch
    for name, value in zip(("height", "width"), found, strict=True):
        if value % scale:
            lower = max(value // scale, 1) * scale
            raise SettingsError(
                f"The {name} {value} px cannot be drawn by “{base.name}”",
                why=f"Its pictures come in multiples of {scale} px.",
                remedy=f"Use {lower} or {lower + scale}.",
            )
    return found


def to_image(pixels: Tensor) -> Image.Image:
    """uint8 [H, W, 3] → a picture."""
    return Image.fromarray(pixels.numpy())


def _decode(base: Base, latents: Tensor, tiles: bool) -> Tensor:
    pictures = base.decode_latents(latents, tiles)
    return (pictures * 255).round().to(torch.uint8).permute(0, 2, 3, 1).cpu()


def used(item: StackItem, cache: AdapterCache) -> infotext.Used:
    """What a picture's text block says of an adapter that takes part."""
    adapter = load_adapter(item.path, cache)
    steering = adapter.adjusted(item).steering
    words = tuple(adapter.info.get("words", ())) if adapter.kind == "embedding" else ()
    return infotext.Used(item, adapter.kind, adapter.name, adapter.short_hash, steering, words)


def _noise(base: Base, job: Job, settings: GenerateSettings, height: int, width: int) -> Tensor:
    noise = initial_noise(base, job.seed, height, width)
    if not settings.variation_strength:
        return noise
    other = initial_noise(base, job.variation_seed, height, width)
    return varied_noise(noise, other, settings.variation_strength)


def _jobs(
    settings: GenerateSettings, prompts: Sequence[str] | None, seeds: Sequence[int] | None
) -> list[Job]:
    """Seeds count up, or with a variation the variation seeds instead, as in A1111's web UI."""
    seed, variation = settings.seed, settings.variation_seed
    if prompts is None and seeds is None:
        # seeds are 32-bit: counting up wraps around instead of failing at the end
        if settings.variation_strength:
            counted = [(seed, (variation + k) % 2**32) for k in range(settings.count)]
        else:
            counted = [((seed + k) % 2**32, variation) for k in range(settings.count)]
        return [Job(settings.prompt, *pair) for pair in counted]
    prompts = prompts if prompts is not None else [settings.prompt] * len(seeds or [])
    seeds = seeds if seeds is not None else [seed] * len(prompts)
    if len(prompts) != len(seeds):
        raise InputError(f"There are {len(prompts)} prompts but {len(seeds)} seeds")
    return [Job(*pair, variation) for pair in zip(prompts, seeds, strict=True)]


def _generator_after(seed: int, noise: Tensor) -> torch.Generator:
    """The generator of a picture's initial noise, advanced past it, as one generator would be."""
    generator = torch.Generator().manual_seed(seed)
    torch.randn((1, *noise.shape[1:]), generator=generator)
    return generator
