"""The process a base was trained on: how noise is added, what is predicted, what noise is left.

Owns: its arithmetic, for bases that predict noise (ε), velocity (v) or flow. Nobody else asks for
ᾱ or σ. Refuses to know: networks, samplers (`studio.diffusion.samplers`), losses.

A timestep is what the network is told: an index 0 … count − 1 into ᾱ for ε and v, 1000·σ in
(0, 1000] for flow.

Shapes: B items · C latent channels · h × w latent size.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, Self

import torch
from torch import Tensor

from studio.core.errors import UnavailableError
from studio.diffusion.noise import drawn_place
from studio.diffusion.seeds import generator
from studio.families.base import Base
from studio.settings.training import LossSettings

Kind = Literal["diffusion", "flow"]


class Process(ABC):
    """From clean latents to noise, and back by one prediction."""

    kind: ClassVar[Kind]
    """Which samplers serve it."""
    count: int
    """Timesteps; also the number just above the noisiest."""

    @abstractmethod
    def to(self, device: torch.device) -> Self:
        """The same with its tables on `device`."""

    @abstractmethod
    def at(self, height: int, width: int) -> Self:
        """The process for latents of this size; some bases are trained noisier on larger ones."""

    @abstractmethod
    def add_noise(self, latents: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        """Latents and noise [B, C, h, w], timesteps [B] → noisy latents."""

    @abstractmethod
    def target(self, latents: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        """What the network should predict [B, C, h, w]."""

    @abstractmethod
    def clean(self, inputs: Tensor, prediction: Tensor, timestep: Tensor) -> Tensor:
        """Latents without noise [B, C, h, w] as a prediction for `inputs` at one timestep has them.

        `inputs` are what the network was given: as `add_noise` makes them, also between timesteps.
        """

    @abstractmethod
    def draw_timestep(self, seed: int, step: int, item: int, settings: LossSettings) -> float:
        """The timestep at which an item of a step is trained, between the settings' shares."""

    @abstractmethod
    def timesteps_at(self, shares: Sequence[float]) -> Tensor:
        """Fixed timesteps at these shares of all, from clean 0 to noisy 1."""

    @abstractmethod
    def noise_ratio(self, timesteps: Tensor) -> Tensor:
        """The standard deviation of the noise over the share of the signal, per item [B]."""

    def weights(self, timesteps: Tensor, settings: LossSettings) -> Tensor | None:
        """The weight of each item's loss [B], or None when all count alike."""
        return None


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


def process_of(base: Base, zero_terminal: bool = False) -> Process:
    """The process that `base` was trained on, by its objective, on its device.

    `zero_terminal` rescales the noise of ε and v (see `zero_terminal_snr`); a flow ends there anyway.
    Raises UnavailableError for an objective that is not known.
    """
    made: Process
    if base.prediction_type == "flow_prediction":
        made = Flow.of(base.scheduler_config)
    elif base.prediction_type == "epsilon":
        made = Epsilon.of(base.scheduler_config, zero_terminal)
    elif base.prediction_type == "v_prediction":
        made = Velocity.of(base.scheduler_config, zero_terminal)
    else:
        raise UnavailableError(
            f"What “{base.name}” predicts is not known here",
            where=base.prediction_type,
            remedy="Choose a base that predicts noise, v or flow.",
        )
    return made.to(base.device)


def zero_terminal_snr(alphas_cumprod: Tensor) -> Tensor:
    """ᾱ [T] with √ᾱ moved and stretched so that the last is 0 and the first stays.

    Lin et al. 2023, algorithm 1.
    """
    root = alphas_cumprod.double().sqrt()
    stretched = (root - root[-1]) * root[0] / (root[0] - root[-1])
    return stretched.square().to(alphas_cumprod)
