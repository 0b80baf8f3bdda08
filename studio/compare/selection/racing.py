"""Choosing among many candidates with few images: the worse ones leave early.

Owns: the race and its statistics, on plain numbers. Refuses to know: what a candidate is, images, torch.

After every look each candidate left has a score for each of the same n images (one prompt, one seed:
the same noise for all), so candidates are compared by *paired* differences. One leaves when the leader
is better than it by more than chance, or when it is beyond a limit by more than chance. The idea is
Hoeffding races (Maron & Moore 1993); the bound is not Hoeffding's, which at the 8 to 48 images that
people generate is wider than any difference of cosines, but the paired t-test of F-race (Birattari
et al. 2002), one-sided.

Looking again and again is paid for: half of `risk` is divided by the number of looks and of rivals,
half by the number of looks and of limits. The best candidate can only leave wrongly in one of these
tests, so the union bound says: with probability 1 − `risk` it is never dropped as worse, whichever
candidate leads at a look. What is assumed is that a mean of n differences is about normal, not their independence
of the prompt: every look has each prompt equally often, and what prompts have in common only widens
the bound.

A plateau of checkpoints that are all as good would defeat the race. So after a look at most as many go on
as successive halving (Jamieson & Talwalkar 2016) would pay for, and as half of the full grid, with the
base alone in it, leaves room for. Who is *set aside* then is not said to be worse: the leader stays, and of
those that cannot be told apart from it the next best and the next preferred in turn.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from studio.compare.statistics import t_quantile

Key = TypeVar("Key", bound=Hashable)
Values = NDArray[np.float64]
RISK = 0.05
LEAST = 4
"""Images below which nobody is dropped."""
PACE = 0.5
"""The images of every further look together, as a share of those of the first."""
ASIDE = "aside"


@dataclass(frozen=True)
class Bounded:
    """A mean with the ends of its interval."""

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Exit:
    """Why and when a candidate left: by `score`, by the name of a limit, or set `aside`."""

    why: str
    images: int
    by: float
    """How far it was behind the leader, or beyond the limit, on average."""


class Race(Generic[Key]):
    """The candidates left, and why the others are not."""

    def __init__(
        self,
        candidates: Sequence[Key],
        looks: Sequence[int],
        limits: Sequence[str] = (),
        risk: float = RISK,
    ) -> None:
        """`candidates` in the order in which they are preferred where they are as good; `looks` are the
        images per candidate at which the race is looked at, rising."""
        self.candidates, self.looks, self.limits = list(candidates), list(looks), list(limits)
        self.left = list(candidates)
        self.exits: dict[Key, Exit] = {}
        self.images: dict[Key, int] = dict.fromkeys(candidates, 0)
        half = risk / 2 if limits else risk
        self._level = half / max(1, (len(self.candidates) - 1) * len(self.looks))
        self._limit_level = half / max(1, len(self.limits) * len(self.looks))

    def look(
        self,
        images: int,
        scores: Mapping[Key, Values],
        beyond: Mapping[str, Mapping[Key, Values]] | None = None,
    ) -> dict[Key, Exit]:
        """Those who leave now. `scores`: candidate → score of each image, higher is better; `beyond`:
        limit → candidate → how far each image is beyond it (a mean above 0 is too far).

        What a limit could not be measured for is left out of `beyond`.
        """
        leaving: dict[Key, Exit] = {}
        for key in self.left:
            self.images[key] = images
        for limit in self.limits:
            for key in self.left:
                values = (beyond or {}).get(limit, {}).get(key)
                if key not in leaving and values is not None and self._beyond(values):
                    leaving[key] = Exit(limit, images, float(values.mean()))
        fit = [key for key in self.left if key not in leaving]
        if fit:
            leader = max(fit, key=lambda key: float(scores[key].mean()))
            for key in fit:
                difference = scores[leader] - scores[key]
                if key != leader and above_zero(difference, self._level):
                    leaving[key] = Exit("score", images, float(difference.mean()))
            leaving.update(self._aside(images, scores, leader, leaving))
        self.left = [key for key in self.left if key not in leaving]
        self.exits.update(leaving)
        return leaving

    def places(self, images: int) -> int:
        """How many may go on after the look at `images`."""
        at = self.looks.index(images) if images in self.looks else len(self.looks) - 1
        if at == len(self.looks) - 1:
            return len(self.candidates)  # nothing is generated any more
        later = [after - before for before, after in pairwise(self.looks[at:])]
        paid_for = int(PACE * len(self.candidates) * self.looks[0] / later[0])
        room = self.looks[-1] * (len(self.candidates) - 1) / 2 - self.generated
        return max(
            2, next(n for n in range(paid_for, -1, -1) if _halving(n, later) <= room or n < 3)
        )

    def _aside(
        self, images: int, scores: Mapping[Key, Values], leader: Key, leaving: Mapping[Key, Exit]
    ) -> dict[Key, Exit]:
        """Who is not needed any more: the leader stays, then who cannot be told apart from it, the next
        best and the next preferred in turn, then the others by their means."""
        rest = [key for key in self.left if key not in leaving and key != leader]
        best = sorted(rest, key=lambda key: -float(scores[key].mean()))
        apart = [key for key in best if worse(scores[leader], scores[key])]
        alike = [[key for key in order if key not in apart] for order in (best, rest)]
        in_turn = [key for pair in zip(*alike, strict=True) for key in pair]
        order = [*dict.fromkeys(in_turn), *apart]
        behind = {key: float((scores[leader] - scores[key]).mean()) for key in order}
        return {key: Exit(ASIDE, images, behind[key]) for key in order[self.places(images) - 1 :]}

    def without(self, key: Key, why: str) -> None:
        """Takes out one that could not be generated."""
        if key in self.left:
            self.left.remove(key)
            self.exits[key] = Exit(why, self.images[key], 0.0)

    def _beyond(self, values: Values) -> bool:
        return above_zero(values, self._limit_level)

    @property
    def settled(self) -> bool:
        """Whether more images can change nothing."""
        return len(self.left) < 2

    @property
    def generated(self) -> int:
        """Images of all candidates together."""
        return sum(self.images.values())

    @property
    def full(self) -> int:
        """Images that all candidates would have needed without the race."""
        return len(self.candidates) * (self.looks[-1] if self.looks else 0)


def _halving(places: int, later: Sequence[int]) -> int:
    """Images of `places` candidates, half of them after each further look, never fewer than two."""
    return sum(more * max(2, places >> number) for number, more in enumerate(later))


def looks(prompts: int, most: int) -> list[int]:
    """When to look: a multiple of the prompts each time, about twice as many as before, until `most`
    (rounded up to one)."""
    rounds = max(1, -(-most // prompts))
    first = -(-max(LEAST + 2, prompts) // prompts)
    found = [min(first, rounds)]
    while found[-1] < rounds:
        found.append(min(2 * found[-1], rounds))
    return [prompts * number for number in found]


def interval(values: Values, level: float = 0.95) -> Bounded:
    """The mean of `values` with its two-sided t-interval; all of the line for fewer than two."""
    n, mean = len(values), float(values.mean()) if len(values) else math.nan
    if n < 2:
        return Bounded(mean, -math.inf, math.inf, n)
    half = t_quantile((1 - level) / 2, n - 1) * float(values.std(ddof=1)) / math.sqrt(n)
    return Bounded(mean, mean - half, mean + half, n)


def worse(leader: Values, other: Values, level: float = 0.95) -> bool:
    """Whether `other` is worse than `leader` by more than chance, in one look at paired scores."""
    return interval(leader - other, level).low > 0


def above_zero(values: Values, risk: float) -> bool:
    """Whether the mean is above 0, wrongly with probability `risk` at most."""
    n = len(values)
    if n < LEAST:
        return False
    mean, spread = float(values.mean()), float(values.std(ddof=1))
    return mean > t_quantile(risk, n - 1) * spread / math.sqrt(n) and mean > 1e-12
