"""How sure a mean or a difference is: a bootstrap over crossed clusters, and Student's t.

Images of a comparison are no independent samples: those of one prompt resemble each other, and so do
those of one seed in all prompts. A cluster bootstrap (Davison & Hinkley 1997, 3.8) over prompts alone
would forget the seeds and the reverse, and resampling both at once counts what is left three times
(Owen 2007, “the pigeonhole bootstrap”). So three bootstraps are run and put together as the variance of
crossed clusters is, V = V(prompts) + V(seeds) − V(images) (Cameron, Gelbach & Miller 2011), never below
V(images). The interval is value ± t · √V; the degrees of freedom follow Satterthwaite 1946, which keeps
intervals honest when there are only four prompts.

Owns: these formulas. Refuses to know: measures, records. Everything is deterministic. Imports no torch.

Shapes: N images · G clusters · B resamples · K quantities measured on the same images.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
Labels = NDArray[np.int64]
Statistic = Callable[[Array], Array]
"""How often each image is in each resample [B, N] → the statistics of each resample [B, K]."""

RESAMPLES = 2000
LEVEL = 0.95
LEAST_CLUSTERS = 4
"""With fewer prompts (or seeds) than these they count as given: the interval is about exactly them."""
_AT_ONCE = 4_000_000  # weights held in memory
_MOST_TERMS = 10_000  # of a fraction that needs about √ν of them
_MOST_FREEDOM = 1e6  # from here on t is a normal deviate, to six digits


@dataclass(frozen=True)
class Interval:
    """A value and where it is with the stated confidence."""

    value: float
    low: float
    high: float

    @property
    def told_apart(self) -> bool:
        """Whether zero is outside: of a difference, whether there is one."""
        return not self.low <= 0 <= self.high

    def widened(self, below: float, above: float) -> Interval:
        """The same with its ends moved outwards."""
        return Interval(self.value, self.low - below, self.high + above)


@dataclass(frozen=True)
class Spread:
    """The variance of an estimate, and the degrees of freedom that it was estimated with."""

    variance: float
    freedom: float

    def __add__(self, other: Spread) -> Spread:
        """Of the sum of two independent estimates (Welch 1947)."""
        whole = self.variance + other.variance
        parts = self.variance**2 / self.freedom + other.variance**2 / other.freedom
        return Spread(whole, whole**2 / parts if parts > 0 else self.freedom + other.freedom)

    def around(self, value: float, level: float = LEVEL) -> Interval:
        """The interval of an estimate with this spread."""
        if self.variance <= 0:
            return Interval(value, value, value)
        half = t_quantile((1 - level) / 2, self.freedom) * self.variance**0.5
        return Interval(value, value - half, value + half)


@dataclass(frozen=True)
class _Part:
    """One bootstrap: of G clusters, what the resampled statistics vary like."""

    clusters: int
    covariance: Array
    """[K, K]"""


@dataclass(frozen=True)
class Resampled:
    """K statistics of the same images, resampled together; any contrast of them has a spread."""

    parts: tuple[_Part, ...]
    """One way of clustering; or two that cross, and the images by themselves."""

    def spread(self, contrast: ArrayLike) -> Spread:
        """Of Σ contrast[k] · statistic[k]: (1, −1) is the difference of two."""
        weights = np.asarray(contrast, float)
        found = [float(weights @ part.covariance @ weights) for part in self.parts]
        freedom = [part.clusters - 1 for part in self.parts]
        if len(found) == 1:
            return Spread(found[0], freedom[0])
        variance = max(found[0] + found[1] - found[2], found[2])
        parts = sum(one**2 / many for one, many in zip(found, freedom, strict=True))
        return Spread(variance, max(1.0, variance**2 / parts) if parts > 0 else min(freedom))


def bootstrap_difference(
    a: ArrayLike,
    b: ArrayLike,
    clusters: ArrayLike | Sequence[ArrayLike] | None = None,
    seed: int = 0,
    level: float = LEVEL,
) -> Interval:
    """mean(a) − mean(b) of paired values [N]: image i of both has the same prompt and noise.

    `clusters` are labels [N] of what belongs together, or several ways of clustering that cross
    (prompts, seeds); none takes images as independent. Values that are no numbers are left out in
    pairs; with fewer than two pairs the interval is (−∞, ∞).
    """
    pairs = np.stack([np.asarray(a, float), np.asarray(b, float)], axis=1)
    usable = np.isfinite(pairs).all(axis=1)
    ways = [labels[usable] for labels in _ways(clusters, len(pairs))]
    pairs = pairs[usable]
    if len(pairs) < 2:
        value = float(np.subtract(*pairs.mean(axis=0))) if len(pairs) else float("nan")
        return Interval(value, -np.inf, np.inf)
    found = resample_means(pairs, ways, seed)
    return found.spread((1, -1)).around(float(np.subtract(*pairs.mean(axis=0))), level)


def unpaired_spread(values: ArrayLike) -> Spread:
    """Of the mean of independent values [N], N ≥ 2; add two of them for a difference (Welch)."""
    rows = np.asarray(values, float)
    return Spread(float(rows.var(ddof=1)) / len(rows), len(rows) - 1)


def resample_means(
    values: Array, clusters: ArrayLike | Sequence[ArrayLike] | None = None, seed: int = 0
) -> Resampled:
    """`resample` of the means of K quantities [N, K], all finite."""

    def means(weights: Array) -> Array:
        return np.asarray(weights @ values / weights.sum(axis=1, keepdims=True))

    return resample(means, len(values), clusters, seed)


def resample(
    statistic: Statistic,
    images: int,
    clusters: ArrayLike | Sequence[ArrayLike] | None = None,
    seed: int = 0,
) -> Resampled:
    """Bootstraps any statistics of `images` ≥ 2 images, clustered as `bootstrap_difference` says."""
    ways = _random_ways(_ways(clusters, images))
    parts = []
    for number, labels in enumerate(ways):
        count = int(labels.max()) + 1
        rows = [
            statistic(counts[:, labels].astype(float))
            for counts in _resamples(count, max(1, _AT_ONCE // images), seed, number)
        ]
        table = np.concatenate([np.reshape(row, (len(row), -1)) for row in rows])
        # a resample of G clusters varies by (G − 1) / G of what the clusters do
        covariance = np.atleast_2d(np.cov(table, rowvar=False)) * count / (count - 1)
        parts.append(_Part(count, covariance))
    return Resampled(tuple(parts))


def unseen_share(images: int, level: float) -> float:
    """How many of all images, at most and with this confidence, are unlike `images` ≥ 1 independent
    ones that are all alike: (1 − share)ⁿ = 1 − level, about 3 / n at 95 % (the “rule of three” of
    Hanley & Lippman-Hand 1983)."""
    return 1 - (1 - level) ** (1 / images)


def simultaneous(level: float, comparisons: int) -> float:
    """The level of each of several intervals that all hold together at `level` (Bonferroni)."""
    return 1 - (1 - level) / max(1, comparisons)


@lru_cache(maxsize=4096)
def t_quantile(risk: float, freedom: float) -> float:
    """The point above which Student's t with `freedom` > 0 degrees, also fractions of one, lies with
    probability 0 < `risk` ≤ 0.5.

    Bisection of its tail, which is ½ · I_x(ν/2, ½) with x = ν / (ν + t²) (Abramowitz & Stegun 26.7.1).
    """
    if risk >= 0.5:
        return 0.0
    freedom, low, high = min(freedom, _MOST_FREEDOM), 0.0, 1.0
    while _tail(high, freedom) > risk:
        low, high = high, 2 * high
    while high - low > 1e-9 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if _tail(middle, freedom) > risk else (low, middle)
    return high


def _tail(t: float, freedom: float) -> float:
    """How probable a t above `t` > 0 is."""
    a, b = freedom / 2, 0.5
    x, y = freedom / (freedom + t * t), t * t / (freedom + t * t)
    log_beta = math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
    front = math.exp(b * math.log(y) - a * math.log1p(t * t / freedom) - log_beta)
    if x < (a + 1) / (a + b + 2):  # where the fraction converges fast
        return 0.5 * front * _beta_fraction(a, b, x) / a
    return 0.5 * (1 - front * _beta_fraction(b, a, y) / b)


def _beta_fraction(a: float, b: float, x: float) -> float:
    """The continued fraction of the incomplete beta function (Abramowitz & Stegun 26.5.8), from the
    front by the method of Lentz."""
    found, upper, lower = 1.0, 1.0, 0.0
    for step in range(1, _MOST_TERMS):
        half = step // 2
        term = -(a + half) * (a + b + half) if step % 2 else half * (b - half)
        term *= x / ((a + step - 1) * (a + step))
        upper, lower = 1 + term / upper, 1 / (1 + term * lower)
        found *= upper * lower
        if abs(upper * lower - 1) < 1e-15:
            break
    return 1 / found


def _ways(clusters: ArrayLike | Sequence[ArrayLike] | None, count: int) -> list[Labels]:
    if clusters is None:
        return [np.arange(count)]
    several = isinstance(clusters, (list, tuple)) and not all(np.isscalar(one) for one in clusters)
    return [np.asarray(one) for one in (clusters if several else [clusters])]  # type: ignore[union-attr]


def _random_ways(ways: Sequence[Labels]) -> list[Labels]:
    """Ways of clustering that are resampled, labelled 0 … G − 1; with two, images come third."""
    numbered = [np.unique(labels, return_inverse=True)[1].reshape(-1) for labels in ways]
    numbered = [labels for labels in numbered if labels.max() > 0]
    many = [labels for labels in numbered if labels.max() + 1 >= LEAST_CLUSTERS]
    if not many:
        most = max((int(labels.max()) for labels in numbered), default=0)
        many = [labels for labels in numbered if labels.max() == most][-1:]
    if not many:  # one cluster: nothing tells how another would be
        return [np.arange(len(ways[0]))]
    if len(many) == 1:
        return many
    return [*many[:2], np.arange(len(many[0]))]


def _resamples(clusters: int, rows: int, seed: int, part: int) -> Iterator[NDArray[np.int64]]:
    """How often each cluster is in each resample, [≤ `rows`, G] at a time, RESAMPLES in all."""
    generator = np.random.default_rng([seed, part])
    for start in range(0, RESAMPLES, rows):
        count = min(rows, RESAMPLES - start)
        chosen = generator.integers(0, clusters, (count, clusters))
        chosen += np.arange(count)[:, None] * clusters
        yield np.bincount(chosen.reshape(-1), minlength=count * clusters).reshape(count, clusters)
