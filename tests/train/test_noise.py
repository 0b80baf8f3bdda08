"""Randomness and the forward process, against plain formulas and diffusers' own scheduler."""

from __future__ import annotations

import torch
from diffusers import DDPMScheduler

from studio.train import noise

SCHEDULER = {
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
}


def test_draws_depend_on_every_key_and_on_nothing_else() -> None:
    torch.manual_seed(1)
    first = noise.training_noise((4, 8, 8), 1, 2, 3)
    torch.manual_seed(99)
    torch.randn(7)
    assert torch.equal(first, noise.training_noise((4, 8, 8), 1, 2, 3))
    others = [(2, 2, 3), (1, 3, 3), (1, 2, 4)]
    assert all(not torch.equal(first, noise.training_noise((4, 8, 8), *key)) for key in others)
    state = torch.get_rng_state()
    noise.training_timestep(1, 2, 3, 1000)
    assert torch.equal(state, torch.get_rng_state()), "the global generator is not touched"


def test_noise_offset_shifts_channels() -> None:
    plain = noise.training_noise((4, 64, 64), 1, 1, 1)
    shifted = noise.training_noise((4, 64, 64), 1, 1, 1, offset=0.5) - plain
    assert shifted.std(dim=(1, 2)).max() < 1e-6, "one constant per channel"
    assert shifted.abs().max() > 0.05


def test_add_and_targets_match_diffusers() -> None:
    reference = DDPMScheduler(**SCHEDULER)
    latents, eps = torch.randn(5, 4, 8, 8), torch.randn(5, 4, 8, 8)
    timesteps = torch.tensor([0, 10, 500, 900, 999])
    for prediction, target in (("epsilon", eps), ("v_prediction", None)):
        schedule = noise.NoiseSchedule(SCHEDULER, prediction)
        expected = target if target is not None else reference.get_velocity(latents, eps, timesteps)
        torch.testing.assert_close(
            schedule.add(latents, eps, timesteps), reference.add_noise(latents, eps, timesteps)
        )
        torch.testing.assert_close(schedule.target(latents, eps, timesteps), expected)


def test_min_snr_caps_easy_timesteps_only() -> None:
    schedule = noise.NoiseSchedule(SCHEDULER, "epsilon")
    weights = schedule.min_snr_weight(torch.tensor([1, 200, 500, 999]), 5.0)
    assert weights[0] < 0.01 and weights[3] == 1 and (weights.diff() >= 0).all()
    easy = noise.NoiseSchedule(SCHEDULER, "v_prediction").min_snr_weight(torch.tensor([999]), 5.0)
    assert easy < 0.01, "for v the weight is min(SNR, γ) / (SNR + 1)"


def test_pyramid_noise_is_coarser_and_of_unit_variance() -> None:
    def rough(noise_: torch.Tensor) -> float:  # variance of 8 × 8 means: 1/64 for white noise
        return float(torch.nn.functional.avg_pool2d(noise_, 8).var())

    plain = noise.training_noise((4, 64, 64), 1, 1, 1)
    pyramid = noise.training_noise((4, 64, 64), 1, 1, 1, pyramid=0.7)
    assert rough(plain) < 0.03 and rough(pyramid) > 0.15
    assert abs(float(pyramid.std()) - 1) < 1e-5
    assert torch.equal(pyramid, noise.training_noise((4, 64, 64), 1, 1, 1, pyramid=0.7))
    assert noise.training_noise((4, 3, 5), 1, 1, 1, pyramid=0.7).shape == (4, 3, 5)


def test_timesteps_stay_in_their_range_and_lean_where_they_should() -> None:
    def drawn(*more: float) -> torch.Tensor:
        return torch.tensor(
            [noise.training_timestep(1, s, 0, 1000, *more) for s in range(600)]
        ).float()

    part = drawn(0.4, 0.6)
    assert part.min() >= 400 and part.max() < 600 and part.max() - part.min() > 180
    assert 460 < drawn().mean() < 540
    noisy, clean = drawn(0.0, 1.0, 1.0), drawn(0.0, 1.0, -1.0)
    assert 630 < noisy.mean() < 700, "density grows linearly: mean 2/3"
    assert 300 < clean.mean() < 370, "u²: mean 1/3"
    assert noise.training_timestep(1, 1, 0, 1000, 0.9995, 1.0) == 999
