"""The stop rule: what is enough, and how often it errs although it is looked at after every vote."""

from __future__ import annotations

import math
from itertools import cycle, islice
from typing import Any

import numpy as np
import pytest

from studio.compare.vote.stop_rule import (
    ERROR,
    MARGIN,
    Outcome,
    confidence_sequence,
    log_evidence,
    standings,
)


def outcomes(first: int, second: int, ties: int = 0) -> list[Outcome]:
    """Votes of which the second's come early, so that the first has to make up for them."""
    found: list[Outcome] = []
    found += ["second"] * second
    found += ["tie"] * ties
    found += ["first"] * first
    return found


def state(found: list[Outcome], left: int = 10, columns: int = 1) -> str:
    others: list[list[Outcome]] = [[]] * (columns - 1)
    return standings([found, *others], [left] * columns)[0].state


def test_the_evidence_is_the_mixture_likelihood_ratio() -> None:
    guessed, wins = 1.0, 0  # as a gambler who bets by the votes so far, one by one
    for number, won in enumerate([True] * 8 + [False] * 2):
        share = (wins + 0.5) / (number + 1)
        guessed *= 2 * (share if won else 1 - share)
        wins += won
    assert log_evidence(8, 2) == pytest.approx(math.log(guessed))
    assert math.exp(log_evidence(1, 0)) == pytest.approx(1)  # one vote tells nothing
    assert math.exp(log_evidence(2, 0)) == pytest.approx(1.5)
    assert log_evidence(0, 0) == pytest.approx(0)
    assert log_evidence(3, 5) == pytest.approx(log_evidence(5, 3))


def test_how_many_votes_are_enough() -> None:
    assert state(outcomes(6, 0)) == "open"
    assert state(outcomes(7, 0)) == "first"
    assert state(outcomes(0, 7)) == "second"
    assert state(outcomes(19, 1)) == "first"
    assert state(outcomes(17, 4)) == "open" and state(outcomes(18, 4)) == "first"
    assert state(outcomes(7, 0, ties=30)) == "first"  # a tie tells nothing about who is better
    assert state([]) == "open"


def test_many_columns_need_more_and_holm_lets_the_second_have_it_easier() -> None:
    assert state(outcomes(9, 0), columns=6) == "open"
    assert state(outcomes(10, 0), columns=6) == "first"
    found = standings([outcomes(40, 0), outcomes(7, 0)], [9, 9])
    assert [one.state for one in found] == ["first", "first"]
    assert standings([[], outcomes(7, 0)], [9, 9])[1].state == "open"


def test_what_was_once_said_stays_said() -> None:
    assert state([*outcomes(12, 0), *outcomes(0, 3)]) == "first"


def test_too_small_a_difference_ends_the_vote() -> None:
    even: list[Outcome] = list(islice(cycle(("first", "second")), 100))
    ends = next(n for n in range(1, 100) if state(even[:n]) == "alike")
    assert 40 < ends < 80
    assert state(["tie"] * ends) == "alike"
    assert state(even[:10], left=0) == "exhausted"
    assert state(outcomes(8, 0), left=0) == "first"


def paths(chance: float, votes: int, runs: int, seed: int) -> Any:
    """Votes for the first so far, [runs, votes]."""
    dice = np.random.default_rng(seed)
    return np.cumsum(dice.random((runs, votes)) < chance, axis=1)


def needed(votes: int, error: float = ERROR) -> Any:
    """The least votes for one that say so, after 1 … n votes; more than there are where none do."""
    limit = math.log(1 / error)
    return np.array([
        next((k for k in range((n + 1) // 2, n + 1) if log_evidence(k, n - k) >= limit), n + 1)
        for n in range(1, votes + 1)
    ])  # fmt: skip


def test_equal_columns_are_seldom_told_apart_in_spite_of_looking_after_every_vote(
    everything: bool,
) -> None:
    votes, runs = (1000, 20000) if everything else (200, 2000)
    first = paths(0.5, votes, runs, seed=4)
    counts = np.arange(1, votes + 1)
    said = (np.maximum(first, counts - first) >= needed(votes)).any(axis=1).mean()
    assert said <= ERROR
    # an ordinary test, looked at as often, finds a difference in a third of the cases
    deviation = np.abs(2 * first - counts) / np.sqrt(counts)
    naive = (deviation[:, 9:] > 1.96).any(axis=1).mean()
    assert naive > 0.25


def test_a_better_column_is_found_and_the_worse_one_hardly_ever(everything: bool) -> None:
    votes, runs = 200, 20000 if everything else 1000
    first = paths(0.8, votes, runs, seed=5)
    counts = np.arange(1, votes + 1)
    limits = needed(votes)
    right = (first >= limits).any(axis=1).mean()
    wrong = (counts - first >= limits).any(axis=1).mean()
    assert right > 0.99 and wrong < 0.01
    assert np.median((first >= limits).argmax(axis=1) + 1) < 30  # in how many votes


def test_several_voters_on_the_same_images_are_not_several_images(everything: bool) -> None:
    """Images differ, columns do not: every voter sees the same few images and agrees on each."""
    images, voters, runs = 16, 8, 4000 if everything else 1000
    dice = np.random.default_rng(6)
    liked = np.where(dice.random((runs, images)) < 0.5, 0.9, 0.1)
    given = dice.random((runs, voters, images)) < liked[:, None, :]
    counts = np.arange(1, images * voters + 1)

    def said(flags: Any) -> float:
        total = np.cumsum(flags.reshape(runs, -1), axis=1)
        seen = counts[: total.shape[1]]
        limits = needed(total.shape[1])
        return float((np.maximum(total, seen - total) >= limits).any(axis=1).mean())

    assert said(given) > 0.15  # every vote counted
    assert said(given[:, :1]) <= ERROR  # one vote on each image counted, as the rule does


def test_the_confidence_sequence_holds_the_truth_at_all_times(everything: bool) -> None:
    votes, runs = (100, 4000) if everything else (50, 800)
    dice = np.random.default_rng(7)
    points = np.cumsum(
        dice.choice([1.0, 0.0, 0.5], p=[0.45, 0.25, 0.3], size=(runs, votes)), axis=1
    )
    truth = 0.45 + 0.15
    lost = np.zeros(runs, dtype=bool)
    for n in range(1, votes + 1):
        ends = [confidence_sequence(half / 2, n) for half in range(2 * n + 1)]
        holds = np.array([low <= truth <= high for low, high in ends])
        lost |= ~holds[(2 * points[:, n - 1]).astype(int)]
    assert lost.mean() <= ERROR
    assert confidence_sequence(0, 0) == (0.0, 1.0)
    low, high = confidence_sequence(31, 62)
    assert 0.5 - MARGIN < low < 0.5 < high < 0.5 + MARGIN
