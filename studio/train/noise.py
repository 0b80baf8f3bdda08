"""Every random draw of a run, as a pure function of (seed, purpose, step, item).

Owns: the draws and the noise schedule's arithmetic. Because no generator is carried from step to
step, resuming needs no random state, and previews cannot disturb training.
Refuses to know: models and methods.

Shapes: B items · C latent channels · h × w latent size.
"""

from __future__ import annotations

import hashlib
import math

import torch
from torch import Tensor


def derived_seed(seed: int, purpose: str, *keys: int) -> int:
    """A 63-bit seed that depends on its arguments alone."""
    text = f"{seed}/{purpose}/" + "/".join(str(key) for key in keys)
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def generator(seed: int, purpose: str, *keys: int) -> torch.Generator:
    """A CPU generator that depends on its arguments alone."""
    return torch.Generator("cpu").manual_seed(derived_seed(seed, purpose, *keys))


def gaussian(shape: tuple[int, ...], seed: int, purpose: str, *keys: int) -> Tensor:
    """Standard normal noise of `shape` on the CPU, fp32."""
    return torch.randn(shape, generator=generator(seed, purpose, *keys))


def uniform(seed: int, purpose: str, *keys: int) -> float:
    """One number in [0, 1)."""
    return float(torch.rand((), generator=generator(seed, purpose, *keys)))


def training_noise(
    shape: tuple[int, ...], seed: int, step: int, item: int, offset: float = 0.0
) -> Tensor:
    """Noise [C, h, w] for one item of a step; `offset` adds a constant per channel (noise offset)."""
    noise = gaussian(shape, seed, "noise", step, item)
    if offset:
        noise = noise + offset * gaussian((shape[0], 1, 1), seed, "noise-offset", step, item)
    return noise


def training_timestep(seed: int, step: int, item: int, count: int) -> int:
    """A timestep in [0, count), uniform."""
    drawn = torch.randint(0, count, (), generator=generator(seed, "timestep", step, item))
    return int(drawn)


def permutation(count: int, seed: int, epoch: int) -> list[int]:
    """The order of `count` items in an epoch."""
    order: list[int] = torch.randperm(count, generator=generator(seed, "order", epoch)).tolist()
    return order


class NoiseSchedule:
    """The forward process of the base: ᾱ over its training timesteps (Ho et al. 2020, eq. 4)."""

    def __init__(self, scheduler_config: dict[str, object], prediction_type: str) -> None:
        from diffusers import DDPMScheduler

        scheduler = DDPMScheduler.from_config(scheduler_config)
        self.alphas_cumprod: Tensor = scheduler.alphas_cumprod.float()
        self.count = len(self.alphas_cumprod)
        self.prediction_type = prediction_type

    def to(self, device: torch.device) -> NoiseSchedule:
        """The same with its table on `device`."""
        self.alphas_cumprod = self.alphas_cumprod.to(device)
        return self

    def add(self, latents: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        """x_t = √ᾱ_t · x_0 + √(1 − ᾱ_t) · ε, all [B, C, h, w], timesteps [B]."""
        alpha = self.alphas_cumprod[timesteps].view(-1, 1, 1, 1)
        return alpha.sqrt() * latents + (1 - alpha).sqrt() * noise

    def target(self, latents: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        """What the network should predict: ε, or v = √ᾱ · ε − √(1 − ᾱ) · x_0 (Salimans & Ho 2022)."""
        if self.prediction_type == "epsilon":
            return noise
        alpha = self.alphas_cumprod[timesteps].view(-1, 1, 1, 1)
        return alpha.sqrt() * noise - (1 - alpha).sqrt() * latents

    def min_snr_weight(self, timesteps: Tensor, gamma: float) -> Tensor:
        """Min-SNR-γ weight per item [B] (Hang et al. 2023, eq. 7 for ε, appendix for v)."""
        alpha = self.alphas_cumprod[timesteps]
        snr = alpha / (1 - alpha)
        clipped = snr.clamp(max=gamma)
        return clipped / snr if self.prediction_type == "epsilon" else clipped / (snr + 1)


def learning_rate_factor(step: int, steps: int, schedule: str, warmup: int) -> float:
    """Multiplier of the learning rate at 1-based `step`."""
    if warmup and step <= warmup:
        return step / warmup
    progress = (step - 1 - warmup) / max(1, steps - warmup)
    if schedule == "linear":
        return max(0.0, 1.0 - progress)
    if schedule == "cosine":
        return 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
    return 1.0
