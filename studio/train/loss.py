"""What an error counts: its shape, its weight by timestep, and by place in the picture.

Owns: the arithmetic between a prediction and the loss of an item. Refuses to know: models, batches.

Shapes: B items · C latent channels · h × w latent size.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from studio.settings.training import LossSettings
from studio.train.noise import NoiseSchedule


def item_errors(
    prediction: Tensor,
    target: Tensor,
    timesteps: Tensor,
    schedule: NoiseSchedule,
    settings: LossSettings,
    places: Tensor | None = None,
) -> Tensor:
    """The error of each item [B], fp32, before its weight by timestep.

    prediction, target [B, C, h, w]; timesteps [B]; `places` [B, 1, h, w] weighs places of the
    picture against each other: a weighted mean, so an item counts as much under a small mask.
    """
    error = _each(prediction.float(), target, timesteps, schedule, settings)
    if places is None:
        return error.mean((1, 2, 3))
    total = places.sum((1, 2, 3)).clamp(min=1e-6)  # an empty mask gives 0, not a division by 0
    return (error * places).sum((1, 2, 3)) / (total * error.shape[1])


def step_weights(
    timesteps: Tensor, schedule: NoiseSchedule, settings: LossSettings
) -> Tensor | None:
    """The weight of each item [B] by its timestep, or None when all count alike."""
    if settings.weighting == "min-snr" and settings.min_snr_gamma:
        return schedule.min_snr_weight(timesteps, settings.min_snr_gamma)
    if settings.weighting == "debiased":
        return schedule.debiased_weight(timesteps)
    return None


def huber_deltas(timesteps: Tensor, schedule: NoiseSchedule, settings: LossSettings) -> Tensor:
    """δ per item [B] (Khrapov et al. 2024, “Scheduled Pseudo-Huber Loss”).

    exponential: δ^(t/T), from 1 down to δ. snr: (1 − δ) / (1 + σ_t)² + δ with σ² = (1 − ᾱ)/ᾱ.
    """
    delta = torch.full(timesteps.shape, settings.huber_delta, device=timesteps.device)
    if settings.huber_schedule == "exponential":
        return delta ** (timesteps / schedule.count)
    if settings.huber_schedule == "snr":
        alpha = schedule.alphas_cumprod[timesteps]
        sigma = ((1 - alpha) / alpha).sqrt()  # infinite at pure noise: δ itself is left
        return (1 - delta) / (1 + sigma) ** 2 + delta
    return delta


def _each(
    prediction: Tensor,
    target: Tensor,
    timesteps: Tensor,
    schedule: NoiseSchedule,
    settings: LossSettings,
) -> Tensor:
    """Errors per element. Pseudo-Huber (Charbonnier et al. 1994): 2δ(√(d² + δ²) − δ), which is d²
    for small d and 2δ|d| for large; smooth L1 is the same divided by δ."""
    if settings.type == "l2":
        return functional.mse_loss(prediction, target, reduction="none")
    delta = huber_deltas(timesteps, schedule, settings).view(-1, 1, 1, 1)
    bent = ((prediction - target).square() + delta.square()).sqrt() - delta
    return 2 * bent * delta if settings.type == "huber" else 2 * bent
