"""Images from prompts and seeds, batch by batch, from a base as it stands.

Owns: what every image of a batch has in common, batching, noise by seed, decoding, and the words when
memory runs out. Generating, comparing and the samples of a run go through it. Refuses to know: stacks
(the caller has applied one, or none), files, measures, the loop itself (`studio.infer.sampling`).

An image depends on its own prompt and seed; its neighbours in a batch change it by rounding only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor

from studio.core import memory
from studio.core.callbacks import Cancelled
from studio.core.errors import Interrupted, SettingsError
from studio.core.size import OWN_SIZE, Size
from studio.diffusion.samplers import SamplingPlan, sampling_plan
from studio.families.base import Base
from studio.infer import preview
from studio.infer.init_latents import image_latents, initial_noise, varied_noise
from studio.infer.preview import OnPreview
from studio.infer.prompt_schedule import alike, scripts, together
from studio.infer.sampling import Denoiser, Guided, Prompted, sample
from studio.settings.training import GenerateSettings, Sampler, Tiles

_DECODED_AT_ONCE = 1 << 20
"""Pixels."""


@dataclass(frozen=True)
class Job:
    """What one image is generated from."""

    prompt: str
    seed: int
    variation_seed: int = 0


@dataclass(frozen=True)
class SamplingOptions:
    """What the images of a batch have in common."""

    steps: int = 20
    guidance: float = 4.0
    """Above 1, classifier-free guidance; else the unconditional half is left out."""
    sampler: Sampler = "DDIM"
    negative_prompt: str = ""
    batch_size: int = 8
    syntax: bool = False
    """Whether brackets in a prompt have their meaning; captions are text as it stands."""
    size: Size = OWN_SIZE
    """0: the base's own."""
    clip_skip: int = 0
    image: str = ""
    """File of an image to begin with; of its steps the last `denoising_strength` are taken."""
    denoising_strength: float = 1.0
    variation_strength: float = 0.0
    tiles: Tiles = "auto"
    preview_every: int = 0
    """Evaluations of the network between two live previews; 0 shows none."""
    work: memory.Work = "images"
    """In whose words a full memory is said."""

    @classmethod
    def of(cls, settings: GenerateSettings, work: memory.Work = "images") -> SamplingOptions:
        """What the settings of Generate say."""
        return cls(
            steps=settings.steps,
            guidance=settings.guidance,
            sampler=settings.sampler,
            negative_prompt=settings.negative_prompt,
            batch_size=settings.batch_size,
            syntax=settings.syntax,
            size=Size(settings.width, settings.height),
            clip_skip=settings.clip_skip,
            image=settings.image,
            denoising_strength=settings.denoising_strength,
            variation_strength=settings.variation_strength,
            tiles=settings.tiles,
            preview_every=settings.preview_every,
            work=work,
        )


@dataclass(frozen=True)
class Position:
    """How far the batches are, after an evaluation of the network."""

    evaluation: int
    """In this batch, from 1."""
    evaluations: int
    """In each batch."""
    batch: int
    """From 0."""
    batches: int
    images: int
    """Finished with earlier batches."""
    in_batch: int


@dataclass(frozen=True)
class Batch:
    """Finished images."""

    places: list[int]
    """Which of the jobs they are."""
    pixels: Tensor
    """uint8 [B, H, W, 3] on the CPU."""


def sampled(
    base: Base,
    jobs: Sequence[Job],
    options: SamplingOptions,
    *,
    on_position: Callable[[Position], None] | None = None,
    cancelled: Cancelled | None = None,
    on_preview: OnPreview | None = None,
) -> Iterator[Batch]:
    """The images of `jobs`, in order, as batches become ready.

    Texts are encoded before the first batch. Equal jobs lead to equal batches, so two stacks differ
    by themselves alone. Raises Interrupted when `cancelled` says so, MemoryFullError in the words of
    `options.work`, and the errors of `options.image`.
    """
    with memory.explained(options.work):
        work = _Work(base, jobs, options)
        groups = work.groups()
    done = 0
    for number, places in enumerate(groups):

        def on_evaluation(
            evaluation: int, number: int = number, done: int = done, count: int = len(places)
        ) -> None:
            if on_position:
                on_position(
                    Position(evaluation, work.evaluations, number, len(groups), done, count)
                )

        def on_clean(latents: Tensor, first: int = done) -> None:
            if on_preview:
                on_preview(first, preview.small_images(base, latents))

        with memory.explained(options.work):
            pixels = work.batch(places, on_evaluation, cancelled, on_clean if on_preview else None)
        done += len(places)
        yield Batch(places, pixels)


class _Work:
    """What all batches share: encoded texts, the beginning, the plan's length."""

    def __init__(self, base: Base, jobs: Sequence[Job], options: SamplingOptions) -> None:
        self.base, self.jobs, self.options = base, jobs, options
        self.size = image_size(base, options.size)
        self.start = image_latents(base, options.image, self.size) if options.image else None
        plan = self.plan()
        self.evaluations = len(plan)
        self.scripts = scripts(
            base,
            options.negative_prompt,
            (job.prompt for job in jobs),
            steps=max(plan.steps, 1),
            clip_skip=options.clip_skip,
            syntax=options.syntax,
        )

    def groups(self) -> list[list[int]]:
        """Which jobs share a batch."""
        found = [self.scripts[job.prompt] for job in self.jobs]
        return list(alike(found, self.options.batch_size))

    def plan(self) -> SamplingPlan:
        """A fresh plan: its scheduler has a state."""
        options, scale = self.options, self.base.latent_scale
        return sampling_plan(
            self.base,
            options.sampler,
            options.steps,
            denoising=None if self.start is None else options.denoising_strength,
            latent_size=(self.size.height // scale, self.size.width // scale),
        )

    def denoiser(self, places: list[int]) -> Denoiser:
        """The base with the prompts of a batch, guided where the options say so."""
        guided = self.options.guidance > 1
        changes = together([self.scripts[self.jobs[k].prompt] for k in places], guided)
        prompted = Prompted(self.base, changes, self.size)
        return Guided(prompted, self.options.guidance) if guided else prompted

    def batch(
        self,
        places: list[int],
        on_evaluation: Callable[[int], None],
        cancelled: Cancelled | None,
        on_clean: Callable[[Tensor], None] | None,
    ) -> Tensor:
        """One batch; `on_evaluation` hears of evaluations, `on_clean` sees latents without noise."""
        base, options, plan = self.base, self.options, self.plan()
        noise = torch.cat([self.noise(self.jobs[k]) for k in places])
        generators = [_generator_after(self.jobs[k].seed, noise) for k in places]
        _stop_if(cancelled)
        with torch.inference_mode():
            latents = plan.begin(noise.to(base.device, torch.float32), self.start)
        for made in sample(self.denoiser(places), plan, latents, generators, base.on_step):
            latents, number = made.latents, made.index + 1
            if on_clean and options.preview_every and number % options.preview_every == 0:
                with torch.inference_mode():
                    on_clean(made.clean())
            on_evaluation(number)
            if number < len(plan):
                _stop_if(cancelled)
        return decoded(base, latents, self.size, options.tiles)

    def noise(self, job: Job) -> Tensor:
        """What the image begins with [1, C, h, w]."""
        noise, strength = (
            initial_noise(self.base, job.seed, self.size),
            self.options.variation_strength,
        )
        if not strength:
            return noise
        other = initial_noise(self.base, job.variation_seed, self.size)
        return varied_noise(noise, other, strength)


def decoded(base: Base, latents: Tensor, size: Size, tiles: Tiles = "auto") -> Tensor:
    """Latents [B, C, h, w] → uint8 [B, H, W, 3] on the CPU, about a megapixel at a time: decoding
    takes more memory than denoising. `tiles` says when an image is decoded in parts."""
    pixels = size.width * size.height
    cut = tiles == "always" or (tiles == "auto" and pixels > _DECODED_AT_ONCE)
    with torch.inference_mode():
        parts = []
        for part in latents.split(max(_DECODED_AT_ONCE // pixels, 1)):
            images = base.decode_latents(part, cut) * 255
            parts.append(images.round().to(torch.uint8).permute(0, 2, 3, 1).cpu())
    return torch.cat(parts)


def image_size(base: Base, size: Size) -> Size:
    """The size in pixels, 0 meaning the base's own; SettingsError when the base cannot make it."""
    found = Size(size.width or base.native_size, size.height or base.native_size)
    scale = base.latent_scale * base.architecture.denoiser.patch
    for name, value in (("height", found.height), ("width", found.width)):
        if value % scale:
            lower = max(value // scale, 1) * scale
            raise SettingsError(
                f"The {name} {value} px is not possible with “{base.name}”",
                why=f"Its images come in multiples of {scale} px.",
                remedy=f"Use {lower} or {lower + scale}.",
            )
    return found


def to_image(pixels: Tensor) -> Image.Image:
    """uint8 [H, W, 3] → an image."""
    return Image.fromarray(pixels.numpy())


def _stop_if(cancelled: Cancelled | None) -> None:
    if cancelled and cancelled():
        raise Interrupted("Generating was stopped")


def _generator_after(seed: int, noise: Tensor) -> torch.Generator:
    """The generator of an image's initial noise, advanced past it, as one generator would be."""
    generator = torch.Generator().manual_seed(seed)
    torch.randn((1, *noise.shape[1:]), generator=generator)
    return generator
