"""Rectified flow: straight lines from images to noise, for bases that predict the velocity along them.

Owns: the arithmetic of σ and its shift. Refuses to know: networks, samplers, losses.

Shapes: B items · C latent channels · h × w latent size.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import torch
from torch import Tensor

from studio.diffusion.contract import Process
from studio.diffusion.noise import drawn_place
from studio.settings.training import LossSettings


@dataclass(frozen=True)
class Flow(Process):
    """x_σ = (1 − σ) · x₀ + σ · ε; the network predicts ε − x₀ (Lipman et al. 2023, Liu et al. 2023).

    `shift` moves noise levels up, σ → shift·σ / (1 + (shift − 1)·σ), in training and sampling
    (Esser et al. 2024, eq. 23). Where it grows with the image, `growth` says how.
    """

    kind = "flow"
    count = 1000
    shift: float = 1.0
    growth: Growth | None = None

    @classmethod
    def of(cls, scheduler: Mapping[str, Any]) -> Self:
        """From the configuration of diffusers' FlowMatchEulerDiscreteScheduler."""
        growing = bool(scheduler.get("use_dynamic_shifting"))
        return cls(float(scheduler.get("shift", 1.0)), Growth.of(scheduler) if growing else None)

    def to(self, device: torch.device) -> Self:
        """Itself: it has no tables."""
        return self

    def at(self, height: int, width: int) -> Self:
        """With the shift of latents of this size."""
        if self.growth is None:
            return self
        return replace(self, shift=self.growth.shift(height, width), growth=None)

    def shifted(self, level: float) -> float:
        """σ where an unshifted schedule has `level`."""
        return self.shift * level / (1 + (self.shift - 1) * level)

    def add_noise(self, latents: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        """See `Process.add_noise`."""
        sigma = self._sigma(timesteps)
        return (1 - sigma) * latents + sigma * noise

    def target(self, latents: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        """ε − x₀."""
        return noise - latents

    def clean(self, inputs: Tensor, prediction: Tensor, timestep: Tensor) -> Tensor:
        """x₀ = x − σ·(ε − x₀)."""
        return inputs - float(timestep) / self.count * prediction

    def draw_timestep(self, seed: int, step: int, item: int, settings: LossSettings) -> float:
        """See `Process.draw_timestep`; logit-normal unless the settings say uniform."""
        middle = settings.timestep_distribution != "uniform"
        place = drawn_place(seed, step, item, logit_normal=middle, bias=settings.timestep_bias)
        low, high = settings.timestep_from, settings.timestep_to
        return self.count * max(low + self.shifted(place) * (high - low), 1e-3)

    def timesteps_at(self, shares: Sequence[float]) -> Tensor:
        """See `Process.timesteps_at`; the shift does not matter."""
        return torch.tensor([share * self.count for share in shares])

    def noise_ratio(self, timesteps: Tensor) -> Tensor:
        """σ/(1 − σ); infinite at pure noise."""
        sigma = timesteps / self.count
        return sigma / (1 - sigma)

    def _sigma(self, timesteps: Tensor) -> Tensor:
        return (timesteps / self.count).view(-1, 1, 1, 1)


@dataclass(frozen=True)
class Growth:
    """How a flow's shift grows with the image: μ, linear in the number of 2 × 2 patches of latents."""

    low: float
    high: float
    few: int
    many: int
    exponential: bool

    @classmethod
    def of(cls, scheduler: Mapping[str, Any]) -> Growth:
        """From the configuration of diffusers' FlowMatchEulerDiscreteScheduler."""
        return cls(
            scheduler.get("base_shift", 0.5),
            scheduler.get("max_shift", 1.15),
            scheduler.get("base_image_seq_len", 256),
            scheduler.get("max_image_seq_len", 4096),
            scheduler.get("time_shift_type", "exponential") == "exponential",
        )

    def shift(self, height: int, width: int) -> float:
        """The shift of latents of this size."""
        patches = height * width / 4
        slope = (self.high - self.low) / (self.many - self.few)
        mu = self.low + (patches - self.few) * slope
        return math.exp(mu) if self.exponential else mu
