"""Measures against their definitions, and a CLIP that reads images of every kind alike."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from studio.compare import metrics
from studio.core.errors import InputError


def directions(count: int, width: int = 16, seed: int = 0, shift: float = 0.0) -> torch.Tensor:
    """Random unit rows around a common direction."""
    rows = torch.randn(count, width, generator=torch.Generator().manual_seed(seed))
    rows[:, 0] += 2 + shift
    return torch.nn.functional.normalize(rows, dim=1)


def naive_kid(a: torch.Tensor, b: torch.Tensor) -> float:
    """The definition, pair by pair."""

    def kernel(x: list[float], y: list[float]) -> float:
        return (sum(p * q for p, q in zip(x, y, strict=True)) + 1) ** 3

    first, second = a.double().tolist(), b.double().tolist()

    def within(rows: list[list[float]]) -> float:
        n = len(rows)
        pairs = [(i, j) for i in range(n) for j in range(n) if i != j]
        return sum(kernel(rows[i], rows[j]) for i, j in pairs) / (n * (n - 1))

    across = sum(kernel(x, y) for x in first for y in second) / (len(first) * len(second))
    return within(first) + within(second) - 2 * across


@pytest.mark.parametrize(("n", "m"), [(2, 2), (7, 12), (20, 9)])
def test_kid_equals_its_definition(n, m):
    a, b = directions(n, seed=1), directions(m, seed=2, shift=1.0)
    a, b = (torch.nn.functional.normalize(rows.double(), dim=1) for rows in (a, b))
    assert metrics.kid(a, b) == pytest.approx(naive_kid(a, b), rel=1e-9, abs=1e-12)


def test_kid_in_blocks_is_kid(monkeypatch):
    a, b = directions(30, seed=1), directions(25, seed=2)
    whole = metrics.kid(a, b)
    monkeypatch.setattr(metrics, "_BLOCK", 7)
    assert metrics.kid(a, b) == pytest.approx(whole, rel=1e-9)


def test_kid_does_not_mind_order_length_or_which_side_is_which():
    a, b = directions(12, seed=1), directions(15, seed=2, shift=0.5)
    assert metrics.kid(b, a) == pytest.approx(metrics.kid(a, b), rel=1e-12)
    assert metrics.kid(a.flip(0) * 7, b) == pytest.approx(metrics.kid(a, b), rel=1e-5)


def test_kid_is_unbiased_and_sees_a_difference():
    halves = [metrics.kid(*directions(60, seed=seed).split(30)) for seed in range(200)]
    spread = float(np.std(halves)) / len(halves) ** 0.5
    assert abs(float(np.mean(halves))) < 3 * spread
    assert min(halves) < 0 < max(halves)  # a biased estimate would never fall below zero
    far = metrics.kid(directions(30, seed=1), directions(30, seed=2, shift=3.0))
    assert far > 3 * max(halves)


def test_the_stated_error_is_the_spread_of_repeated_measurements():
    repeated = [
        metrics.kid(directions(100, seed=2 * k), directions(100, seed=2 * k + 1, shift=1.0))
        for k in range(60)
    ]
    stated = metrics.kid_error(directions(100, seed=900), directions(100, seed=901, shift=1.0))
    assert stated == pytest.approx(float(np.std(repeated)), rel=0.5)
    again = metrics.kid_error(directions(100, seed=900), directions(100, seed=901, shift=1.0))
    assert again == stated
    assert metrics.kid_error(directions(5), directions(50)) is None


@pytest.mark.parametrize("bad", [torch.zeros(1, 4), torch.full((4, 4), torch.nan)])
def test_kid_refuses_what_cannot_be_measured(bad):
    with pytest.raises(InputError):
        metrics.kid(bad, directions(5, 4))


def test_similarities_of_known_directions():
    x, y = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
    both = torch.cat([x, y])
    assert metrics.image_text(both, both) == pytest.approx(1)
    assert metrics.image_text(both, both.flip(0)) == pytest.approx(0)
    assert metrics.image_image(both, x) == pytest.approx(0.5)
    assert metrics.image_reference(x, both) == pytest.approx(0.5**0.5)
