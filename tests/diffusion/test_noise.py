"""Randomness and the noise made of it, against what their formulas promise."""

from __future__ import annotations

import torch

from studio.diffusion import noise
from studio.diffusion.noise import drawn_place


def test_draws_depend_on_every_key_and_on_nothing_else() -> None:
    torch.manual_seed(1)
    first = noise.training_noise((4, 8, 8), 1, 2, 3)
    torch.manual_seed(99)
    torch.randn(7)
    assert torch.equal(first, noise.training_noise((4, 8, 8), 1, 2, 3))
    others = [(2, 2, 3), (1, 3, 3), (1, 2, 4)]
    assert all(not torch.equal(first, noise.training_noise((4, 8, 8), *key)) for key in others)
    state = torch.get_rng_state()
    drawn_place(1, 2, 3, logit_normal=True)
    assert torch.equal(state, torch.get_rng_state()), "the global generator is not touched"


def test_noise_offset_shifts_channels() -> None:
    plain = noise.training_noise((4, 64, 64), 1, 1, 1)
    shifted = noise.training_noise((4, 64, 64), 1, 1, 1, offset=0.5) - plain
    assert shifted.std(dim=(1, 2)).max() < 1e-6, "one constant per channel"
    assert shifted.abs().max() > 0.05


def test_pyramid_noise_is_coarser_and_of_unit_variance() -> None:
    def rough(noise_: torch.Tensor) -> float:  # variance of 8 × 8 means: 1/64 for white noise
        return float(torch.nn.functional.avg_pool2d(noise_, 8).var())

    plain = noise.training_noise((4, 64, 64), 1, 1, 1)
    pyramid = noise.training_noise((4, 64, 64), 1, 1, 1, pyramid=0.7)
    assert rough(plain) < 0.03 and rough(pyramid) > 0.15
    assert abs(float(pyramid.std()) - 1) < 1e-5
    assert torch.equal(pyramid, noise.training_noise((4, 64, 64), 1, 1, 1, pyramid=0.7))
    assert noise.training_noise((4, 3, 5), 1, 1, 1, pyramid=0.7).shape == (4, 3, 5)


def test_places_are_uniform_or_dense_in_the_middle() -> None:
    def places(**more: float | bool) -> torch.Tensor:
        return torch.tensor([drawn_place(1, step, 0, **more) for step in range(2000)])  # type: ignore[arg-type]

    even, middle = places(), places(logit_normal=True)
    assert even.min() >= 0 and even.max() < 1 and abs(even.mean() - 0.5) < 0.02
    # u = sigmoid(z), z standard normal: quartiles at sigmoid(±0.6745)
    quartiles = torch.quantile(middle, torch.tensor([0.25, 0.5, 0.75]))
    expected = torch.sigmoid(torch.tensor([-0.6745, 0.0, 0.6745]))
    torch.testing.assert_close(quartiles, expected, atol=0.02, rtol=0)
    assert abs(places(logit_normal=True, bias=1.0).median() - torch.tensor(1.0).sigmoid()) < 0.03
