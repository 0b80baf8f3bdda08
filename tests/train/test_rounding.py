"""Stochastic rounding is unbiased, independent, exact where nothing is to round, and repeatable."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from studio.train.rounding import TABLE, StochasticRounding

CPU = torch.device("cpu")
COUNT = 40_000


def rounded(values: Tensor, seed: int = 1, step: int = 1, place: int = 0) -> Tensor:
    rounding = StochasticRounding(seed, CPU)
    rounding.begin(step)
    result = torch.empty_strided(values.size(), values.stride(), dtype=torch.bfloat16)
    rounding.into(result, values.clone(), place)
    return result


def neighbours(value: float) -> tuple[float, float]:
    """The bf16 numbers below and above in size."""
    below = torch.tensor([value]).view(torch.int32) & -65536
    return float(below.view(torch.float32)), float((below + 65536).view(torch.float32))


@pytest.mark.parametrize("value", [1 + 2**-9, -0.0301, 3.3e-5, 117.77])
def test_it_rounds_to_a_neighbour_and_is_right_on_average(value: float) -> None:
    value = float(torch.tensor(value))  # as fp32 has it
    found = rounded(torch.full((COUNT,), value)).float()
    below, above = neighbours(value)
    assert set(found.tolist()) == {below, above}
    part = (value - below) / (above - below)
    error = (part * (1 - part) / COUNT) ** 0.5  # of a share of heads
    share = float((found == above).double().mean())
    assert abs(share - part) < 5 * error


def test_what_bf16_holds_stays_as_it_is() -> None:
    values = torch.randn(COUNT, generator=torch.Generator().manual_seed(1)).bfloat16()
    values[:3] = torch.tensor([0.0, -0.0, 1.0])
    assert torch.equal(rounded(values.float()), values)


def test_small_updates_count_where_the_nearest_number_loses_them() -> None:
    weights = torch.ones(COUNT, dtype=torch.bfloat16)
    nearest, rounding = weights.clone(), StochasticRounding(3, CPU)
    for step in range(1, 101):
        rounding.begin(step)
        rounding.into(weights, weights.float() + 1e-4, place=0)
        nearest = (nearest.float() + 1e-4).bfloat16()
    assert torch.equal(nearest, torch.ones_like(nearest)), "1/256 is the next number"
    # a walk with steps of 2^-7: its mean is the sum of the updates
    assert weights.float().mean() == pytest.approx(1.01, abs=5 * (0.01 * 2**-7 / COUNT) ** 0.5)


def test_it_depends_on_seed_step_and_tensor_alone() -> None:
    values = torch.rand(COUNT, generator=torch.Generator().manual_seed(2))
    assert torch.equal(rounded(values), rounded(values))
    for other in ({"seed": 2}, {"step": 2}, {"place": 1}):
        assert not torch.equal(rounded(values), rounded(values, **other))
    rounding = StochasticRounding(1, CPU)
    rounding.begin(1)
    first, second = torch.empty(2, COUNT, dtype=torch.bfloat16).unbind()
    rounding.into(second, values.clone(), 1)  # the order of tensors plays no part
    rounding.into(first, values.clone(), 0)
    assert torch.equal(first, rounded(values))


def test_pieces_and_tensors_are_rounded_independently(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sum over many weights varies as much as with bits of each one's own, although 256 pieces
    share one table."""
    monkeypatch.setitem(TABLE, "cpu", 1 << 8)
    half = torch.full((1 << 16,), 1 + 2**-8)  # in the middle of two numbers
    ups = torch.stack([rounded(half, step=step) > 1 for step in range(1, 65)]).double()
    sums = ups.sum(1)
    expected = len(half) * 0.25  # the variance of so many coins
    assert sums.var() == pytest.approx(expected, rel=5 * (2 / 63) ** 0.5)


def test_it_keeps_how_a_tensor_lies_in_memory() -> None:
    values = torch.randn(8, 3, 5, 5).to(memory_format=torch.channels_last).clone()
    result = rounded(values)
    assert result.stride() == values.stride()
    torch.testing.assert_close(result.float(), values, rtol=2**-7, atol=0)
