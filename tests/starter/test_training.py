"""The training loop of the starter: schedules, resuming exactly, refusing a broken loss."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from studio.starter.training import Schedule, averaged_weights, begin_again, train


def _loss(module: nn.Module, step: int) -> torch.Tensor:
    draws = torch.Generator().manual_seed(step)
    inputs = torch.randn(8, 4, generator=draws)
    return (module(inputs) - inputs.flip(1)).square().mean()


def _module() -> nn.Module:
    torch.manual_seed(0)
    return nn.Linear(4, 4)


def test_rate_warms_up_holds_and_falls() -> None:
    schedule = Schedule(peak=1.0, steps=1000, warmup=10, hold=0.5)
    assert schedule.rate(0, 0) == pytest.approx(0.1)
    assert schedule.rate(400, 0) == pytest.approx(1.0)
    assert schedule.rate(750, 0) == pytest.approx(0.51)
    assert schedule.rate(1000, 0) == pytest.approx(0.02)


def test_resumed_equals_uninterrupted(tmp_path: Path) -> None:
    schedule = Schedule(peak=0.1, steps=30, warmup=2)
    whole = train(tmp_path, "whole", _module(), _loss, schedule)

    def stop_at_12(module: nn.Module, step: int) -> torch.Tensor:
        if step == 12:
            raise KeyboardInterrupt
        return _loss(module, step)

    always = Schedule(peak=0.1, steps=30, warmup=2, save_every=-1.0)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, "parts", _module(), stop_at_12, always)
    parts = train(tmp_path, "parts", _module(), _loss, schedule)
    for first, second in zip(whole.parameters(), parts.parameters(), strict=True):
        assert torch.equal(first, second)
    again = averaged_weights(tmp_path, "parts", _module())
    assert all(
        torch.equal(a, b) for a, b in zip(again.parameters(), parts.parameters(), strict=True)
    )


def test_a_loss_that_is_not_a_number_stops_before_the_step(tmp_path: Path) -> None:
    def broken(module: nn.Module, step: int) -> torch.Tensor:
        return _loss(module, step) * (float("nan") if step == 3 else 1.0)

    with pytest.raises(FloatingPointError, match="step 3"):
        train(tmp_path, "part", _module(), broken, Schedule(peak=0.1, steps=9))


def test_a_missing_stage_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="'vae'"):
        averaged_weights(tmp_path, "vae", _module())


def test_a_trained_part_begins_another_schedule(tmp_path: Path) -> None:
    first = train(tmp_path, "part", _module(), _loss, Schedule(peak=0.1, steps=20, warmup=2))
    begin_again(tmp_path, "part")
    steps: list[int] = []

    def noting(module: nn.Module, step: int) -> torch.Tensor:
        if not steps:
            same = zip(module.parameters(), first.parameters(), strict=True)
            assert all(torch.equal(a, b) for a, b in same)
        steps.append(step)
        return _loss(module, step)

    train(tmp_path, "part", _module(), noting, Schedule(peak=0.1, steps=5, warmup=2))
    assert steps == [20, 21, 22, 23, 24]
