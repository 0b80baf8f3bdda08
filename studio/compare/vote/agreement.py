"""Do people and measures agree? Kendall's τ-b over columns, and the share of votes over images.

Two questions that are easily mixed up. *Columns*: does the measure put the columns into the order that the
votes do? τ-b (Kendall 1945, “The treatment of ties in ranking problems”) says so, but with three columns
even the perfect order comes up by chance in one of six cases, so fewer than four say nothing. *Images*: of
two images that somebody preferred one of, does the measure have the better value for the same one? The
interval of that share is Wilson's (1927); several votes on the same two images are one observation.

Owns: both. Refuses to know: where the values come from. Imports no torch.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist

from studio.compare.measures import MEASURES, Measure
from studio.compare.vote.votes import Vote

LEAST_COLUMNS = 4
LEAST_VOTES = 5
TOO_FEW_COLUMNS = "Too few columns: the order of fewer than four says nothing."
NO_ORDER = "The votes tell no two columns apart, so they have no order."

ImageValues = Mapping[tuple[int, int, int], float]
"""(column, place of the prompt, seed) → the value of a measure for that image."""


@dataclass(frozen=True)
class Agreement:
    """How far one measure agrees with the votes on one question."""

    measure: str
    label: str
    columns: int
    """Columns that have both a strength and a value."""
    tau: float | None
    """1: the same order, −1: the opposite one; None where it would say nothing."""
    pairs: float
    """Pairs of images that somebody preferred one of and the measure tells apart."""
    share: float | None
    """In how many of them both preferred the same image; None where there are too few."""
    low: float | None
    high: float | None
    note: str = ""


def agreements(
    strengths: Sequence[float],
    values: Mapping[str, Sequence[float | None]],
    votes: Sequence[Vote],
    images: Mapping[str, ImageValues],
    ordered: bool = True,
) -> list[Agreement]:
    """A row per measure that has values: `strengths` and `values[measure]` by column, `images[measure]`
    where each image's own value is known. `ordered`: the votes tell at least two columns apart."""
    found = []
    for measure in (row for row in MEASURES if not row.is_fact):
        own = values.get(measure.key, ())
        if sum(value is not None for value in own) >= 2 or measure.key in images:
            row = _agreement(measure, strengths, own, votes, images.get(measure.key, {}))
            found.append(row if ordered or row.note else replace(row, tau=None, note=NO_ORDER))
    return found


def kendall_tau_b(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Kendall's τ-b of two rankings of the same things; None when one of them is all ties."""
    agree = tied_first = tied_second = pairs = 0
    for i in range(len(first)):
        for j in range(i):
            one, other = first[i] - first[j], second[i] - second[j]
            pairs += 1
            tied_first += one == 0
            tied_second += other == 0
            agree += (one * other > 0) - (one * other < 0)
    scale = math.sqrt((pairs - tied_first) * (pairs - tied_second))
    return agree / scale if scale else None


def wilson(share: float, count: float, level: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval for a share that was found in `count` > 0 observations."""
    z = NormalDist().inv_cdf((1 + level) / 2)
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count)
    half *= math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return max(0.0, middle - half), min(1.0, middle + half)


def _agreement(
    measure: Measure,
    strengths: Sequence[float],
    values: Sequence[float | None],
    votes: Sequence[Vote],
    images: ImageValues,
) -> Agreement:
    sign = 1.0 if measure.better == "higher" else -1.0
    known = [
        (strength, sign * value)
        for strength, value in zip(strengths, values, strict=False)
        if value is not None and math.isfinite(value)
    ]
    tau = None
    if len(known) >= LEAST_COLUMNS:
        tau = kendall_tau_b([one for one, _ in known], [other for _, other in known])
    same, pairs = _agreed(votes, images, sign)
    share = low = high = None
    if pairs >= LEAST_VOTES:
        share = same / pairs
        low, high = wilson(share, pairs)
    note = TOO_FEW_COLUMNS if len(known) < LEAST_COLUMNS else ""
    return Agreement(measure.key, measure.label, len(known), tau, pairs, share, low, high, note)


def _agreed(votes: Sequence[Vote], images: ImageValues, sign: float) -> tuple[float, float]:
    """Pairs of images with an answer of both, and in how many of them it is the same one."""
    by_pair: dict[object, list[float]] = defaultdict(list)
    for vote in votes:
        if vote.choice not in ("a", "b"):
            continue
        pair = vote.pair
        a, b = (images.get((column, pair.prompt, pair.seed)) for column in (pair.a, pair.b))
        if a is None or b is None or a == b:
            continue
        prefers_a = sign * (a - b) > 0
        by_pair[pair].append(float(prefers_a == (vote.choice == "a")))
    return sum(sum(found) / len(found) for found in by_pair.values()), len(by_pair)
