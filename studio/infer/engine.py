"""From settings to pictures: encode, denoise, decode, with a stack of adapters on the base.

Owns: the sampling loop, batches, seeds, progress, interruption. Refuses to know: where pictures
are stored, what adapters do, which family the base is.

The same settings on the same machine give the same bytes. A picture depends on its own prompt
and seed; its neighbours in a batch change it by rounding only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import torch
from PIL import Image
from torch import Tensor

from studio.adapters.base import Report
from studio.adapters.cache import AdapterCache
from studio.adapters.stack import applied
from studio.config import GenerateSettings, Sampler, StackItem, Tiles
from studio.errors import InputError, Interrupted, SettingsError
from studio.families.base import Base, Conditioning
from studio.infer import infotext, samplers

_DECODED_AT_ONCE = 1 << 20
"""Pixels."""

Progress = Callable[[int, int, str], None]


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
    prompts: Sequence[str] | None = None,
    seeds: Sequence[int] | None = None,
    cache: AdapterCache | None = None,
    on_picture: Callable[[int, Picture], None] | None = None,
) -> list[Picture]:
    """Draws `settings.count` pictures of the prompt with consecutive seeds.

    With `prompts` and `seeds` (equally long), one picture per pair instead. `on_progress(done,
    total, text)` counts sampling steps over all batches; `between_steps` may block, for handing
    the device over; `on_picture(place, picture)` is called as each is done. Raises Interrupted when `cancelled` says so, and the errors of the stack.
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
        )
        texts = dict.fromkeys(prompt for prompt, _ in jobs)
        pairs = {
            text: base.encode_pair(settings.negative_prompt, text, settings.clip_skip)
            for text in texts
        }
        batches = list(_batches(jobs, pairs, settings.batch_size))
        done, total = 0, settings.steps * len(batches)
        for batch in batches:
            rows = [pairs[prompt] for prompt, _ in batch]

            def on_step(step: int, before: int = done) -> None:
                if on_progress:
                    on_progress(before + step, total, f"{len(pictures)} of {len(jobs)} pictures")

            pixels = draw(
                base,
                Conditioning.join([conditioning for _, conditioning in rows]),
                Conditioning.join([unconditional for unconditional, _ in rows]),
                torch.cat([initial_noise(base, seed, height, width) for _, seed in batch]),
                sampler=settings.sampler,
                steps=settings.steps,
                guidance=settings.guidance,
                size=(height, width),
                seeds=[seed for _, seed in batch],
                tiles=settings.tiles,
                on_step=on_step,
                cancelled=cancelled,
                between_steps=between_steps,
            )
            done += settings.steps
            for (prompt, seed), image in zip(batch, pixels, strict=True):
                own = settings.model_copy(update={"prompt": prompt, "seed": seed})
                text = infotext.write(own, facts)
                pictures.append(Picture(to_image(image), seed, prompt, text, reports))
                if on_picture:
                    on_picture(len(pictures) - 1, pictures[-1])
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
    tiles: Tiles = "auto",
    on_step: Callable[[int], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
    between_steps: Callable[[], None] | None = None,
) -> Tensor:
    """The loop itself: noise [B, C, h, w] → pictures, uint8 [B, H, W, 3] on the CPU.

    `size` is (height, width) in pixels. `seeds` (one per picture) matter to samplers that draw
    noise at every step. `tiles` says when a picture is decoded in parts. No guidance (≤ 1) leaves the unconditional half out. Raises Interrupted.
    """
    made = samplers.scheduler(base, sampler, steps)
    generators = [_generator_after(seed, noise) for seed in (seeds or range(len(noise)))]
    guided = guidance > 1 and unconditional is not None
    if guided:
        assert unconditional is not None
        conditioning = Conditioning.join([unconditional, conditioning])
    with torch.inference_mode():
        conditioning = conditioning.to(base.device, base.dtype)
        latents = noise.to(base.device, torch.float32) * made.init_noise_sigma
    for index, timestep in enumerate(made.timesteps):
        if cancelled and cancelled():
            raise Interrupted("Drawing was stopped")
        if base.on_step:
            base.on_step(index, len(made.timesteps))
        # callers' callbacks run outside: they may train
        with torch.inference_mode():
            inputs = made.scale_model_input(latents, timestep)
            inputs = torch.cat([inputs, inputs]) if guided else inputs
            prediction = base.denoise(inputs, timestep.expand(len(inputs)), conditioning, size)
            if guided:
                without, with_text = prediction.float().chunk(2)
                # classifier-free guidance, Ho & Salimans 2022
                prediction = without + guidance * (with_text - without)
            latents = samplers.step(
                made, sampler, prediction.float(), timestep, latents, generators
            )
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


def initial_noise(base: Base, seed: int, height: int, width: int) -> Tensor:
    """Noise [1, C, h, w], fp32 on the CPU: the same on every device, and the same as diffusers'."""
    scale = base.latent_scale
    shape = (1, base.latent_channels, height // scale, width // scale)
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def picture_size(base: Base, height: int, width: int) -> tuple[int, int]:
    """(height, width) in pixels, 0 meaning the base's own; SettingsError when it cannot be drawn."""
    found = (height or base.native_size, width or base.native_size)
    scale = base.latent_scale
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
    adapter = cache.load(item.path)
    steering = adapter.adjusted(item).steering
    return infotext.Used(item, adapter.kind, adapter.name, adapter.short_hash, steering)


def _jobs(
    settings: GenerateSettings, prompts: Sequence[str] | None, seeds: Sequence[int] | None
) -> list[tuple[str, int]]:
    if prompts is None and seeds is None:
        # seeds are 32-bit: counting up wraps around instead of failing at the end
        return [(settings.prompt, (settings.seed + k) % 2**32) for k in range(settings.count)]
    prompts = prompts if prompts is not None else [settings.prompt] * len(seeds or [])
    seeds = seeds if seeds is not None else [settings.seed] * len(prompts)
    if len(prompts) != len(seeds):
        raise InputError(f"There are {len(prompts)} prompts but {len(seeds)} seeds")
    return list(zip(prompts, seeds, strict=True))


def _batches(
    jobs: Sequence[tuple[str, int]],
    pairs: dict[str, tuple[Conditioning, Conditioning]],
    size: int,
) -> Iterator[list[tuple[str, int]]]:
    """Cuts `jobs` into batches whose prompts have equally many chunks.

    Padding a short prompt for its neighbour's sake would change its picture.
    """
    batch: list[tuple[str, int]] = []
    for job in jobs:
        length = pairs[job[0]][1].embeds.shape[1]
        if batch and (len(batch) == size or pairs[batch[0][0]][1].embeds.shape[1] != length):
            yield batch
            batch = []
        batch.append(job)
    if batch:
        yield batch


def _generator_after(seed: int, noise: Tensor) -> torch.Generator:
    """The generator of a picture's initial noise, advanced past it, as one generator would be."""
    generator = torch.Generator().manual_seed(seed)
    torch.randn((1, *noise.shape[1:]), generator=generator)
    return generator
