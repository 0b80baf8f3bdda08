"""One measure of several columns: the means of their contrasts, and where these lie.

A contrast is a sum of columns with weights: one column, the difference of two, of the means of two groups.
Columns that share prompts and noise are taken over the images that all of them have; images from
elsewhere are independent. Shares that no image contradicts (0 of 64) have no spread to be found; their
intervals say how many others may be unseen.

Owns: these numbers. Refuses to know: which contrasts are taken, what is said of them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from studio.compare.measures import Measure
from studio.compare.statistics import (
    LEVEL,
    Interval,
    Resampled,
    Spread,
    resample_means,
    unpaired_spread,
    unseen_share,
)

Values = NDArray[np.float64]
NO_SPREAD = Spread(0, 1)
_NOTHING = 1e-18  # variance of what varies by rounding alone


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
class MeasureTable:
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
    ) -> MeasureTable:
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

    def between(self, members: Sequence[int]) -> Spread:
        """Of the mean over runs; one run says nothing of how another would be, and counts as given."""
        if len(members) < 2:
            return NO_SPREAD
        return unpaired_spread([self.mean({place: 1.0}) for place in members])
