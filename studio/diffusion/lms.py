"""The LMS sampler: linear multistep over the noise levels, without SciPy.

Owns: its coefficients and its step. Everything else is diffusers' Euler scheduler, whose noise
levels are the same. diffusers' own LMS integrates with SciPy, which nothing else here needs; the
integrand is a polynomial of third degree, so the integral is exact. Source: Katherine Crowson's
k-diffusion, `linear_multistep_coeff`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from diffusers import EulerDiscreteScheduler

ORDER = 4


class LmsScheduler(EulerDiscreteScheduler):
    """Euler's schedule, up to four derivatives remembered."""

    def set_timesteps(self, *arguments: Any, **named: Any) -> None:
        """See diffusers; forgets derivatives of an earlier image."""
        super().set_timesteps(*arguments, **named)
        self.derivatives: list[torch.Tensor] = []

    def step(
        self,
        model_output: torch.Tensor,
        timestep: torch.Tensor,
        sample: torch.Tensor,
        return_dict: bool = False,
        **_: Any,
    ) -> tuple[torch.Tensor]:
        """Prediction and noisy latents [B, C, h, w] → latents at the next noise level."""
        if self.step_index is None:
            self._init_step_index(timestep)
        place = int(self.step_index)
        sigma = self.sigmas[place]
        if self.config.prediction_type == "epsilon":
            clean = sample - sigma * model_output
        else:  # v, Salimans & Ho 2022
            clean = sample / (sigma**2 + 1) - model_output * sigma / (sigma**2 + 1) ** 0.5
        self.derivatives = [(sample - clean) / sigma, *self.derivatives[: ORDER - 1]]
        levels = [float(value) for value in self.sigmas[: place + 2]]
        for weight, derivative in zip(
            coefficients(levels, len(self.derivatives)), self.derivatives, strict=True
        ):
            sample = sample + weight * derivative
        self._step_index = place + 1
        return (sample,)


def coefficients(levels: list[float], order: int) -> list[float]:
    """Weights of the last `order` derivatives, newest first, for the last step of `levels`.

    Each is the integral from the last level but one to the last of the Lagrange polynomial that
    is 1 at the derivative's own level and 0 at the others'.
    """
    *known, target = levels
    places = known[::-1][:order]
    found = []
    for own in places:
        polynomial = np.polynomial.Polynomial([1.0])
        for other in places:
            if other != own:
                polynomial *= np.polynomial.Polynomial([-other, 1.0]) / (own - other)
        integral = polynomial.integ()
        found.append(float(integral(target) - integral(known[-1])))
    return found
