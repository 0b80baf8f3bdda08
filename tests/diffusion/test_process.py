"""Each process, against its formulas and diffusers' own schedulers."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from diffusers import DDPMScheduler, FlowMatchEulerDiscreteScheduler
from diffusers.schedulers.scheduling_ddim import rescale_zero_terminal_snr

from studio.core.errors import UnavailableError
from studio.diffusion.alphas import Diffusion, Epsilon, Velocity
from studio.diffusion.contract import Process
from studio.diffusion.flow import Flow
from studio.diffusion.process import process_of
from studio.families.base import Base
from studio.settings.training import LossSettings

SCHEDULER = {
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
}
T = torch.tensor([0, 500, 999])
SIGMAS = torch.tensor([0.02, 0.5, 0.98])


def diffusion(kind: type[Diffusion] = Epsilon, zero: bool = False) -> Diffusion:
    return kind.of(SCHEDULER, zero)


def sampled(process: Process, count: int = 600, **settings: Any) -> torch.Tensor:
    made = LossSettings(**settings)
    return torch.tensor([float(process.draw_timestep(1, s, 0, made)) for s in range(count)])


def test_the_base_says_which(sd1: Base, sd2: Base) -> None:
    assert type(process_of(sd1)) is Epsilon and type(process_of(sd2)) is Velocity
    flow = replace(sd1, prediction_type="flow_prediction", scheduler_config={"shift": 3.0})
    assert process_of(flow, zero_terminal=True) == Flow(3.0)
    with pytest.raises(UnavailableError, match="predicts is not known"):
        process_of(replace(sd1, prediction_type="score"))


def test_noise_and_targets_match_diffusers() -> None:
    reference = DDPMScheduler(**SCHEDULER)
    latents, eps = torch.randn(5, 4, 8, 8), torch.randn(5, 4, 8, 8)
    timesteps = torch.tensor([0, 10, 500, 900, 999])
    for kind, target in ((Epsilon, eps), (Velocity, None)):
        process = diffusion(kind)
        expected = target if target is not None else reference.get_velocity(latents, eps, timesteps)
        torch.testing.assert_close(
            process.add_noise(latents, eps, timesteps),
            reference.add_noise(latents, eps, timesteps),
        )
        torch.testing.assert_close(process.target(latents, eps, timesteps), expected)


def test_a_flows_noise_matches_diffusers_and_its_target_is_the_velocity() -> None:
    reference = FlowMatchEulerDiscreteScheduler(shift=3.0)
    latents, eps = torch.randn(3, 4, 8, 8), torch.randn(3, 4, 8, 8)
    timesteps, process = reference.timesteps[[10, 500, 990]], Flow(3.0)
    noisy = process.add_noise(latents, eps, timesteps)
    torch.testing.assert_close(noisy, reference.scale_noise(latents, timesteps, eps))
    step = 1e-3 * process.count  # dx/dσ
    later = process.add_noise(latents, eps, timesteps + step)
    torch.testing.assert_close(
        (later - noisy) / 1e-3, process.target(latents, eps, timesteps), atol=2e-3, rtol=2e-3
    )


@pytest.mark.parametrize("process", [diffusion(), diffusion(Velocity), Flow(3.0)])
def test_a_right_prediction_gives_the_image_back(process: Process) -> None:
    latents, eps = torch.randn(1, 4, 8, 8), torch.randn(1, 4, 8, 8)
    for timestep in process.timesteps_at([0.05, 0.5, 0.9]):
        inputs = process.add_noise(latents, eps, timestep[None])
        target = process.target(latents, eps, timestep[None])
        torch.testing.assert_close(
            process.clean(inputs, target, timestep), latents, atol=1e-4, rtol=1e-4
        )


def test_noise_ratios() -> None:
    alpha = DDPMScheduler(**SCHEDULER).alphas_cumprod[T]
    torch.testing.assert_close(diffusion().noise_ratio(T), ((1 - alpha) / alpha).sqrt())
    torch.testing.assert_close(Flow(3.0).noise_ratio(SIGMAS * 1000), SIGMAS / (1 - SIGMAS))
    assert math.isinf(float(diffusion(zero=True).noise_ratio(T)[-1]))


def test_min_snr_caps_easy_timesteps_only() -> None:
    settings, timesteps = LossSettings(), torch.tensor([1, 200, 500, 999])
    weights = diffusion().weights(timesteps, settings)
    assert weights is not None
    assert weights[0] < 0.01 and weights[3] == 1 and (weights.diff() >= 0).all()
    easy = diffusion(Velocity).weights(torch.tensor([999]), settings)
    assert easy is not None and easy < 0.01, "for v the weight is min(SNR, γ) / (SNR + 1)"


def test_weights_of_timesteps() -> None:
    alpha = DDPMScheduler(**SCHEDULER).alphas_cumprod[T]
    snr = alpha / (1 - alpha)
    debiased = LossSettings(weighting="debiased")
    weights, on_v = diffusion().weights(T, debiased), diffusion(Velocity).weights(T, debiased)
    assert weights is not None and on_v is not None
    torch.testing.assert_close(weights, 1 / snr.sqrt())
    # an error of v is SNR + 1 times that of x₀, one of ε SNR times: the same weight on x₀
    torch.testing.assert_close(on_v * (snr + 1), weights * snr)
    torch.testing.assert_close(diffusion().weights(T, LossSettings()), snr.clamp(max=5) / snr)
    assert diffusion().weights(T, LossSettings(weighting="none")) is None
    assert diffusion().weights(T, LossSettings(min_snr_gamma=0)) is None
    for weighting in ("min-snr", "debiased", "none"):
        assert Flow(3.0).weights(T, LossSettings(weighting=weighting)) is None


@pytest.mark.parametrize("kind", [Epsilon, Velocity])
@pytest.mark.parametrize("weighting", ["min-snr", "debiased"])
def test_zero_terminal_snr_is_that_of_diffusers_and_stays_finite(
    kind: type[Diffusion], weighting: str
) -> None:
    made = diffusion(kind, zero=True)
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64).square()
    expected = (1 - rescale_zero_terminal_snr(betas)).cumprod(0).float()
    torch.testing.assert_close(made.alphas_cumprod, expected, atol=1e-6, rtol=1e-4)
    assert made.alphas_cumprod[-1] == 0 and diffusion(kind).alphas_cumprod[-1] > 0
    weights = made.weights(T, LossSettings(weighting=weighting))  # type: ignore[arg-type]
    assert weights is not None and torch.isfinite(weights).all()


def test_timesteps_stay_in_their_range_and_lean_where_they_should() -> None:
    process = diffusion()
    part = sampled(process, timestep_from=0.4, timestep_to=0.6)
    assert part.min() >= 400 and part.max() < 600 and part.max() - part.min() > 180
    assert 460 < sampled(process).mean() < 540
    noisy, clean = sampled(process, timestep_bias=1.0), sampled(process, timestep_bias=-1.0)
    assert 630 < noisy.mean() < 700, "density grows linearly: mean 2/3"
    assert 300 < clean.mean() < 370, "u²: mean 1/3"
    assert process.draw_timestep(1, 1, 0, LossSettings(timestep_from=0.9995)) == 999
    middle = sampled(process, timestep_distribution="logit-normal")
    assert middle.std() < 230 < sampled(process).std()


def test_timesteps_of_a_flow_are_logit_normal_or_uniform_then_shifted() -> None:
    even = sampled(Flow(), 2000, timestep_distribution="uniform") / 1000
    assert 0 < even.min() < 0.02 and 0.98 < even.max() <= 1 and abs(even.mean() - 0.5) < 0.02
    shifted = sampled(Flow(3.0), 2000, timestep_distribution="uniform") / 1000
    torch.testing.assert_close(shifted, 3 * even / (1 + 2 * even), atol=2e-3, rtol=1e-5)
    middle = sampled(Flow(), 2000) / 1000  # quartiles of a logit-normal are sigmoid(±0.6745)
    quartiles = torch.quantile(middle, torch.tensor([0.25, 0.75]))
    torch.testing.assert_close(
        quartiles, torch.sigmoid(torch.tensor([-0.6745, 0.6745])), atol=0.02, rtol=0
    )
    part = sampled(Flow(3.0), timestep_from=0.4, timestep_to=0.6)
    assert part.min() >= 400 and part.max() <= 600
    assert sampled(Flow(), timestep_bias=1.0).median() > 700 > 300 > sampled(Flow(), timestep_bias=-1.0).median()  # fmt: skip


@pytest.mark.parametrize("kind", ["exponential", "linear"])
def test_a_growing_shift_is_that_of_diffusers(kind: str) -> None:
    config = {"use_dynamic_shifting": True, "time_shift_type": kind, "shift": 1.0}
    small, large = Flow.of(config).at(32, 32), Flow.of(config).at(128, 128)
    for process, mu in ((small, 0.5), (large, 1.15)):  # 256 and 4096 patches of 2 × 2
        reference = FlowMatchEulerDiscreteScheduler(**config)
        reference.set_timesteps(sigmas=[0.9, 0.5, 0.1], mu=mu)
        expected = [process.shifted(level) for level in (0.9, 0.5, 0.1)]
        torch.testing.assert_close(reference.sigmas[:3], torch.tensor(expected))
    assert Flow(3.0).at(32, 32) == Flow(3.0) and diffusion().at(64, 64).count == 1000
