"""One pass of sampling over the batches of some jobs: its size, its plan, its prompts, its noise.

Owns: what all batches of a pass share, and how one begins. Refuses to know: other passes, decoding,
the loop itself (`studio.infer.sampling`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from studio.core.size import Size
from studio.diffusion.samplers import SamplingPlan, sampling_plan
from studio.families.base import Base
from studio.infer.init_latents import encoded, initial_noise, varied_noise
from studio.infer.inpainting import Canvas, Informed, all_masked, further_inputs, kept
from studio.infer.options import Job, SamplingOptions
from studio.infer.prompt_schedule import prompt_schedules, together
from studio.infer.sampling import Denoiser, Evaluation, Guided, Prompted, sample


@dataclass(frozen=True)
class Extent:
    """How large the images of a pass are, and how much of a schedule it takes."""

    size: Size
    steps: int
    strength: float | None = None
    """Denoising strength, where the pass begins with images; None begins with noise alone."""


class Pass:
    """The jobs' pass of one extent; with a canvas, the one that inpaints it."""

    def __init__(
        self,
        base: Base,
        jobs: Sequence[Job],
        options: SamplingOptions,
        extent: Extent,
        canvas: Canvas | None = None,
    ) -> None:
        self.base, self.jobs, self.options = base, jobs, options
        self.extent, self.canvas = extent, canvas
        plan = self.plan()
        self.evaluations = len(plan)
        self.schedules = prompt_schedules(
            base,
            options.negative_prompt,
            (job.prompt for job in jobs),
            steps=max(plan.steps, 1),
            clip_skip=options.clip_skip,
            syntax=options.syntax,
        )
        self.nothing = all_masked(base, extent.size) if base.inpainting and canvas is None else None

    def lengths(self, place: int) -> tuple[int, ...]:
        """Text positions of the job `place` at each step."""
        return self.schedules[self.jobs[place].prompt].lengths

    def plan(self) -> SamplingPlan:
        """A fresh plan: its scheduler has a state."""
        size, scale = self.extent.size, self.base.latent_scale
        return sampling_plan(
            self.base,
            self.options.sampler,
            self.extent.steps,
            denoising=self.extent.strength,
            latent_size=(size.height // scale, size.width // scale),
        )

    def begin(self, places: list[int], start: Tensor | None) -> tuple[Tensor, Iterator[Evaluation]]:
        """(latents before the first evaluation, the evaluations) of the jobs `places`; `start`
        [1 or B, C, h, w] are the images' latents, where they are not those of the canvas."""
        base, canvas, plan = self.base, self.canvas, self.plan()
        initial = torch.cat([self.noise(self.jobs[place]) for place in places])
        generators = [_generator_after(self.jobs[place].seed, initial) for place in places]
        with torch.inference_mode():
            noise = initial.to(base.device, torch.float32)
            keep = None
            if canvas is not None:
                known = encoded(base, canvas.images(places))
                keep = None if base.inpainting else kept(base, canvas, known, noise)
                # at full strength nothing of the image is left inside, as in diffusers' inpainting
                start = None if self.extent.strength == 1 else known
            latents = plan.begin(noise, start)
            denoiser = self.denoiser(places)
        return latents, sample(denoiser, plan, latents, generators, base.on_step, keep)

    def denoiser(self, places: list[int]) -> Denoiser:
        """The base with the prompts of a batch, guided where the options say so."""
        guided = self.options.guidance > 1
        changes = together([self.schedules[self.jobs[k].prompt] for k in places], guided)
        denoiser: Denoiser = Prompted(self.base, changes, self.extent.size)
        if self.nothing is not None:
            denoiser = Informed(denoiser, self.nothing)
        elif self.base.inpainting and self.canvas is not None:
            images = self.canvas.images(places)
            denoiser = Informed(denoiser, further_inputs(self.base, images, self.canvas.mask))
        return Guided(denoiser, self.options.guidance) if guided else denoiser

    def noise(self, job: Job) -> Tensor:
        """What the image begins with [1, C, h, w]."""
        noise, strength = (
            initial_noise(self.base, job.seed, self.extent.size),
            self.options.variation_strength,
        )
        if not strength:
            return noise
        other = initial_noise(self.base, job.variation_seed, self.extent.size)
        return varied_noise(noise, other, strength)


def _generator_after(seed: int, noise: Tensor) -> torch.Generator:
    """The generator of an image's initial noise, advanced past it, as one generator would be."""
    generator = torch.Generator().manual_seed(seed)
    torch.randn((1, *noise.shape[1:]), generator=generator)
    return generator
