"""Strengths from votes: known cases, the likelihood by another way, coverage on simulated voters."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest

from studio.compare.vote.bradley_terry import Array, against_others, chance, difference, estimate

NONE = np.zeros((2, 2))


def votes(strengths: Array, tie: float, each: int, runs: int, seed: int) -> tuple[Array, Array]:
    """Simulated votes [runs, K, K] of Davidson's model: (wins, ties), `each` on every two columns."""
    dice = np.random.default_rng(seed)
    count = len(strengths)
    wins, ties = np.zeros((runs, count, count)), np.zeros((runs, count, count))
    for i, j in combinations(range(count), 2):
        a, b = math.exp(strengths[i]), math.exp(strengths[j])
        weights = np.array([a, b, tie * math.sqrt(a * b)])
        found = dice.multinomial(each, weights / weights.sum(), size=runs)
        wins[:, i, j], wins[:, j, i], ties[:, i, j] = found.T
    return wins, ties


def test_two_columns_have_the_known_answer() -> None:
    wins = np.array([[0.0, 15.0], [5.0, 0.0]])
    found = estimate(wins, NONE, difference(2, 0, 1))
    assert found.value[0] == pytest.approx(math.log(15.5 / 5.5), abs=1e-6)
    assert found.low[0] < found.value[0] < found.high[0]
    # ties say nothing about who is better
    tied = estimate(wins, np.array([[0.0, 40.0], [0.0, 0.0]]), difference(2, 0, 1))
    assert tied.value[0] == pytest.approx(found.value[0], abs=1e-6)


@pytest.mark.parametrize(("won", "lost", "tied"), [(9, 4, 3), (20, 0, 0), (1, 2, 12)])
def test_the_ends_are_where_the_profile_has_fallen(won: int, lost: int, tied: int) -> None:
    wins, ties = np.array([[0.0, won], [lost, 0.0]]), np.array([[0.0, tied], [0.0, 0.0]])
    found = estimate(wins, ties, difference(2, 0, 1))
    grid = np.linspace(-12, 8, 20001)  # log ν, tried one by one

    def profile(gap: float) -> float:
        exponents = np.stack([np.full_like(grid, gap / 2), np.full_like(grid, -gap / 2), grid])
        log = exponents - np.log(np.exp(exponents).sum(0))
        counts = np.array([won, lost, tied]) + 0.5
        return float((counts[:, None] * log).sum(0).max())

    top = profile(float(found.value[0]))
    for end in (float(found.low[0]), float(found.high[0])):
        assert 2 * (top - profile(end)) == pytest.approx(3.8415, abs=0.02)


def test_a_clean_sweep_is_finite_and_nothing_is_in_the_middle() -> None:
    found = estimate(np.array([[0.0, 20.0], [0.0, 0.0]]), NONE, against_others(2))
    assert np.isfinite([found.value, found.low, found.high]).all()
    assert found.low[0] > 0 > found.high[1]
    assert 0.9 < float(chance(found.value[0])) < 1
    empty = estimate(np.zeros((3, 3)), np.zeros((3, 3)), against_others(3))
    assert np.allclose(empty.value, 0, atol=1e-6)
    assert (empty.low < -1.5).all() and (empty.high > 1.5).all()


def test_columns_without_a_meeting_are_told_apart_through_others() -> None:
    wins = np.zeros((3, 3))
    wins[0, 1], wins[1, 0], wins[1, 2], wins[2, 1] = 15, 5, 15, 5
    found = estimate(wins, np.zeros((3, 3)), difference(3, 0, 2))
    assert found.value[0] > 1 and found.low[0] > 0


def test_with_every_two_meeting_equally_often_the_order_is_that_of_points() -> None:
    wins, ties = votes(np.array([0.4, 0.0, -0.1, 0.2, -0.5]), 0.6, 9, 40, seed=3)
    found = estimate(wins, ties, against_others(5))
    points = wins.sum(-1) + (ties + ties.swapaxes(-1, -2)).sum(-1) / 2
    for values, own in zip(found.value, points, strict=True):
        for i, j in combinations(range(5), 2):
            assert (values[i] - values[j]) * (own[i] - own[j]) >= -1e-6


def test_known_strengths_are_recovered_in_their_order() -> None:
    true = np.array([1.2, 0.4, -0.3, -1.3])
    wins, ties = votes(true, 0.5, 120, 20, seed=1)
    found = estimate(wins, ties, against_others(4))
    assert (np.diff(found.value, axis=-1) < 0).all()
    assert np.abs(found.value.mean(0) - true * 4 / 3).max() < 0.15


def test_intervals_hold_the_truth(everything: bool) -> None:
    runs = 800 if everything else 250
    cases = [(4, 6, 0.5), (2, 20, 0.3)]
    if everything:
        cases += [(6, 4, 1.0), (3, 40, 0.0), (4, 2, 0.5)]
    for count, each, tie in cases:
        true = np.linspace(0.8, -0.8, count)
        wins, ties = votes(true, tie, each, runs, seed=count)
        found = estimate(wins, ties, against_others(count))
        target = against_others(count) @ true
        held = (found.low <= target) & (target <= found.high)
        assert held.mean() >= 0.92, (count, each, tie, held.mean())
        assert held.mean(0).min() >= 0.9, (count, each, tie, held.mean(0))


def test_differences_of_equals_are_seldom_called_different(everything: bool) -> None:
    wins, ties = votes(np.zeros(4), 0.4, 10, 1000 if everything else 250, seed=8)
    found = estimate(wins, ties, difference(4, 0, 3))
    assert ((found.low > 0) | (found.high < 0)).mean() <= 0.1
