"""Every optimizer: its first step, that it learns, and that it resumes bit-identically."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest
import torch

from studio.core.errors import SettingsError
from studio.methods.base import Group
from studio.settings.training import TrainSettings
from studio.train.lion import Lion
from studio.train.loop import Trainer
from studio.train.optim import OPTIMIZERS, make_optimizer
from studio.train.state import latest_checkpoint, load_checkpoint, save_checkpoint
from tests.train.conftest import Make, weights

RATES = {"prodigy": "1", "lion": "1e-3", "lion-8bit": "1e-3"}


def settings(name: str, steps: int = 6) -> tuple[str, ...]:
    rate = f"train.learning_rate={RATES.get(name, '1e-2')}"
    # rank 16: tensors large enough that 8-bit optimizers really keep eight bits
    return (f"train.optimizer={name}", rate, f"train.steps={steps}", "options.rank=16")


def test_the_table_and_the_setting_agree() -> None:
    assert set(get_args(TrainSettings.model_fields["optimizer"].annotation)) == set(OPTIMIZERS)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_learns_and_resumes_bit_equal(
    name: str, make: Make, tmp_path: Path
) -> None:
    steps = 12 if name == "prodigy" else 6  # Prodigy first has to find its rate
    whole = make(*settings(name, steps))
    before = whole.validation.measure()[0]
    whole.run()
    assert whole.validation.measure()[0] < before

    def save(trainer: Trainer) -> Callable:
        return lambda progress: save_checkpoint(
            tmp_path / "run", progress, trainer.trainable.state(), trainer.optimizer
        )

    first = make(*settings(name, steps))
    first.hooks.save = save(first)
    first.hooks.step = lambda facts: setattr(first.commands, "stop", facts.step == steps // 2)
    assert first.run() is False
    second = make(*settings(name, steps))
    folder = latest_checkpoint(tmp_path / "run")
    second.progress, state = load_checkpoint(folder, second.optimizer)
    second.trainable.load_state(state)
    second.run()
    assert torch.equal(weights(whole), weights(second))
    assert whole.progress.smoothed_loss == second.progress.smoothed_loss


def test_lion_follows_the_papers_formula() -> None:
    start = torch.tensor([1.0, -2.0, 0.5])
    value = start.clone().requires_grad_(True)
    optimizer = Lion([value], lr=0.1, betas=(0.9, 0.99), weight_decay=0.5)
    expected, moment = start.clone(), torch.zeros(3)
    for gradient in (torch.tensor([3.0, -1e-3, 0.0]), torch.tensor([-1.0, 5.0, 2.0])):
        value.grad = gradient
        optimizer.step()
        direction = (0.9 * moment + 0.1 * gradient).sign()
        expected = expected - 0.1 * (direction + 0.5 * expected)
        moment = 0.99 * moment + 0.01 * gradient
        torch.testing.assert_close(value.detach(), expected)
    assert list(optimizer.state[value]) == ["exp_avg"], "half of AdamW's memory"


def test_adafactor_keeps_rows_and_columns_only(make: Make) -> None:
    run = make(*settings("adafactor"))
    run.one_step(1)
    for parameter, kept in run.optimizer.state.items():
        if parameter.dim() == 2:
            stored = sum(t.numel() for t in kept.values() if isinstance(t, torch.Tensor))
            assert stored == sum(parameter.shape) + 1 < parameter.numel()


def test_prodigy_finds_its_rate_and_shows_it(make: Make, capsys: pytest.CaptureFixture) -> None:
    run = make(*settings("prodigy", 12), "train.schedule=constant")
    rates = [run.one_step(step).lr for step in range(1, 13)]
    assert rates[0] == pytest.approx(1e-6) and max(rates) > 1e-5
    assert capsys.readouterr().out == ""
    groups = [
        Group(name, [torch.zeros(1, requires_grad=True)], rate, 0.0)
        for name, rate in (("unet", 1.0), ("text_encoder", 0.5))
    ]
    with pytest.raises(SettingsError, match="one rate for everything"):
        make_optimizer("prodigy", groups)


def test_rates_of_groups_keep_their_proportion_when_listed(make: Make) -> None:
    run = make(
        "options.text_encoder=true", "train.learning_rate=1e-2", "train.text_learning_rate=1e-3",
        "train.schedule=listed", "train.rates=1e-3:1, 1e-4",
    )  # fmt: skip
    assert run.one_step(1).lr == pytest.approx(1e-3)
    assert run.one_step(2).lr == pytest.approx(1e-4)
    assert [g["lr"] for g in run.optimizer.param_groups] == pytest.approx([1e-4, 1e-5])
    assert math.isfinite(run.one_step(3).loss)
