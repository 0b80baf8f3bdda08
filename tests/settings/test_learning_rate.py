"""Learning-rate schedules: those of diffusers, and the text form of web UIs."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from diffusers.optimization import get_scheduler

from studio.core.errors import SettingsError
from studio.library import presets
from studio.settings.learning_rate import rate_factor
from studio.settings.rate_schedule import listed_rate, parse_rates
from studio.settings.training import TrainSettings

STEPS = 40
FULL = 1e-2


def ours(**settings: Any) -> list[float]:
    train = TrainSettings(steps=STEPS, learning_rate=FULL, **settings)
    return [rate_factor(step, train) for step in range(1, STEPS + 1)]


def theirs(name: str, warmup: int, **more: Any) -> list[float]:
    """The factor at steps 0, 1, … of diffusers."""
    if name == "polynomial":
        from diffusers.optimization import get_polynomial_decay_schedule_with_warmup

        made = get_polynomial_decay_schedule_with_warmup(
            torch.optim.SGD([torch.zeros(1)], lr=FULL), warmup, STEPS, **more
        )
    else:
        optimizer = torch.optim.SGD([torch.zeros(1)], lr=FULL)
        made = get_scheduler(name, optimizer, None, warmup, STEPS, **more)
    function = made.lr_lambdas[0]
    return [float(function(step)) for step in range(STEPS + 1)]


@pytest.mark.parametrize("warmup", [0, 7])
@pytest.mark.parametrize(
    ("name", "their_name", "settings", "more"),
    [
        ("constant", "constant_with_warmup", {}, {}),
        ("linear", "linear", {}, {}),
        ("cosine", "cosine", {}, {}),
        ("cosine-restarts", "cosine_with_restarts", {"cycles": 3}, {"num_cycles": 3}),
        ("polynomial", "polynomial", {"power": 2.0, "final_rate": 0.01}, {"power": 2.0, "lr_end": FULL * 0.01}),
        ("polynomial", "polynomial", {"power": 0.5}, {"power": 0.5, "lr_end": 0.0}),
    ],
)  # fmt: skip
def test_schedules_equal_those_of_diffusers(
    name: str, their_name: str, settings: dict, more: dict, warmup: int
) -> None:
    mine, reference = (
        ours(schedule=name, warmup_steps=warmup, **settings),
        theirs(their_name, warmup, **more),
    )
    # our warm-up begins at its first step; diffusers spends that step at rate 0
    expected = [reference[step if step <= warmup else step - 1] for step in range(1, STEPS + 1)]
    assert mine == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("name", ["linear", "cosine", "polynomial"])
def test_a_share_of_the_rate_is_left_at_the_end(name: str) -> None:
    factors = ours(schedule=name, final_rate=0.2)
    assert factors[0] == 1 and 0.2 <= factors[-1] < 0.23
    assert factors == sorted(factors, reverse=True)


def test_listed_rates_hold_up_to_their_steps() -> None:
    factors = ours(schedule="listed", rates="1e-3:3, 1e-4:10, 1e-5")
    rates = [factor * FULL for factor in factors]
    assert rates[:4] == pytest.approx([1e-3, 1e-3, 1e-3, 1e-4])
    assert rates[9:11] == pytest.approx([1e-4, 1e-5]) and rates[-1] == pytest.approx(1e-5)
    warm = ours(schedule="listed", rates="1e-2", warmup_steps=4)
    assert warm[:5] == pytest.approx([0.25, 0.5, 0.75, 1, 1])
    assert listed_rate(parse_rates("1e-3:3, 1e-4:5"), 9) == 1e-4, "the last goes on"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not a rate and a step"),
        ("fast", "“fast” is not a rate and a step; write them like 1e-3:100"),
        ("1e-3, 1e-4:100", "“1e-3” names no step, and is not the last"),
        ("1e-3:100, 1e-4:50", "must be later"),
        ("-1:10", "must be above 0"),
        ("nan", "must be above 0"),
    ],
)
def test_unreadable_rates_are_refused_in_plain_words(text: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        presets.make_config({"train": {"schedule": "listed", "rates": text}})
