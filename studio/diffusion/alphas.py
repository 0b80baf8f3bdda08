"""Diffusion by ᾱ over numbered timesteps, for bases that predict noise (ε) or velocity (v).

Owns: the arithmetic of ᾱ: nobody else asks for it. Refuses to know: networks, samplers, losses.

Shapes: B items · C latent channels · h × w latent size · T timesteps.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Self

import torch
from torch import Tensor

from studio.diffusion.contract import Process
from studio.diffusion.noise import drawn_place
from studio.diffusion.seeds import generator
from studio.settings.training import LossSettings


class Diffusion(Process):
    """x_t = √ᾱ_t · x₀ + √(1 − ᾱ_t) · ε (Ho et al. 2020, eq. 4); what is predicted is left open."""

    kind = "diffusion"

    def __init__(self, alphas_cumprod: Tensor) -> None:
        self.alphas_cumprod = alphas_cumprod
        self.count = len(alphas_cumprod)

    @classmethod
    def of(cls, scheduler: Mapping[str, Any], zero_terminal: bool) -> Self:
        """From a diffusers scheduler's configuration; see `zero_terminal_snr`."""
        from diffusers import DDPMScheduler

        shares: Tensor = DDPMScheduler.from_config(dict(scheduler)).alphas_cumprod.float()
        return cls(zero_terminal_snr(shares) if zero_terminal else shares)

    def to(self, device: torch.device) -> Self:
        """See `Process.to`."""
        return type(self)(self.alphas_cumprod.to(device))

    def at(self, height: int, width: int) -> Self:
        """Itself: no size matters."""
        return self

    def add_noise(self, latents: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        """See `Process.add_noise`."""
        signal, share = self._shares(timesteps)
        return signal * latents + share * noise

    def draw_timestep(self, seed: int, step: int, item: int, settings: LossSettings) -> int:
        """See `Process.draw_timestep`; uniform unless the settings say otherwise."""
        first = min(int(settings.timestep_from * self.count), self.count - 1)
        last = max(first + 1, round(settings.timestep_to * self.count))  # exclusive
        middle, bias = settings.timestep_distribution == "logit-normal", settings.timestep_bias
        if middle or bias:
            place = drawn_place(seed, step, item, logit_normal=middle, bias=bias)
            return min(last - 1, first + int(place * (last - first)))
        own = generator(seed, "timestep", step, item)
        return int(torch.randint(first, last, (), generator=own))

    def timesteps_at(self, shares: Sequence[float]) -> Tensor:
        """See `Process.timesteps_at`."""
        found = [min(int(share * self.count), self.count - 1) for share in shares]
        return torch.tensor(found, device=self.alphas_cumprod.device)

    def noise_ratio(self, timesteps: Tensor) -> Tensor:
        """√((1 − ᾱ)/ᾱ); infinite at pure noise."""
        alpha = self.alphas_cumprod[timesteps]
        return ((1 - alpha) / alpha).sqrt()

    def weights(self, timesteps: Tensor, settings: LossSettings) -> Tensor | None:
        """Min-SNR-γ (Hang et al. 2023) or debiased estimation (Yu et al. 2023), by the settings."""
        alpha = self.alphas_cumprod[timesteps]
        snr = alpha / (1 - alpha)
        if settings.weighting == "min-snr" and settings.min_snr_gamma:
            return self._min_snr(snr, settings.min_snr_gamma)
        return self._debiased(snr) if settings.weighting == "debiased" else None

    @abstractmethod
    def _min_snr(self, snr: Tensor, gamma: float) -> Tensor: ...

    @abstractmethod
    def _debiased(self, snr: Tensor) -> Tensor: ...

    def _shares(self, timesteps: Tensor) -> tuple[Tensor, Tensor]:
        """(√ᾱ, √(1 − ᾱ)) [B, 1, 1, 1]."""
        alpha = self.alphas_cumprod[timesteps].view(-1, 1, 1, 1)
        return alpha.sqrt(), (1 - alpha).sqrt()

    def _shares_near(self, timestep: Tensor, device: torch.device) -> tuple[Tensor, Tensor]:
        """(√ᾱ, √(1 − ᾱ)) at one timestep, also between two."""
        shares, place = self.alphas_cumprod.to(device), float(timestep)
        low = int(place)
        high = min(low + 1, self.count - 1)
        share = torch.lerp(shares[low], shares[high], place - low).clamp(min=1e-6)
        return share.sqrt(), (1 - share).sqrt()


class Epsilon(Diffusion):
    """The network predicts the noise ε."""

    def target(self, latents: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        """ε."""
        return noise

    def clean(self, inputs: Tensor, prediction: Tensor, timestep: Tensor) -> Tensor:
        """x₀ = (x − √(1 − ᾱ)·ε)/√ᾱ."""
        signal, share = self._shares_near(timestep, inputs.device)
        return (inputs - share * prediction) / signal

    def _min_snr(self, snr: Tensor, gamma: float) -> Tensor:
        """Hang et al. 2023, eq. 7."""
        # 0/0 where the last timestep has no signal
        return (snr.clamp(max=gamma) / snr).nan_to_num(1.0)

    def _debiased(self, snr: Tensor) -> Tensor:
        """1/√SNR, limited to that of an SNR of 1/1000, which only zero-terminal SNR goes below."""
        return snr.clamp(min=1e-3).rsqrt()


class Velocity(Diffusion):
    """The network predicts v = √ᾱ · ε − √(1 − ᾱ) · x₀ (Salimans & Ho 2022)."""

    def target(self, latents: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        """v."""
        signal, share = self._shares(timesteps)
        return signal * noise - share * latents

    def clean(self, inputs: Tensor, prediction: Tensor, timestep: Tensor) -> Tensor:
        """x₀ = √ᾱ·x − √(1 − ᾱ)·v."""
        signal, share = self._shares_near(timestep, inputs.device)
        return signal * inputs - share * prediction

    def _min_snr(self, snr: Tensor, gamma: float) -> Tensor:
        """Hang et al. 2023, appendix."""
        return snr.clamp(max=gamma) / (snr + 1)

    def _debiased(self, snr: Tensor) -> Tensor:
        """The same weight on the x₀ error as with ε: √SNR, so √SNR / (SNR + 1) on the v error."""
        return snr.sqrt() / (snr + 1)


def zero_terminal_snr(alphas_cumprod: Tensor) -> Tensor:
    """ᾱ [T] with √ᾱ moved and stretched so that the last is 0 and the first stays.

    Lin et al. 2023, algorithm 1.
    """
    root = alphas_cumprod.double().sqrt()
    stretched = (root - root[-1]) * root[0] / (root[0] - root[-1])
    return stretched.square().to(alphas_cumprod)
