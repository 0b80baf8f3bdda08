"""Strengths of columns from votes between two of them, with ties (Bradley and Terry 1952).

The model is Davidson's (1970, “On extending the Bradley–Terry model to accommodate ties in paired
comparison experiments”, JASA 65): with strengths θ and a tendency to ties ν, a vote on i and j is

    for i ∝ exp θi,    for j ∝ exp θj,    a tie ∝ ν exp((θi + θj) / 2).

Rao and Kupper (1967) put ties into a band around equality instead. Davidson's form is taken because it
is an exponential family: the log likelihood is concave in (θ, log ν), so there is one maximum and
Newton's method finds it, and what a column's strength depends on is its points (a win 1, a tie ½), which
a reader can count.

A column that won everything would be infinitely strong. So every column begins with half a win and half
a loss, spread evenly over its opponents, and there is half a tie in all; for two columns these are
Jeffreys' half counts. Intervals are where twice the log likelihood falls by a quantile of χ² with one
degree of freedom while all other parameters are fitted anew (profile likelihood).

Owns: the likelihood, its maximum, intervals. Everything works on many tallies at once. Refuses to know:
who voted, columns' names, when to stop (`stop_rule`). Imports no torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

PSEUDO_VOTES = 0.5
_STEPS, _HALVINGS, _LONGEST_STEP = 60, 12, 2.0
_DOUBLINGS, _NARROWINGS = 14, 40
_CLOSE = 1e-9


@dataclass(frozen=True)
class Estimates:
    """What was asked for, each with its interval; arrays of one shape."""

    value: Array
    low: Array
    high: Array


def against_others(columns: int) -> Array:
    """Contrasts [K, K]: each column's strength against the mean of the K − 1 others."""
    return (np.eye(columns) * columns - 1) / (columns - 1)


def difference(columns: int, a: int, b: int) -> Array:
    """The contrast [1, K] of column a's strength to b's."""
    row = np.zeros((1, columns))
    row[0, a], row[0, b] = 1, -1
    return row


def estimate(wins: Array, ties: Array, contrasts: Array, level: float = 0.95) -> Estimates:
    """Contrasts [C, K] of log strengths, with profile likelihood intervals: arrays [..., C].

    `wins` [..., K, K] holds at [i, j] the votes for i against j, `ties` [..., K, K] at [i, j] or [j, i]
    (they are added up) those for neither; both may be fractions. Each contrast sums to 0.
    """
    model = _Model(wins.shape[-1])
    batch = wins.shape[:-2]
    counts = model.counts(wins.reshape(-1, *wins.shape[-2:]), ties.reshape(-1, *ties.shape[-2:]))
    problems, asked = len(counts), len(contrasts)
    best, height = model.fit(counts, np.zeros((problems, model.size)))
    values = best[:, :-1] @ contrasts.T
    drop = NormalDist().inv_cdf((1 + level) / 2) ** 2 / 2
    each = np.repeat(counts, asked, axis=0)
    start, top = np.repeat(best, asked, axis=0), np.repeat(height, asked)
    directions = np.tile(contrasts, (problems, 1))
    ends = [
        _Profile(model, each, directions, start, top - drop).end(sign).reshape(*batch, asked)
        for sign in (-1.0, 1.0)
    ]
    return Estimates(values.reshape(*batch, asked), *ends)


def chance(strength: ArrayLike) -> Array:
    """How often a column this much stronger than another one is preferred, ties left out: 0 … 1."""
    return 1 / (1 + np.exp(-np.asarray(strength, dtype=np.float64)))


class _Model:
    """Davidson's likelihood for K columns, parameters [B, K + 1]: θ, then log ν."""

    def __init__(self, columns: int) -> None:
        self.columns, self.size = columns, columns + 1
        self.first, self.second = np.triu_indices(columns, 1)
        pairs = len(self.first)
        # what is in the exponent of each of the three outcomes of each pair
        self.design = np.zeros((pairs, 3, self.size))
        rows = np.arange(pairs)
        self.design[rows, 0, self.first] = 1
        self.design[rows, 1, self.second] = 1
        self.design[rows, 2, self.first] = self.design[rows, 2, self.second] = 0.5
        self.design[:, 2, -1] = 1
        # adding the same to all strengths changes nothing: this keeps their mean where it is
        self.level = np.zeros((self.size, self.size))
        self.level[:-1, :-1] = 1.0

    def counts(self, wins: Array, ties: Array) -> Array:
        """Votes for the first, for the second, for neither: [B, pairs, 3], with the pseudo votes."""
        i, j = self.first, self.second
        found = np.stack([wins[:, i, j], wins[:, j, i], ties[:, i, j] + ties[:, j, i]], axis=-1)
        found[..., :2] += PSEUDO_VOTES / (self.columns - 1)
        found[..., 2] += PSEUDO_VOTES / len(i)
        return found

    def likelihood(self, counts: Array, at: Array) -> Array:
        """The log likelihood [B]."""
        exponents = np.einsum("pos,bs->bpo", self.design, at)
        top = exponents.max(-1, keepdims=True)
        norm = top[..., 0] + np.log(np.exp(exponents - top).sum(-1))
        return np.asarray((counts * exponents).sum((1, 2)) - (counts.sum(-1) * norm).sum(-1))

    def slopes(self, counts: Array, at: Array) -> tuple[Array, Array]:
        """Gradient [B, S] and negative second derivative [B, S, S] of the log likelihood."""
        exponents = np.einsum("pos,bs->bpo", self.design, at)
        chances = np.exp(exponents - exponents.max(-1, keepdims=True))
        chances /= chances.sum(-1, keepdims=True)
        votes = counts.sum(-1)
        gradient = np.einsum("bpo,pos->bs", counts - votes[..., None] * chances, self.design)
        means = np.einsum("bpo,pos->bps", chances, self.design)
        squares = np.einsum(
            "bpo,pos,pot->bst", votes[..., None] * chances, self.design, self.design
        )
        return gradient, squares - np.einsum("bp,bps,bpt->bst", votes, means, means)

    def fit(self, counts: Array, at: Array, fixed: Array | None = None) -> tuple[Array, Array]:
        """The maximum and its height from `at` on; the contrasts `fixed` [B, K] keep their values."""
        height = self.likelihood(counts, at)
        for _ in range(_STEPS):
            step = self._newton_step(counts, at, fixed)
            length = np.abs(step).max(-1)
            if length.max(initial=0.0) < _CLOSE:
                break
            step *= np.minimum(1, _LONGEST_STEP / np.maximum(length, _CLOSE))[:, None]
            at, height = self._uphill(counts, at, height, step)
        return at, height

    def _newton_step(self, counts: Array, at: Array, fixed: Array | None) -> Array:
        gradient, curvature = self.slopes(counts, at)
        curvature = curvature + self.level
        if fixed is None:
            return np.asarray(np.linalg.solve(curvature, gradient[..., None])[..., 0])
        size = self.size
        system = np.zeros((len(at), size + 1, size + 1))
        system[:, :size, :size] = curvature
        system[:, : size - 1, size] = system[:, size, : size - 1] = fixed
        right = np.concatenate([gradient, np.zeros((len(at), 1))], axis=-1)
        return np.asarray(np.linalg.solve(system, right[..., None])[:, :size, 0])

    def _uphill(self, counts: Array, at: Array, height: Array, step: Array) -> tuple[Array, Array]:
        """`at` after the step, or after the largest half of halves of it that does not lead down."""
        for _ in range(_HALVINGS):
            there = self.likelihood(counts, at + step)
            down = there < height - 1e-10
            if not down.any():
                break
            step = np.where(down[:, None], step / 2, step)
        better = there >= height - 1e-10
        return np.where(better[:, None], at + step, at), np.where(better, there, height)


class _Profile:
    """Where the likelihood, with a contrast held at a value and all else fitted, has fallen to `floor`."""

    def __init__(
        self, model: _Model, counts: Array, contrasts: Array, best: Array, floor: Array
    ) -> None:
        self.model, self.counts, self.contrasts = model, counts, contrasts
        self.best, self.floor = best, floor
        self.at = best
        self.value = (contrasts * best[:, :-1]).sum(-1)

    def above(self, values: Array) -> Array:
        """The height over the floor with the contrast at `values` [B]."""
        now = (self.contrasts * self.at[:, :-1]).sum(-1)
        square = np.maximum((self.contrasts**2).sum(-1), _CLOSE)
        start = self.at.copy()
        start[:, :-1] += self.contrasts * ((values - now) / square)[:, None]
        self.at, height = self.model.fit(self.counts, start, self.contrasts)
        return height - self.floor

    def end(self, sign: float) -> Array:
        """The end of the interval below (-1) or above (+1) the estimate."""
        inner, outer = np.zeros_like(self.value), np.ones_like(self.value)
        self.at = self.best
        over = self.above(self.value + sign * outer)
        for _ in range(_DOUBLINGS):
            if not (over > 0).any():
                break
            inner = np.where(over > 0, outer, inner)
            outer = np.where(over > 0, 2 * outer, outer)
            over = self.above(self.value + sign * outer)
        for _ in range(_NARROWINGS):
            if np.max(outer - inner, initial=0.0) < 1e-4:
                break
            middle = (inner + outer) / 2
            inside = self.above(self.value + sign * middle) > 0
            inner, outer = np.where(inside, middle, inner), np.where(inside, outer, middle)
        return np.asarray(self.value + sign * (inner + outer) / 2)
