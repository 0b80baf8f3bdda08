"""How far columns differ, and how sure that is: every pair of columns in every measure.

Columns that the comparison generated share prompts and noise, so they are compared image by image
(`statistics`): what an image owes to its prompt and noise cancels. Where columns have different
images, two are compared over those that both have. Intervals of one measure hold for
all its pairs together, so a table of ten columns finds a difference that is none no more often than a
table of two does. Columns of one group were trained alike with several seeds: groups are compared with
the spread between their runs on top. Shares that no image contradicts (0 of 64) have no spread to
be found; their intervals say how many others may be unseen.

Owns: which columns are compared how. Refuses to know: the formulas, where values come from, words.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from studio.compare.measures import MEASURES, Images, Measure
from studio.compare.record import Difference, GroupDifference
from studio.compare.statistics import (
    LEVEL,
    Interval,
    Resampled,
    Spread,
    resample_means,
    simultaneous,
    unpaired_spread,
    unseen_share,
)

NO_SPREAD = Spread(0, 1)
_NOTHING = 1e-18  # variance of what varies by rounding alone
Values = NDArray[np.float64]


@dataclass(frozen=True)
class ColumnValues:
    """One column: a number per image for every measure that it has."""

    values: Mapping[str, Values]
    """Key of a measure → [N]."""
    paired: bool = True
    """Whether image i has the prompt and noise of job i; False for images from elsewhere."""
    group: str = ""
    """Columns with one group were trained alike, with seeds of their own."""


@dataclass(frozen=True)
class Compared:
    """What is known of columns beside each other."""

    intervals: tuple[Mapping[str, tuple[float, float] | None], ...]
    """Per column: key of a measure → where its value lies."""
    differences: tuple[Difference, ...] = ()
    groups: tuple[GroupDifference, ...] = ()
    told_apart: tuple[tuple[str, ...], ...] = ()
    """Per column: measures in which it is better than every other one."""


def paired(
    columns: Sequence[ColumnValues],
    clusters: Mapping[Images, Sequence[NDArray[np.int64]]],
    groups: Mapping[str, Sequence[int]] | None = None,
) -> Compared:
    """Every column and every pair of them, in every measure.

    `clusters` say of each kind of images what belongs together: labels of prompts and of seeds.
    `groups` are names with the columns trained alike; a column in none is a group of its own there.
    """
    intervals: list[dict[str, tuple[float, float] | None]] = [{} for _ in columns]
    differences: list[Difference] = []
    of_groups: list[GroupDifference] = []
    for row in MEASURES:
        if row.is_fact:
            continue
        table = _Table.of(row, columns, clusters.get(row.images, ()))
        for place in table.places:
            intervals[place][row.key] = _ends(table.interval({place: 1.0}))
        differences += table.differences()
        if groups:
            of_groups += table.group_differences(groups)
    marks = tuple(_told_apart(place, differences) for place in range(len(columns)))
    return Compared(tuple(intervals), tuple(differences), tuple(of_groups), marks)


@dataclass(frozen=True)
class _Table:
    """One measure of all columns that have it."""

    measure: Measure
    rows: Values
    """[N, C], of the paired columns; NaN where a column has no such image."""
    columns: Sequence[int]
    """Which column each of them is."""
    alone: Mapping[int, Values]
    """Columns of images from elsewhere."""
    ways: Sequence[NDArray[np.int64]] = ()
    """Labels of what belongs together, of the paired images."""
    resampled: dict[bytes, tuple[Resampled, list[int]]] = field(default_factory=dict)
    """Which images, as a mask → those images resampled, and which columns have all of them."""

    @classmethod
    def of(
        cls, row: Measure, columns: Sequence[ColumnValues], clusters: Sequence[NDArray[np.int64]]
    ) -> _Table:
        having = [place for place, column in enumerate(columns) if row.key in column.values]
        together = [place for place in having if columns[place].paired]
        alone = {
            place: columns[place].values[row.key][np.isfinite(columns[place].values[row.key])]
            for place in having
            if place not in together
        }
        rows = np.zeros((0, 0))
        if together:
            rows = np.stack([columns[place].values[row.key] for place in together], axis=1)
        return cls(row, rows, together, alone, clusters)

    @property
    def places(self) -> list[int]:
        """The columns with a value and a spread."""
        return sorted(place for place in (*self.columns, *self.alone) if self.count([place]) > 1)

    def common(self, places: Collection[int]) -> NDArray[np.bool_]:
        """The images [N] that all paired ones of these columns have."""
        wanted = [at for at, place in enumerate(self.columns) if place in places]
        return np.asarray(np.isfinite(self.rows[:, wanted]).all(axis=1))

    def count(self, places: Collection[int]) -> int:
        """How many images of each of them a contrast stands on."""
        found = [len(self.alone[place]) for place in places if place in self.alone]
        if any(place not in self.alone for place in places):
            found.append(int(self.common(places).sum()))
        return min(found)

    def comparable(self, places: Collection[int]) -> bool:
        """Whether they have images in common, and all the same ones where the measure asks for it."""
        common = self.common(places)
        same = all(
            self.common([place]).sum() == common.sum() for place in places if place in self.columns
        )
        return self.count(places) > 1 and (same or not self.measure.together)

    def mean(self, contrast: Mapping[int, float]) -> float:
        """Σ weight · mean of the column, over the images that the paired ones have in common."""
        rows = self.rows[self.common(contrast.keys())]
        means = {place: values.mean() for place, values in self.alone.items() if place in contrast}
        means |= {
            place: rows[:, at].mean() for at, place in enumerate(self.columns) if place in contrast
        }
        return float(sum(weight * means[place] for place, weight in contrast.items()))

    def spread(self, contrast: Mapping[int, float]) -> Spread:
        """Of `mean`."""
        total, *more = [self._spread(part) for part in self._parts(contrast)]
        for part in more:
            total = total + part
        return total

    def interval(
        self, contrast: Mapping[int, float], more: Spread = NO_SPREAD, level: float = LEVEL
    ) -> Interval:
        """Where `mean` lies; `more` is spread that does not come from the images."""
        found = (self.spread(contrast) + more).around(self.mean(contrast), level)
        if self.measure.unit != "%":
            return found
        for part in self._parts(contrast):
            if self._spread(part).variance < _NOTHING:
                found = found.widened(*self._unseen(part, level))
        return found

    def _parts(self, contrast: Mapping[int, float]) -> list[dict[int, float]]:
        """The contrast of the paired columns, and each of the others: independent of each other."""
        together = {place: one for place, one in contrast.items() if place not in self.alone}
        alone = [{place: one} for place, one in contrast.items() if place in self.alone]
        return [together, *alone] if together else alone

    def _spread(self, part: Mapping[int, float]) -> Spread:
        ((place, weight), *_) = part.items()
        if place in self.alone:
            found = unpaired_spread(self.alone[place])
            return Spread(weight**2 * found.variance, found.freedom)
        resampled, places = self._resampled(self.common(part.keys()))
        return resampled.spread([part.get(one, 0.0) for one in places])

    def _unseen(self, part: Mapping[int, float], level: float) -> tuple[float, float]:
        """How far below and above its mean a contrast of shares may lie, of whose images every one
        says the same: as if those that were not seen were as far from it as shares can be."""
        value = self.mean(part)
        least = sum(min(0.0, weight) for weight in part.values())
        most = sum(max(0.0, weight) for weight in part.values())
        if least < value < most or least < 0 < most:  # they may lie on either side
            level = (1 + level) / 2
        unseen = unseen_share(self.count(part.keys()), level)
        return unseen * (value - least), unseen * (most - value)

    def _resampled(self, mask: NDArray[np.bool_]) -> tuple[Resampled, list[int]]:
        """Those images of every column that has them all: columns often have the same ones."""
        key = mask.tobytes()
        if key not in self.resampled:
            rows = self.rows[mask]
            whole = [at for at in range(len(self.columns)) if np.isfinite(rows[:, at]).all()]
            ways = [labels[mask] for labels in self.ways] or None
            found = resample_means(rows[:, whole], ways)
            self.resampled[key] = (found, [self.columns[at] for at in whole])
        return self.resampled[key]

    def differences(self) -> list[Difference]:
        """Of every pair of columns."""
        pairs = [pair for pair in combinations(self.places, 2) if self.comparable(pair)]
        level = simultaneous(LEVEL, len(pairs))
        return [
            Difference(
                measure=self.measure.key,
                a=a,
                b=b,
                n=self.count((a, b)),
                told_apart=found.told_apart,
                paired=not {a, b} & self.alone.keys(),
                **_numbers(found),
            )
            for a, b in pairs
            for found in [self.interval({a: 1.0, b: -1.0}, level=level)]
        ]

    def group_differences(self, groups: Mapping[str, Sequence[int]]) -> list[GroupDifference]:
        """Of every pair of groups, with the spread between runs of one group."""
        known = {
            name: [place for place in members if place in self.places]
            for name, members in groups.items()
        }
        known = {name: members for name, members in known.items() if members}
        pairs = [(a, b) for a, b in combinations(known, 2) if self.comparable(known[a] + known[b])]
        level = simultaneous(LEVEL, len(pairs))
        found = []
        for a, b in pairs:
            contrast = {place: 1 / len(known[a]) for place in known[a]}
            contrast |= {place: -1 / len(known[b]) for place in known[b]}
            between = self._between(known[a]) + self._between(known[b])
            interval = self.interval(contrast, between, level)
            found.append(
                GroupDifference(
                    measure=self.measure.key,
                    a=a,
                    b=b,
                    runs=(len(known[a]), len(known[b])),
                    told_apart=interval.told_apart,
                    **_numbers(interval),
                )
            )
        return found

    def _between(self, members: Sequence[int]) -> Spread:
        """Of the mean over runs; one run says nothing of how another would be, and counts as given."""
        if len(members) < 2:
            return NO_SPREAD
        return unpaired_spread([self.mean({place: 1.0}) for place in members])


def _numbers(found: Interval) -> dict[str, float]:
    return {"value": found.value, "low": found.low, "high": found.high}


def _ends(found: Interval) -> tuple[float, float]:
    return found.low, found.high


def better(difference: Difference | GroupDifference) -> int:
    """1 when `a` is the better one, −1 when `b` is, 0 when they are not told apart."""
    if not difference.told_apart:
        return 0
    row = next((row for row in MEASURES if row.key == difference.measure), None)
    if row is None:
        return 0
    return 1 if (difference.value > 0) == (row.better == "higher") else -1


def _told_apart(place: int, differences: Sequence[Difference]) -> tuple[str, ...]:
    """Measures in which a column is better than every other one that has them."""
    found = []
    for row in MEASURES:
        own = [one for one in differences if one.measure == row.key and place in (one.a, one.b)]
        if own and all(better(one) == (1 if one.a == place else -1) for one in own):
            found.append(row.key)
    return tuple(found)
