"""The sampling loop: from noise to latents, one evaluation of the network after another.

Owns: the loop, and what a denoiser is. Whoever iterates cancels, previews and times it between the
steps, outside of inference mode. Refuses to know: prompts as text, schedulers
(`studio.diffusion.samplers`), images.

Shapes: B images · C latent channels · h × w latent size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from studio.core.size import Size
from studio.diffusion.samplers import SamplingPlan
from studio.families.base import Base
from studio.families.conditioning import Conditioning


class Denoiser(Protocol):
    """What predicts: the base with its prompts, or something around another denoiser."""

    def __call__(self, inputs: Tensor, timestep: Tensor, step: int) -> Tensor:
        """Noisy latents [B, C, h, w] at a timestep of sampling step `step` → prediction, fp32."""
        ...


class Prompted:
    """The base under the conditioning of a batch, which may change at some steps."""

    def __init__(self, base: Base, changes: Mapping[int, Conditioning], size: Size) -> None:
        """`changes`: step → the conditioning from that step on; step 0 is there."""
        self.base, self.changes, self.size = base, changes, size
        self._current = changes[0].to(base.device, base.dtype)
        self._since = 0

    def __call__(self, inputs: Tensor, timestep: Tensor, step: int) -> Tensor:
        """See `Denoiser`; as many inputs as rows of conditioning."""
        if step != self._since and step in self.changes:
            self._current = self.changes[step].to(self.base.device, self.base.dtype)
            self._since = step
        size = (self.size.height, self.size.width)
        timesteps = timestep.expand(len(inputs))
        return self.base.denoise(inputs, timesteps, self._current, size).float()


class Guided:
    """Classifier-free guidance (Ho & Salimans 2022) on a denoiser of twice the batch, whose first
    half is unconditional."""

    def __init__(self, denoiser: Denoiser, scale: float) -> None:
        self.denoiser, self.scale = denoiser, scale

    def __call__(self, inputs: Tensor, timestep: Tensor, step: int) -> Tensor:
        """See `Denoiser`."""
        both = self.denoiser(torch.cat([inputs, inputs]), timestep, step)
        without, with_text = both.chunk(2)
        return without + self.scale * (with_text - without)


@dataclass(frozen=True)
class Evaluation:
    """One evaluation of the network, and the latents it led to."""

    plan: SamplingPlan
    index: int
    latents: Tensor
    inputs: Tensor
    prediction: Tensor

    def clean(self) -> Tensor:
        """What the network takes for the images without noise [B, C, h, w]."""
        with torch.inference_mode():
            return self.plan.clean(self.prediction, self.index, self.inputs)


def sample(
    denoiser: Denoiser,
    plan: SamplingPlan,
    latents: Tensor,
    generators: list[torch.Generator],
    before_step: Callable[[int, int], None] | None = None,
    keep: Callable[[SamplingPlan, int, Tensor], Tensor] | None = None,
) -> Iterator[Evaluation]:
    """The evaluations of `plan`, each computed when it is asked for.

    `latents` [B, C, h, w] are those of `plan.begin`; `generators`, one per image, matter to samplers
    that add noise at their steps. `before_step(step, steps)` is called before each sampling step;
    `keep(plan, index, latents)` has the last word on the latents after each evaluation.
    """
    for index, timestep in enumerate(plan.timesteps):
        if before_step and plan.starts_step(index):
            before_step(plan.step_of(index), plan.steps)
        with torch.inference_mode():
            inputs = plan.inputs(latents, index)
            prediction = denoiser(inputs, timestep, plan.step_of(index))
            latents = plan.step(prediction, index, latents, generators)
            latents = keep(plan, index, latents) if keep else latents
        yield Evaluation(plan, index, latents, inputs, prediction)
