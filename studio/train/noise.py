"""Every random draw of a run, as a pure function of (seed, purpose, step, item).

Owns: the draws and the noise schedule's arithmetic. Because no generator is carried from step to
step, resuming needs no random state, and previews cannot disturb training.
Refuses to know: models and methods.

Shapes: B items · C latent channels · h × w latent size.
"""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor
from torch.nn import functional


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
    shape: tuple[int, ...],
    seed: int,
    step: int,
    item: int,
    offset: float = 0.0,
    pyramid: float = 0.0,
) -> Tensor:
    """Noise [C, h, w] for one item of a step; `offset` adds a constant per channel (noise offset),
    `pyramid` coarser noise (see `pyramid_noise`)."""
    noise = gaussian(shape, seed, "noise", step, item)
    if pyramid:
        noise = pyramid_noise(noise, pyramid, seed, step, item)
    if offset:
        noise = noise + offset * gaussian((shape[0], 1, 1), seed, "noise-offset", step, item)
    return noise


def pyramid_noise(noise: Tensor, discount: float, seed: int, step: int, item: int) -> Tensor:
    """Multi-resolution noise (Whitaker 2023) on top of `noise` [C, h, w], of unit variance again.

    Level i is drawn two to four times smaller than the one before, enlarged, times discount^i.
    """
    channels, height, width = noise.shape
    total, rows, columns = noise, float(height), float(width)
    for level in range(1, 11):
        shrink = 2 + 2 * uniform(seed, "pyramid-size", step, item, level)
        rows, columns = rows / shrink, columns / shrink
        shape = (channels, max(1, int(rows)), max(1, int(columns)))
        coarse = gaussian(shape, seed, "pyramid", step, item, level)
        total = (
            total
            + discount**level
            * functional.interpolate(
                coarse[None], (height, width), mode="bilinear", align_corners=False
            )[0]
        )
        if shape[1:] == (1, 1):
            break
    return total / total.std()


def training_timestep(
    seed: int,
    step: int,
    item: int,
    count: int,
    low: float = 0.0,
    high: float = 1.0,
    bias: float = 0.0,
) -> int:
    """A timestep of `count`, between the shares `low` and `high` of them.

    Uniform; with `bias` b the place between is u^(2^−b) for uniform u: noisier for b > 0.
    """
    first = min(int(low * count), count - 1)
    last = max(first + 1, round(high * count))  # exclusive
    if bias:
        place = uniform(seed, "timestep", step, item) ** 2.0**-bias
        return min(last - 1, first + int(place * (last - first)))
    return int(torch.randint(first, last, (), generator=generator(seed, "timestep", step, item)))


def permutation(count: int, seed: int, epoch: int) -> list[int]:
    """The order of `count` items in an epoch."""
    order: list[int] = torch.randperm(count, generator=generator(seed, "order", epoch)).tolist()
    return order


class NoiseSchedule:
    """The forward process of the base: ᾱ over its training timesteps (Ho et al. 2020, eq. 4)."""

    def __init__(
        self,
        scheduler_config: dict[str, object],
        prediction_type: str,
        zero_terminal: bool = False,
    ) -> None:
        from diffusers import DDPMScheduler

        scheduler = DDPMScheduler.from_config(scheduler_config)
        self.alphas_cumprod: Tensor = scheduler.alphas_cumprod.float()
        if zero_terminal:
            self.alphas_cumprod = zero_terminal_snr(self.alphas_cumprod)
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
        if self.prediction_type == "epsilon":
            return (clipped / snr).nan_to_num(1.0)  # 0/0 where the last timestep has no signal
        return clipped / (snr + 1)

    def debiased_weight(self, timesteps: Tensor) -> Tensor:
        """Weight per item [B] of debiased estimation (Yu et al. 2023): 1/√SNR on the ε error.

        The same weight on the x₀ error, √SNR, is √SNR / (SNR + 1) on the v error. The weight of ε
        is limited to that of an SNR of 1/1000, which only zero-terminal SNR goes below.
        """
        alpha = self.alphas_cumprod[timesteps]
        snr = alpha / (1 - alpha)
        if self.prediction_type == "epsilon":
            return snr.clamp(min=1e-3).rsqrt()
        return snr.sqrt() / (snr + 1)


def zero_terminal_snr(alphas_cumprod: Tensor) -> Tensor:
    """ᾱ [T] with √ᾱ moved and stretched so that the last is 0 and the first stays.

    Lin et al. 2023, algorithm 1.
    """
    root = alphas_cumprod.double().sqrt()
    stretched = (root - root[-1]) * root[0] / (root[0] - root[-1])
    return stretched.square().to(alphas_cumprod)
