"""What a diffusion process must answer: how noise is added, what is predicted, what is clean.

Owns: the contract. Refuses to know: networks, samplers (`studio.diffusion.samplers`), losses.

A timestep is what the network is told: an index 0 … count − 1 into ᾱ for ε and v, 1000·σ in
(0, 1000] for flow.

Shapes: B items · C latent channels · h × w latent size.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Literal, Self

import torch
from torch import Tensor

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
