"""Samplers honour the base's schedule; LMS integrates as its formula says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, get_args

import pytest
import torch

from studio.core.errors import SettingsError
from studio.diffusion import samplers
from studio.diffusion.flow import Flow
from studio.diffusion.lms import coefficients
from studio.diffusion.process import process_of
from studio.families.base import Base
from studio.infer import engine
from studio.infer.batches import sampled
from studio.infer.options import Job, SamplingOptions
from studio.settings.training import GenerateSettings, Sampler
from tests.near import assert_near


def scheduler(base: Base, sampler: Sampler, steps: int) -> Any:
    return samplers.scheduler(base, process_of(base), sampler, steps)


def test_the_list_that_people_see_is_the_table() -> None:
    assert set(get_args(Sampler)) == set(samplers.SAMPLERS)


@pytest.mark.parametrize("sampler", get_args(Sampler))
def test_zero_terminal_snr_is_honoured(sd2: Base, sampler: Sampler) -> None:
    schedule = {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}
    base = replace(sd2, scheduler_config={**sd2.scheduler_config, **schedule})
    made = scheduler(base, sampler, 5)
    assert float(made.alphas_cumprod[-1]) < 1e-7 < float(made.alphas_cumprod[-2])
    assert float(made.timesteps[0]) >= 998
    before = scheduler(sd2, sampler, 5)
    assert float(before.alphas_cumprod[-1]) > 1e-3
    made = engine.generate(
        base, GenerateSettings(prompt="a cat", count=1, steps=5, sampler=sampler)
    )[0]
    assert made.image.getextrema() != ((0, 0),) * 3


def test_trailing_timesteps_are_spaced_evenly_up_to_the_last(sd2: Base) -> None:
    base = replace(sd2, scheduler_config={**sd2.scheduler_config, "timestep_spacing": "trailing"})
    names: list[Sampler] = ["DDIM", "Euler", "DPM++ 2M", "DPM++ SDE", "PLMS", "LMS"]
    for sampler in names:
        found = scheduler(base, sampler, 4).timesteps
        assert list(dict.fromkeys(int(t) for t in found)) == [999, 749, 499, 249], sampler


def test_a_schedule_written_for_another_solver_is_not_its_choice(sd1: Base) -> None:
    foreign = {"use_karras_sigmas": True, "solver_order": 1, "algorithm_type": "dpmsolver++"}
    base = replace(sd1, scheduler_config={**sd1.scheduler_config, **foreign})
    names: list[Sampler] = ["DPM++ 2M", "Euler", "UniPC"]
    for sampler in names:
        expected = scheduler(sd1, sampler, 6)
        found = scheduler(base, sampler, 6)
        assert torch.equal(found.timesteps, expected.timesteps)
        assert found.config.get("solver_order") == expected.config.get("solver_order")


def test_steps_of_evaluations() -> None:
    def steps(evaluations: int, steps: int) -> list[int]:
        plan = samplers.SamplingPlan(None, Flow(), torch.zeros(evaluations), steps)
        return [plan.step_of(index) for index in range(evaluations)]

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
    def generated(sampler: Sampler, steps: int) -> torch.Tensor:
        options = SamplingOptions(sampler=sampler, steps=steps, guidance=3)
        (batch,) = sampled(sd1, [Job("a red cat", 3)], options)
        return batch.pixels.int()

    assert int((generated("LMS", 1) - generated("Euler", 1)).abs().max()) <= 1
    exact = generated("Heun", 60)
    assert (generated("LMS", 12) - exact).abs().float().mean() < (
        generated("Euler", 12) - exact
    ).abs().float().mean()


# A flow whose data is one normal distribution per element: its velocity field is known, and so is the
# image that a noise leads to.
MEAN, SPREAD = 0.7, 0.4


def velocity(latents: torch.Tensor, sigma: float) -> torch.Tensor:
    """E[ε − x₀ | x] for x = (1 − σ)·x₀ + σ·ε with x₀ normal."""
    variance = ((1 - sigma) * SPREAD) ** 2 + sigma**2
    centred = (latents - (1 - sigma) * MEAN) / variance
    return sigma * centred - MEAN - (1 - sigma) * SPREAD**2 * centred


def solved(base: Base, sampler: Sampler, steps: int, noise: torch.Tensor) -> torch.Tensor:
    plan = samplers.sampling_plan(base, sampler, steps)
    latents = plan.begin(noise)
    own = [torch.Generator().manual_seed(9) for _ in noise]
    for index, timestep in enumerate(plan.timesteps):
        inputs = plan.inputs(latents, index)
        prediction = velocity(inputs, float(timestep) / 1000)
        latents = plan.step(prediction, index, latents, own)
    return latents


@pytest.fixture
def flow(sd1: Base) -> Base:
    return replace(sd1, prediction_type="flow_prediction", scheduler_config={"shift": 3.0})


STOCHASTIC = ("DPM++ SDE", "DPM++ 2M SDE", "DPM++ 3M SDE", "LCM")


@pytest.mark.parametrize("sampler", samplers.serving(Flow()))
def test_samplers_of_a_flow_end_where_its_formula_says(flow: Base, sampler: Sampler) -> None:
    noise = torch.randn(4, 4, 32, 32, generator=torch.Generator().manual_seed(1))
    exact = MEAN + SPREAD * noise
    few, many = (solved(flow, sampler, steps, noise) for steps in (8, 64))
    if sampler in STOCHASTIC:  # as a distribution
        assert abs(float(many.mean()) - MEAN) < 0.02
        assert abs(float(many.std()) - SPREAD) < (0.2 if sampler == "LCM" else 0.1)
    else:
        error, later = ((found - exact).abs().mean() for found in (few, many))
        assert later < 0.02 and later < error / 4
    assert torch.equal(many, solved(flow, sampler, 64, noise))


def test_higher_orders_pay_on_a_flow_too(flow: Base) -> None:
    noise = torch.randn(1, 4, 32, 32, generator=torch.Generator().manual_seed(1))
    exact = MEAN + SPREAD * noise
    names: list[Sampler] = ["Euler", "DPM++ 2M", "UniPC", "Heun"]
    euler, *better = ((solved(flow, name, 32, noise) - exact).abs().mean() for name in names)
    assert all(error < euler / 2 for error in better)


def test_a_flows_plan_is_exact_and_begins_where_it_is_told(flow: Base) -> None:
    names: list[Sampler] = ["Euler", "DDIM", "UniPC", "LCM"]
    levels = torch.tensor([1.0, 0.75, 0.5, 0.25])
    for name in names:
        found = samplers.sampling_plan(flow, name, 4).timesteps
        assert_near(found, 3000 * levels / (1 + 2 * levels))
    noise, start = torch.randn(2, 4, 4, 4), torch.randn(1, 4, 4, 4)
    for name in samplers.serving(Flow()):
        plan = samplers.sampling_plan(flow, name, 8, denoising=0.5)
        assert plan.steps == 4 and 4 <= len(plan) <= 8
        sigma = float(plan.timesteps[0]) / 1000
        assert sigma == pytest.approx(0.75, abs=0.06)  # half the levels, shifted by 3
        torch.testing.assert_close(plan.begin(noise, start), (1 - sigma) * start + sigma * noise)
    assert torch.equal(
        samplers.sampling_plan(flow, "Euler", 8, denoising=0.0).begin(noise, start),
        start.expand_as(noise),
    )


def test_larger_images_of_some_flows_begin_noisier(sd1: Base) -> None:
    grows = replace(
        sd1, prediction_type="flow_prediction", scheduler_config={"use_dynamic_shifting": True}
    )
    small, large = (
        samplers.sampling_plan(grows, "Euler", 8, latent_size=(side, side)).timesteps
        for side in (32, 128)
    )
    assert torch.equal(small[:1], large[:1]) and (large[1:] > small[1:] + 10).all()


def test_a_sampler_that_cannot_says_so(flow: Base) -> None:
    with pytest.raises(SettingsError, match=r"“PLMS” does not work.*Use DDIM, Euler, Heun"):
        samplers.sampling_plan(flow, "PLMS", 4)


@pytest.mark.parametrize("sampler", samplers.SAMPLERS)
def test_a_sampling_leaves_nothing_to_the_next(sd1: Base, sampler: Sampler) -> None:
    def sampled() -> torch.Tensor:
        plan = samplers.sampling_plan(sd1, sampler, 3)
        latents = plan.begin(torch.full((1, 4, 4, 4), 0.5))
        for index in range(len(plan)):
            dice = [torch.Generator().manual_seed(index)]
            latents = plan.step(plan.inputs(latents, index) * 0.3, index, latents, dice)
        return latents

    first, schedule = sampled(), samplers.scheduler(sd1, process_of(sd1), sampler, 3)
    schedule.betas.zero_()
    assert torch.equal(sampled(), first)
