"""What an error counts, against plain formulas and torch's and diffusers' own."""

from __future__ import annotations

import pytest
import torch

from studio.diffusion.flow import Flow
from studio.settings.training import LossSettings
from studio.train.objective import huber_deltas, item_errors
from tests.diffusion.test_process import T, diffusion


def errors(distance: float, timesteps: torch.Tensor = T, **settings) -> torch.Tensor:
    target = torch.zeros(len(timesteps), 4, 8, 8)
    made = LossSettings(**settings)
    return item_errors(target + distance, target, timesteps, diffusion(), made)


def test_huber_is_squared_when_small_and_straight_when_large() -> None:
    assert torch.equal(errors(0.3), torch.full((3,), 0.3) ** 2)
    small, large = (errors(d, type="huber", huber_delta=1.0) for d in (1e-2, 100.0))
    torch.testing.assert_close(small, torch.full((3,), 1e-4), rtol=1e-2, atol=0)
    torch.testing.assert_close(large, torch.full((3,), 200.0), rtol=2e-2, atol=0)
    smooth = errors(0.7, type="smooth-l1", huber_delta=0.2)
    torch.testing.assert_close(smooth * 0.2, errors(0.7, type="huber", huber_delta=0.2))


def test_delta_falls_with_the_noise() -> None:
    def deltas(kind: str, zero: bool = False) -> list[float]:
        settings = LossSettings(type="huber", huber_delta=0.1, huber_schedule=kind)  # type: ignore[arg-type]
        return huber_deltas(T, diffusion(zero=zero), settings).tolist()

    assert deltas("constant") == pytest.approx([0.1] * 3)
    assert deltas("exponential") == pytest.approx([1, 0.1**0.5, 0.1**0.999])
    alpha = diffusion().alphas_cumprod[T]
    sigma = ((1 - alpha) / alpha).sqrt()
    assert deltas("snr") == pytest.approx((0.9 / (1 + sigma) ** 2 + 0.1).tolist())
    assert deltas("snr", zero=True)[-1] == pytest.approx(0.1), "pure noise"
    flow = LossSettings(type="huber", huber_delta=0.1, huber_schedule="snr")
    half = huber_deltas(torch.tensor([500.0]), Flow(3.0), flow)
    assert half.tolist() == pytest.approx([0.9 / 4 + 0.1]), "as much noise as signal"
    assert (
        errors(1.0, type="huber", huber_schedule="exponential")[0]
        > 4 * errors(1.0, type="huber")[0]
    )


def test_places_weigh_against_each_other() -> None:
    target = torch.zeros(2, 4, 2, 2)
    prediction = target.clone()
    prediction[:, :, 0, 0] = 2.0
    places = torch.full((2, 1, 2, 2), 0.1)
    places[0, :, 0, 0] = 1.0
    error = item_errors(prediction, target, T[:2], diffusion(), LossSettings(), places)
    assert error.tolist() == pytest.approx([4 * 1 / 1.3, 4 * 0.1 / 0.4])
    nothing = item_errors(prediction, target, T[:2], diffusion(), LossSettings(), places * 0)
    assert nothing.tolist() == [0, 0], "an empty mask is no division by zero"
