"""What an error counts, against plain formulas and torch's and diffusers' own."""

from __future__ import annotations

import pytest
import torch
from diffusers.schedulers.scheduling_ddim import rescale_zero_terminal_snr

from studio.settings.training import LossSettings
from studio.train import noise
from studio.train.loss import huber_deltas, item_errors, step_weights
from tests.train.test_noise import SCHEDULER

T = torch.tensor([0, 500, 999])


def schedule(prediction: str = "epsilon", zero: bool = False) -> noise.NoiseSchedule:
    return noise.NoiseSchedule(dict(SCHEDULER), prediction, zero)


def errors(distance: float, timesteps: torch.Tensor = T, **settings) -> torch.Tensor:
    target = torch.zeros(len(timesteps), 4, 8, 8)
    made = LossSettings(**settings)
    return item_errors(target + distance, target, timesteps, schedule(), made)


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
        return huber_deltas(T, schedule(zero=zero), settings).tolist()

    assert deltas("constant") == pytest.approx([0.1] * 3)
    assert deltas("exponential") == pytest.approx([1, 0.1**0.5, 0.1**0.999])
    alpha = schedule().alphas_cumprod[T]
    sigma = ((1 - alpha) / alpha).sqrt()
    assert deltas("snr") == pytest.approx((0.9 / (1 + sigma) ** 2 + 0.1).tolist())
    assert deltas("snr", zero=True)[-1] == pytest.approx(0.1), "pure noise"
    assert (
        errors(1.0, type="huber", huber_schedule="exponential")[0]
        > 4 * errors(1.0, type="huber")[0]
    )


def test_weights_of_timesteps() -> None:
    base = schedule()
    alpha = base.alphas_cumprod[T]
    snr = alpha / (1 - alpha)
    weights = step_weights(T, base, LossSettings(weighting="debiased"))
    torch.testing.assert_close(weights, 1 / snr.sqrt())
    on_v = step_weights(T, schedule("v_prediction"), LossSettings(weighting="debiased"))
    # an error of v is SNR + 1 times that of x₀, one of ε SNR times: the same weight on x₀
    torch.testing.assert_close(on_v * (snr + 1), weights * snr)
    torch.testing.assert_close(step_weights(T, base, LossSettings()), snr.clamp(max=5) / snr)
    assert step_weights(T, base, LossSettings(weighting="none")) is None
    assert step_weights(T, base, LossSettings(min_snr_gamma=0)) is None


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
@pytest.mark.parametrize("weighting", ["min-snr", "debiased"])
def test_zero_terminal_snr_is_that_of_diffusers_and_stays_finite(
    prediction: str, weighting: str
) -> None:
    made = schedule(prediction, zero=True)
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64).square()
    expected = (1 - rescale_zero_terminal_snr(betas)).cumprod(0).float()
    torch.testing.assert_close(made.alphas_cumprod, expected, atol=1e-6, rtol=1e-4)
    assert made.alphas_cumprod[-1] == 0 and schedule().alphas_cumprod[-1] > 0
    weights = step_weights(T, made, LossSettings(weighting=weighting))  # type: ignore[arg-type]
    assert weights is not None and torch.isfinite(weights).all()


def test_places_weigh_against_each_other() -> None:
    target = torch.zeros(2, 4, 2, 2)
    prediction = target.clone()
    prediction[:, :, 0, 0] = 2.0
    places = torch.full((2, 1, 2, 2), 0.1)
    places[0, :, 0, 0] = 1.0
    error = item_errors(prediction, target, T[:2], schedule(), LossSettings(), places)
    assert error.tolist() == pytest.approx([4 * 1 / 1.3, 4 * 0.1 / 0.4])
    nothing = item_errors(prediction, target, T[:2], schedule(), LossSettings(), places * 0)
    assert nothing.tolist() == [0, 0], "an empty mask is no division by zero"
