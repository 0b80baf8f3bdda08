"""What every method must do on every family while training."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from studio.core.errors import NonFiniteError
from studio.diffusion.noise import training_noise
from studio.diffusion.process import process_of
from studio.diffusion.seeds import gaussian
from studio.families.base import Base
from studio.settings.training import LossSettings
from studio.train.loop import Trainer
from studio.train.state import Progress, latest_checkpoint, load_checkpoint, save_checkpoint
from tests.matrix.conftest import QUIET, RATES, fingerprint
from tests.near import OF_A_STEP, ROUNDING

Make = Callable[..., Trainer]


def final_state(trainer: Trainer) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().clone() for name, tensor in trainer.trainable.state().items()}


def _saved(run: Path, trainer: Trainer, progress: Progress) -> None:
    save_checkpoint(run, progress, trainer.trainable.state(), trainer.optimizer)


def test_it_learns_and_leaves_the_base_alone(trainer: Make, base: Base) -> None:
    before = fingerprint(base)
    run = trainer("train.steps=10", "loss.min_snr_gamma=0", "data.caption_dropout=0")
    started, first_validation = final_state(run), run.validation.measure()
    assert run.run() is True
    changed = final_state(run)
    assert all(not torch.equal(started[name], changed[name]) for name in started), (
        "all tensors move"
    )
    assert run.validation.measure()[0] < first_validation[0], (
        "the validation loss (fixed noise) falls"
    )
    assert run.validation.measure()[1] is not None, "held-out images are measured too"
    assert fingerprint(base) == before
    assert base.words == {}
    assert not any(p.requires_grad for m in base.components().values() for p in m.parameters())


def test_the_first_step_equals_a_plain_loop(trainer: Make, base: Base, method: str) -> None:
    if not trainer().trainable.learns_by_denoising:
        pytest.skip("it does not learn by denoising: see tests/methods/test_aesthetic.py")
    settings = (
        "data.caption_dropout=0",
        "train.batch_size=1",
        "train.clip_gradient_norm=0",
        QUIET[method],
    )
    ours, plain = trainer(*settings), trainer(*settings)
    fact = ours.one_step(1)
    item = plain.items[plain.plan.batch(0)[0]]
    moments = plain.latents.get([item])
    mean, log_variance = moments.chunk(2, dim=1)
    shape = tuple(mean.shape[1:])
    posterior = gaussian(shape, 1, "posterior", 1, 0)
    latents = mean + posterior * (log_variance / 2).exp()
    latents = (latents - base.architecture.latents.shift) * base.vae.config.scaling_factor
    noise = training_noise(shape, 1, 1, 0)[None]
    t = process_of(base).draw_timestep(1, 1, 0, LossSettings())
    noisy, target, weight = _noised(base.prediction_type, latents, noise, t)
    parameters = [p for group in plain.trainable.groups for p in group.parameters]
    decays = {id(p): g.weight_decay for g in plain.trainable.groups for p in g.parameters}
    with plain.trainable.attached(training=True):
        text = base.encode([plain.trainable.caption(item.caption)])
        width, height = item.bucket
        predicted = base.denoise(noisy, torch.tensor([t]), text, (height, width))
        loss = functional.mse_loss(predicted, target) * weight
        loss.backward()
    assert loss.item() == pytest.approx(fact.loss, rel=1e-5, abs=1e-5)
    rate = RATES.get(method, 1e-2)
    for parameter in parameters:  # AdamW's first step: m̂ = g, v̂ = g²
        gradient = parameter.grad
        if gradient is None:  # a layer whose output nobody reads
            continue
        parameter.data.mul_(1 - rate * decays[id(parameter)])
        parameter.data.sub_(rate * gradient / (gradient.abs() + 1e-8))
    for name, tensor in plain.trainable.state().items():
        torch.testing.assert_close(
            ours.trainable.state()[name], tensor, atol=OF_A_STEP * rate, rtol=ROUNDING
        )


def _noised(
    objective: str, latents: Tensor, noise: Tensor, t: float
) -> tuple[Tensor, Tensor, Tensor | float]:
    """Noisy latents, target and weight, as the papers write them."""
    if objective == "flow_prediction":
        sigma = t / 1000
        return (1 - sigma) * latents + sigma * noise, noise - latents, 1.0
    alpha = torch.linspace(0.00085**0.5, 0.012**0.5, 1000).square().neg().add(1).cumprod(0)[int(t)]
    noisy = alpha.sqrt() * latents + (1 - alpha).sqrt() * noise
    snr = alpha / (1 - alpha)
    if objective == "v_prediction":
        velocity = alpha.sqrt() * noise - (1 - alpha).sqrt() * latents
        return noisy, velocity, snr.clamp(max=5) / (snr + 1)
    return noisy, noise, snr.clamp(max=5) / snr


def test_resumed_is_bit_equal_to_uninterrupted(trainer: Make, tmp_path: Path) -> None:
    whole = trainer()
    whole.run()
    run = tmp_path / "run"
    first = trainer()
    first.hooks.save = lambda progress: _saved(run, first, progress)
    first.hooks.step = lambda facts: setattr(first.commands, "stop", facts.step == 4)
    assert first.run() is False
    second = trainer()
    second.progress, state = load_checkpoint(latest_checkpoint(run), second.optimizer)
    second.trainable.load_state(state)
    assert second.progress.step == 4
    second.run()
    expected, resumed = final_state(whole), final_state(second)
    assert all(torch.equal(expected[name], resumed[name]) for name in expected)
    assert second.progress.smoothed_loss == whole.progress.smoothed_loss


def test_previews_do_not_disturb_training(trainer: Make, base: Base, everything: bool) -> None:
    if base.architecture.name == "sdxl" and not everything:
        pytest.skip("its samples go the same way as the others': with the full sweep")
    quiet = trainer()
    quiet.run()
    noisy = trainer("sample.every=1", hooks={"sample": lambda step: torch.randn(step + 3)})
    noisy.run()
    one, other = final_state(quiet), final_state(noisy)
    assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_bad_loss_stops_before_the_step(trainer: Make, bad: float) -> None:
    run = trainer()
    run.one_step(1)
    before = final_state(run)
    normal = run.batch_loss
    run.batch_loss = lambda number, step: normal(number, step) * bad  # type: ignore[method-assign]
    with pytest.raises(NonFiniteError, match="step 2") as caught:
        run.one_step(2)
    assert "step 1 is unharmed" in str(caught.value)
    after = final_state(run)
    assert all(torch.equal(before[name], after[name]) for name in before)
    run.batch_loss = normal  # type: ignore[method-assign]
    assert run.one_step(2).loss > 0, "the same run can go on"


def test_accumulation_adds_up_batches(trainer: Make) -> None:
    config = ("data.caption_dropout=0", "train.gradient_accumulation=3", "train.steps=2")
    run = trainer(*config)
    asked = []
    normal = run.batch_loss
    run.batch_loss = lambda n, s: asked.append((n, s)) or normal(n, s)  # type: ignore
    run.run()
    assert asked == [(0, 1), (1, 1), (2, 1), (3, 2), (4, 2), (5, 2)]


def test_dropped_captions_still_teach(trainer: Make) -> None:
    run = trainer("data.caption_dropout=1", "train.batch_size=1", "train.steps=2")
    assert run.run() is True
