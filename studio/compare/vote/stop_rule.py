"""When enough has been voted: a test that may be looked at after every vote.

Looking after every vote and stopping when an ordinary test says “significant” finds differences that are
not there: with 100 looks at a 5 % test in more than a third of all cases. Here the evidence is an e-value instead.

**One is better.** Of the votes that are no ties, k of n are for a. Under “both are preferred equally often”
the likelihood ratio of a mixture of all preferences q to q = ½,

    E = ∫ qᵏ (1 − q)ⁿ⁻ᵏ dB(q) / 2⁻ⁿ = 2ⁿ · B(k + ½, n − k + ½) / B(½, ½),

is a martingale with mean 1, so it ever reaches 1/α with probability at most α, whenever one looks and
however one stops (Ville 1939; Robbins 1970, “Statistical methods related to the law of the iterated
logarithm”, Ann. Math. Statist. 41). The mixture is Beta(½, ½), Krichevsky and Trofimov's (1981): it decides
one-sided votes a vote earlier than the uniform one, and others as early. 7 of 7, 11 of 12 or 18 of 22 are
enough for two columns and α = 5 %.

**They cannot be told apart.** The same mixture inverted is a confidence sequence for how often a is
preferred (a tie counts ½; by convexity the bound holds for such values too): the preferences that the
votes have not refuted, valid at all times at once. When it lies within ½ ± 0.2, whichever is better is
preferred in fewer than 7 of 10 votes, and going on is not worth anybody's time. Ended pairs without an
answer count as not told apart as well.

**Many columns.** Each pair of columns is a test of its own; Holm's procedure over them keeps the chance of
any wrong statement at most α. Its p-values are 1 / the largest E so far, which are valid at all times, so
what was once said stays said.

One vote on each pair of images counts, the first that is no “both bad”: several people who look at the same
two images are not several images. Owns: these statements. Refuses to know: columns, people, files.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

ERROR = 0.05
"""How often a statement may be wrong, over all pairs of columns together."""
MARGIN = 0.2
"""Preferences within ½ ± this are too small to go on for."""

Outcome = Literal["first", "second", "tie"]
State = Literal["first", "second", "alike", "exhausted", "open"]


@dataclass(frozen=True)
class Standing:
    """What is known of two columns after some votes."""

    state: State
    """Which one is better; `alike`: within the margin; `exhausted`: no answer and nothing left to
    vote on; `open`: more votes would tell."""
    first: int
    """Votes for the first, one per pair of images."""
    second: int
    ties: int
    evidence: float
    """The largest logarithm of E so far."""
    low: float
    """The confidence sequence for how often the first is preferred, a tie counting ½."""
    high: float

    @property
    def votes(self) -> int:
        """Pairs of images voted on."""
        return self.first + self.second + self.ties


def log_evidence(wins: float, losses: float) -> float:
    """log E of `wins` against `losses`."""
    return _log_mixture(wins, losses) + (wins + losses) * math.log(2)


def confidence_sequence(points: float, votes: int, error: float = ERROR) -> tuple[float, float]:
    """The preferences that `points` (a tie ½) in `votes` have not refuted, at all times at once."""
    limit = math.log(1 / error)
    losses = votes - points
    mixture = _log_mixture(points, losses)

    def refuted(value: float) -> bool:
        expected = _times_log(points, value) + _times_log(losses, 1 - value)
        return mixture - expected >= limit

    middle = points / votes if votes else 0.5
    return (
        _border(0.0, middle, refuted) if refuted(0.0) else 0.0,
        _border(1.0, middle, refuted) if refuted(1.0) else 1.0,
    )


def standings(
    pairs: Sequence[Sequence[Outcome]], left: Sequence[int], error: float = ERROR
) -> list[Standing]:
    """What can be said of each pair of columns, from its votes in order and the pairs of images that
    nobody has voted on yet; at most `error` for any wrong statement, at any time."""
    evidence = [_largest_evidence(outcomes) for outcomes in pairs]
    better = _holm([top for top, _ in evidence], error)
    found = []
    for outcomes, rest, (top, leader), decided in zip(pairs, left, evidence, better, strict=True):
        first, second = outcomes.count("first"), outcomes.count("second")
        ties = len(outcomes) - first - second
        points, each = first + ties / 2, error / len(pairs)
        low, high = confidence_sequence(points, len(outcomes), each)
        state: State = "open"
        if decided:
            state = leader
        elif low > 0.5 - MARGIN and high < 0.5 + MARGIN:
            state = "alike"
        elif not rest:
            state = "exhausted"
        found.append(Standing(state, first, second, ties, top, low, high))
    return found


def _largest_evidence(outcomes: Sequence[Outcome]) -> tuple[float, Literal["first", "second"]]:
    """The largest log E on the way, and who led there."""
    top, leader, first, second = 0.0, "first", 0, 0
    for outcome in outcomes:
        first, second = first + (outcome == "first"), second + (outcome == "second")
        now = log_evidence(first, second)
        if now > top:
            top, leader = now, "first" if first > second else "second"
    return top, "first" if leader == "first" else "second"


def _holm(evidence: Sequence[float], error: float) -> list[bool]:
    """Which of several tests say something, by Holm's step-down procedure (1979)."""
    order = sorted(range(len(evidence)), key=lambda place: -evidence[place])
    found = [False] * len(evidence)
    for rank, place in enumerate(order):
        if evidence[place] < math.log((len(evidence) - rank) / error):
            break
        found[place] = True
    return found


def _log_mixture(wins: float, losses: float) -> float:
    """log ∫ q^wins (1 − q)^losses dB(q), B the Beta(½, ½) distribution."""
    both = math.lgamma(wins + 0.5) + math.lgamma(losses + 0.5)
    return both - math.lgamma(wins + losses + 1) - math.log(math.pi)


def _times_log(count: float, value: float) -> float:
    if not count:
        return 0.0
    return count * math.log(value) if value > 0 else -math.inf


def _border(refuted_end: float, kept: float, refuted: Callable[[float], bool]) -> float:
    for _ in range(50):
        middle = (refuted_end + kept) / 2
        if refuted(middle):
            refuted_end = middle
        else:
            kept = middle
    return kept
