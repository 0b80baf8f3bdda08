"""What training minimises: noise added, a prediction asked for, its error weighted and averaged.

Owns: one objective for the training loss and for the validation loss, which has fixed noise; the shape
of an error, its weight by timestep and by place in the image. Refuses to know: the loop, where items
come from, how noise is added (`studio.diffusion.process`).

Shapes: B items · C latent channels · h × w latent size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from studio.diffusion.contract import Process
from studio.diffusion.noise import training_noise
from studio.diffusion.process import process_of
from studio.diffusion.seeds import gaussian
from studio.families.base import Base
from studio.families.conditioning import Conditioning
from studio.settings.training import LossSettings

PLAIN = LossSettings(weighting="none")
"""The squared error, whatever a run minimises: validation losses of runs stay comparable."""
LEVELS = (0.1, 0.35, 0.6, 0.85)
"""Where the validation loss looks: timesteps as shares of all."""


@dataclass(frozen=True)
class Batch:
    """Items of one size, as the objective needs them."""

    moments: Tensor
    """What the VAE's encoder says of them [B, 2C, h, w]."""
    conditioning: Conditioning
    size: tuple[int, int]
    """(height, width) in pixels."""
    places: Tensor | None = None
    """Weights [B, 1, h, w] of places against each other; None when all count alike."""


class Objective:
    """The loss of batches on one base."""

    def __init__(self, base: Base, settings: LossSettings) -> None:
        self.base, self.settings = base, settings
        self.process = process_of(base, settings.zero_terminal_snr)

    def loss(self, batch: Batch, seed: int, step: int, keys: Sequence[int]) -> Tensor:
        """The weighted mean over items of their errors; an item's draws depend on its key alone."""
        what, device = self.settings, batch.moments
        shape = (self.base.latent_channels, *batch.moments.shape[2:])
        posterior = [gaussian(shape, seed, "posterior", step, key) for key in keys]
        latents = self.base.sample_latents(batch.moments, torch.stack(posterior).to(device))
        noise = torch.stack(
            [
                training_noise(shape, seed, step, key, what.noise_offset, what.pyramid_noise)
                for key in keys
            ]
        ).to(device)
        seen = noise
        if what.input_perturbation:  # Ning et al. 2023, eq. 9: the target stays the plain noise
            extra = [gaussian(shape, seed, "perturbation", step, key) for key in keys]
            seen = noise + what.input_perturbation * torch.stack(extra).to(device)
        process = self.process.at(shape[1], shape[2])
        places = [process.draw_timestep(seed, step, key, what) for key in keys]
        timesteps = torch.tensor(places, device=self.base.device)
        noisy = self.process.add_noise(latents, seen, timesteps)
        prediction = self.predict(noisy, timesteps, batch)
        target = self.process.target(latents, noise, timesteps)
        error = item_errors(prediction, target, timesteps, self.process, what, batch.places)
        weights = self.process.weights(timesteps, what)
        return (error if weights is None else error * weights).mean()

    def validation_loss(self, batch: Batch, seed: int, place: int) -> Tensor:
        """The squared error of a batch of one item at fixed timesteps, with noise fixed by `place`."""
        shape = (len(LEVELS), self.base.latent_channels, *batch.moments.shape[2:])
        return self.errors_at(batch, LEVELS, gaussian(shape, seed, "probe", place)).mean()

    def errors_at(self, batch: Batch, levels: Sequence[float], noise: Tensor) -> Tensor:
        """The squared errors [L] of a batch of one item at timesteps that are shares of all, each with
        its own noise [L, C, h, w]. Nothing is drawn."""
        moments = batch.moments
        latents = self.base.sample_latents(moments, torch.zeros_like(moments[:, : noise.shape[1]]))
        noise = noise.to(latents)
        timesteps = self.process.timesteps_at(levels).to(latents.device)
        latents = latents.expand(noise.shape)
        rows = batch.conditioning.select([0] * len(levels))
        noisy = self.process.add_noise(latents, noise, timesteps)
        prediction = self.predict(noisy, timesteps, Batch(moments, rows, batch.size, batch.places))
        target = self.process.target(latents, noise, timesteps)
        return item_errors(prediction, target, timesteps, self.process, PLAIN, batch.places)

    def predict(self, noisy: Tensor, timesteps: Tensor, batch: Batch) -> Tensor:
        """The network's prediction [B, C, h, w] for noisy latents of a batch."""
        return self.base.denoise(
            noisy.to(self.base.dtype), timesteps, batch.conditioning, batch.size
        )


def item_errors(
    prediction: Tensor,
    target: Tensor,
    timesteps: Tensor,
    process: Process,
    settings: LossSettings,
    places: Tensor | None = None,
) -> Tensor:
    """The error of each item [B], fp32, before its weight by timestep.

    prediction, target [B, C, h, w]; timesteps [B]; `places` [B, 1, h, w] weighs places of the
    image against each other: a weighted mean, so an item counts as much under a small mask.
    """
    error = _each(prediction.float(), target, timesteps, process, settings)
    if places is None:
        return error.mean((1, 2, 3))
    total = places.sum((1, 2, 3)).clamp(min=1e-6)  # an empty mask gives 0, not a division by 0
    return (error * places).sum((1, 2, 3)) / (total * error.shape[1])


def huber_deltas(timesteps: Tensor, process: Process, settings: LossSettings) -> Tensor:
    """δ per item [B] (Khrapov et al. 2024, “Scheduled Pseudo-Huber Loss”).

    exponential: δ^(t/T), from 1 down to δ. snr: (1 − δ) / (1 + σ_t)² + δ with σ noise over signal.
    """
    delta = torch.full(timesteps.shape, settings.huber_delta, device=timesteps.device)
    if settings.huber_schedule == "exponential":
        return delta ** (timesteps / process.count)
    if settings.huber_schedule == "snr":
        ratio = process.noise_ratio(timesteps)  # infinite at pure noise: δ itself is left
        return (1 - delta) / (1 + ratio) ** 2 + delta
    return delta


def _each(
    prediction: Tensor,
    target: Tensor,
    timesteps: Tensor,
    process: Process,
    settings: LossSettings,
) -> Tensor:
    """Errors per element. Pseudo-Huber (Charbonnier et al. 1994): 2δ(√(d² + δ²) − δ), which is d²
    for small d and 2δ|d| for large; smooth L1 is the same divided by δ."""
    if settings.type == "l2":
        return functional.mse_loss(prediction, target, reduction="none")
    delta = huber_deltas(timesteps, process, settings).view(-1, 1, 1, 1)
    bent = ((prediction - target).square() + delta.square()).sqrt() - delta
    return 2 * bent * delta if settings.type == "huber" else 2 * bent
