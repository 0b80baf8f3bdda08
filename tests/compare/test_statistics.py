"""Intervals: what they are of simple cases, and how often they hold on simulated comparisons."""

from __future__ import annotations

import math

import numpy as np
import pytest

from studio.compare import statistics
from studio.compare.statistics import (
    Interval,
    Spread,
    bootstrap_difference,
    resample,
    resample_means,
    simultaneous,
    t_quantile,
    unpaired_spread,
)


@pytest.mark.parametrize(
    ("risk", "freedom", "known"),
    [(0.025, 1, 12.706205), (0.025, 3, 3.182446), (0.025, 30, 2.042272), (0.0005, 7, 5.407883),
     (0.05, 2.5, 2.558219), (0.025, 120, 1.979930), (0.025, 1e9, 1.959964), (0.5, 4, 0),
     (1e-5, 1, 31830.988608), (1e-5, 2, 223.603444), (1e-5, 7, 10.102684)],
)  # fmt: skip
def test_students_t_is_that_of_the_tables(risk, freedom, known):
    assert t_quantile(risk, freedom) == pytest.approx(known, rel=2e-6)


@pytest.mark.parametrize(
    ("risk", "freedom"), [(1e-5, 7), (1e-5, 47), (1e-5, 300.7), (0.025, 1.5), (0.4, 9)]
)
def test_above_students_t_lies_the_risk(risk, freedom):
    edges = np.linspace(np.arctan(t_quantile(risk, freedom) / freedom**0.5), np.pi / 2, 200_001)
    density = np.cos((edges[1:] + edges[:-1]) / 2) ** (freedom - 1)
    whole = np.pi**0.5 * np.exp(math.lgamma(freedom / 2) - math.lgamma((freedom + 1) / 2))
    assert density.sum() * (edges[1] - edges[0]) / whole == pytest.approx(risk, rel=1e-4)


def test_independent_pairs_have_the_interval_of_the_textbook():
    rng = np.random.default_rng(0)
    a, b = rng.normal(1, 1, 40), rng.normal(0, 1, 40)
    found = bootstrap_difference(a, b)
    half = t_quantile(0.025, 39) * np.std(a - b, ddof=1) / 40**0.5
    assert found.value == pytest.approx((a - b).mean())
    assert found.high - found.value == pytest.approx(half, rel=0.05)
    assert found == bootstrap_difference(a, b) and found.told_apart
    back = bootstrap_difference(b, a)
    assert (back.low, back.high) == pytest.approx((-found.high, -found.low))


def test_equal_columns_are_never_told_apart_and_equal_shifts_always():
    values = np.random.default_rng(1).normal(size=12)
    same = bootstrap_difference(values, values, [np.repeat([0, 1, 2, 3], 3)])
    assert same == Interval(0, 0, 0) and not same.told_apart
    assert bootstrap_difference(values + 1, values).told_apart


def test_what_is_no_number_is_left_out_in_pairs_and_one_pair_says_nothing():
    a, b = np.array([1.0, np.nan, 3.0, 2.0]), np.array([0.0, 1.0, np.inf, 0.0])
    kept = bootstrap_difference(a, b, [np.arange(4), np.zeros(4)])
    assert kept.value == 1.5
    one = bootstrap_difference(a[:2], b[:2])
    assert (one.value, one.low, one.high) == (1.0, -np.inf, np.inf) and not one.told_apart
    assert not bootstrap_difference([np.nan], [1.0]).told_apart


def test_clusters_that_repeat_themselves_do_not_make_it_surer():
    rng = np.random.default_rng(2)
    once = rng.normal(0.3, 1, 12)
    alone = bootstrap_difference(once, np.zeros(12))
    copied = bootstrap_difference(np.repeat(once, 50), np.zeros(600), np.repeat(np.arange(12), 50))
    assert copied.high - copied.low == pytest.approx(alone.high - alone.low, rel=0.05)
    naive = bootstrap_difference(np.repeat(once, 50), np.zeros(600))
    assert naive.high - naive.low < 0.2 * (copied.high - copied.low)


def test_few_prompts_count_as_given():
    values = np.random.default_rng(3).normal(size=30)
    prompts, seeds = np.repeat([0, 1, 2], 10), np.tile(np.arange(10), 3)
    zero = np.zeros(30)
    assert bootstrap_difference(values, zero, [prompts, seeds]) == bootstrap_difference(
        values, zero, seeds
    )


def test_a_statistic_of_weights_is_resampled_like_means():
    values = np.random.default_rng(4).normal(size=(25, 2))
    means = resample_means(values, seed=3)
    same = resample(
        lambda weights: weights @ values / weights.sum(axis=1, keepdims=True), 25, seed=3
    )
    assert means.spread((1, -1)) == same.spread((1, -1))


def test_memory_is_bounded_and_changes_nothing(monkeypatch):
    values = np.random.default_rng(5).normal(size=(50, 1))
    ways = [np.arange(50) % 5, np.arange(50) // 5]
    whole = resample_means(values, ways).spread([1])
    monkeypatch.setattr(statistics, "_AT_ONCE", 50 * 7)
    assert resample_means(values, ways).spread([1]).variance == pytest.approx(whole.variance)


def test_spreads_add_up_as_welch_says():
    added = unpaired_spread([1, 2, 3, 4]) + unpaired_spread([0, 5, 10])
    assert added.variance == pytest.approx(5 / 3 / 4 + 25 / 3)
    assert 2 < added.freedom < 3
    assert Spread(0, 3) + Spread(0, 2) == Spread(0, 5)
    assert simultaneous(0.95, 45) == pytest.approx(1 - 0.05 / 45) and simultaneous(0.9, 0) == 0.9


def covered(shape: tuple[int, int], extra: int, deviations: tuple[float, float, float], runs: int):
    """Share of simulated comparisons whose interval holds the true difference 0.

    A grid of prompts × seeds and `extra` images with seeds of their own; the difference of an image
    is the sum of its prompt's, its seed's and its own, with these deviations.
    """
    prompts, seeds = shape
    rng = np.random.default_rng(7)
    of_prompt = np.concatenate([np.repeat(np.arange(prompts), seeds), np.arange(extra) % prompts])
    of_seed = np.concatenate([np.tile(np.arange(seeds), prompts), seeds + np.arange(extra)])
    values = (
        rng.normal(0, deviations[0], (prompts, runs))[of_prompt]
        + rng.normal(0, deviations[1], (seeds + extra, runs))[of_seed]
        + rng.normal(0, deviations[2], (len(of_seed), runs))
    )
    found = resample_means(values, [of_prompt, of_seed])
    means = values.mean(axis=0)
    held = [
        not found.spread(row).around(mean).told_apart
        for row, mean in zip(np.eye(runs), means, strict=True)
    ]
    return float(np.mean(held))


GRIDS = [((8, 8), 0), ((4, 4), 48), ((16, 4), 0), ((5, 12), 0)]
DEVIATIONS = [(0.0, 0.0, 1.0), (0.5, 0.0, 1.0), (0.0, 0.5, 1.0), (0.5, 0.5, 1.0), (1.0, 1.0, 0.2)]


@pytest.mark.parametrize(("shape", "extra"), GRIDS)
@pytest.mark.parametrize("deviations", DEVIATIONS)
def test_an_interval_holds_the_truth_as_often_as_it_says(shape, extra, deviations, everything):
    if not everything and (shape, deviations) not in (
        ((8, 8), (0.5, 0.5, 1.0)), ((4, 4), (0.5, 0.0, 1.0)), ((16, 4), (0.0, 0.0, 1.0)),
    ):  # fmt: skip
        pytest.skip("one per kind of grid is enough here: STUDIO_TEST_ALL=1 runs all")
    share = covered(shape, extra, deviations, 1000 if everything else 200)
    assert share >= 0.9
