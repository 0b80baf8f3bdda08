"""Samplers honour the base's schedule; LMS integrates as its formula says."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest
import torch

from studio.families.base import Base
from studio.infer import engine, samplers
from studio.infer.lms import coefficients
from studio.settings.training import GenerateSettings, Sampler


@pytest.mark.parametrize("sampler", get_args(Sampler))
def test_zero_terminal_snr_is_honoured(sd2: Base, sampler: Sampler) -> None:
    schedule = {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}
    base = replace(sd2, scheduler_config={**sd2.scheduler_config, **schedule})
    made = samplers.scheduler(base, sampler, 5)
    assert float(made.alphas_cumprod[-1]) < 1e-7 < float(made.alphas_cumprod[-2])
    assert float(made.timesteps[0]) >= 998
    before = samplers.scheduler(sd2, sampler, 5)
    assert float(before.alphas_cumprod[-1]) > 1e-3
    picture = engine.generate(
        base, GenerateSettings(prompt="a cat", count=1, steps=5, sampler=sampler)
    )[0]
    assert picture.image.getextrema() != ((0, 0),) * 3


def test_trailing_timesteps_are_spaced_evenly_up_to_the_last(sd2: Base) -> None:
    base = replace(sd2, scheduler_config={**sd2.scheduler_config, "timestep_spacing": "trailing"})
    names: list[Sampler] = ["DDIM", "Euler", "DPM++ 2M", "DPM++ SDE", "PLMS", "LMS"]
    for sampler in names:
        found = samplers.scheduler(base, sampler, 4).timesteps
        assert list(dict.fromkeys(int(t) for t in found)) == [999, 749, 499, 249], sampler


def test_a_schedule_written_for_another_solver_is_not_its_choice(sd1: Base) -> None:
    foreign = {"use_karras_sigmas": True, "solver_order": 1, "algorithm_type": "dpmsolver++"}
    base = replace(sd1, scheduler_config={**sd1.scheduler_config, **foreign})
    names: list[Sampler] = ["DPM++ 2M", "Euler", "UniPC"]
    for sampler in names:
        expected = samplers.scheduler(sd1, sampler, 6)
        found = samplers.scheduler(base, sampler, 6)
        assert torch.equal(found.timesteps, expected.timesteps)
        assert found.config.get("solver_order") == expected.config.get("solver_order")


def test_steps_of_evaluations() -> None:
    def steps(evaluations: int, steps: int) -> list[int]:
        course = samplers.Course(None, torch.zeros(evaluations), steps)
        return [course.step_of(index) for index in range(evaluations)]

    assert steps(4, 4) == [0, 1, 2, 3]
    assert steps(7, 4) == [0, 0, 1, 1, 2, 2, 3]  # second order: all but the last step twice
    assert steps(5, 4) == [0, 0, 1, 2, 3]  # PLMS: the first step twice


def test_lms_coefficients() -> None:
    # on an even grid they are those of Adams and Bashforth
    assert coefficients([4.0, 3.0], 1) == pytest.approx([-1.0])
    assert coefficients([4.0, 3.0, 2.0], 2) == pytest.approx([-3 / 2, 1 / 2])
    assert coefficients([5.0, 4.0, 3.0, 2.0, 1.0], 4) == pytest.approx(
        [-55 / 24, 59 / 24, -37 / 24, 9 / 24]
    )
    # on any grid a cubic is integrated exactly
    levels = [9.0, 5.5, 3.1, 2.0, 0.7]
    weights = coefficients(levels, 4)
    found = sum(w * level**3 for w, level in zip(weights, levels[3::-1], strict=True))
    assert found == pytest.approx((0.7**4 - 2.0**4) / 4)


def test_lms_with_one_derivative_is_euler_and_later_it_is_not(sd1: Base) -> None:
    def draw(sampler: Sampler, steps: int) -> torch.Tensor:
        pair = sd1.encode_pair("", "a red cat")
        noise = engine.initial_noise(sd1, 3, 32, 32)
        return engine.draw(
            sd1, pair[1], pair[0], noise, sampler=sampler, steps=steps, guidance=3, size=(32, 32)
        ).int()

    assert int((draw("LMS", 1) - draw("Euler", 1)).abs().max()) <= 1
    exact = draw("Heun", 60)
    assert (draw("LMS", 12) - exact).abs().float().mean() < (
        draw("Euler", 12) - exact
    ).abs().float().mean()
