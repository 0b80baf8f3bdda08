"""How far columns differ, and how sure that is: every pair of columns in every measure.

Columns that the comparison generated share prompts and noise, so they are compared image by image
(`statistics`): what an image owes to its prompt and noise cancels. Where columns have different
images, two are compared over those that both have. Intervals of one measure hold for
all its pairs together, so a table of ten columns finds a difference that is none no more often than a
table of two does. Columns of one group were trained alike with several seeds: groups are compared with
the spread between their runs on top.

Owns: which columns are compared how. Refuses to know: how a difference is found (`contrasts`), where values
come from, words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from studio.compare.contrasts import ColumnValues, MeasureTable
from studio.compare.measures import MEASURES, Images, Measure
from studio.compare.record import Difference, GroupDifference
from studio.compare.statistics import LEVEL, Interval, simultaneous

Key = TypeVar("Key", int, str)
"""Place of a column, name of a group."""
MOST_PAIRS = 5000
"""Of one measure that are all compared: as many as a hundred columns have."""


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
        table = MeasureTable.of(row, columns, clusters.get(row.images, ()))
        for place in table.places:
            intervals[place][row.key] = _ends(table.interval({place: 1.0}))
        differences += _differences(table)
        if groups:
            of_groups += _group_differences(table, groups)
    marks = _told_apart(len(columns), differences)
    return Compared(tuple(intervals), tuple(differences), tuple(of_groups), marks)


def _differences(table: MeasureTable) -> list[Difference]:
    """Of every pair of columns, as `_pairs` says."""
    values = {place: table.mean({place: 1.0}) for place in table.places}
    pairs = [pair for pair in _pairs(table.measure, values) if table.comparable(pair)]
    level = _level(values, pairs)
    return [
        Difference(
            measure=table.measure.key,
            a=a,
            b=b,
            n=table.count((a, b)),
            told_apart=found.told_apart,
            paired=not {a, b} & table.alone.keys(),
            **_numbers(found),
        )
        for a, b in pairs
        for found in [table.interval({a: 1.0, b: -1.0}, level=level)]
    ]


def _group_differences(
    table: MeasureTable, groups: Mapping[str, Sequence[int]]
) -> list[GroupDifference]:
    """The same of groups, with the spread between runs of one group."""
    measured = set(table.places)
    known = {
        name: [place for place in members if place in measured] for name, members in groups.items()
    }
    known = {name: members for name, members in known.items() if members}
    values = {
        name: sum(table.mean({place: 1.0}) for place in members) / len(members)
        for name, members in known.items()
    }
    pairs = [
        (a, b) for a, b in _pairs(table.measure, values) if table.comparable(known[a] + known[b])
    ]
    level = _level(values, pairs)
    found = []
    for a, b in pairs:
        contrast = {place: 1 / len(known[a]) for place in known[a]}
        contrast |= {place: -1 / len(known[b]) for place in known[b]}
        between = table.between(known[a]) + table.between(known[b])
        interval = table.interval(contrast, between, level)
        found.append(
            GroupDifference(
                measure=table.measure.key,
                a=a,
                b=b,
                runs=(len(known[a]), len(known[b])),
                told_apart=interval.told_apart,
                **_numbers(interval),
            )
        )
    return found


def _pairs(measure: Measure, values: Mapping[Key, float]) -> list[tuple[Key, Key]]:
    """Every pair; of very many those with the first and with the best one, which is what a reader
    asks for."""
    pairs = list(combinations(values, 2))
    if len(pairs) <= MOST_PAIRS:
        return pairs
    sign = 1 if measure.better == "higher" else -1
    wanted = {next(iter(values)), max(values, key=lambda key: sign * values[key])}
    return [(a, b) for a, b in pairs if a in wanted or b in wanted]


def _level(values: Mapping[Key, float], pairs: Sequence[tuple[Key, Key]]) -> float:
    """Of each interval, so that all hold together: also those that were left out to find the best."""
    every = comb(len(values), 2)
    return simultaneous(LEVEL, len(pairs) if every <= MOST_PAIRS else every)


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


def _told_apart(columns: int, differences: Sequence[Difference]) -> tuple[tuple[str, ...], ...]:
    """Per column: measures in which it is better than every other one that has them."""
    only: dict[tuple[int, str], bool] = {}
    for one in differences:
        winner = better(one)
        for place, sign in ((one.a, 1), (one.b, -1)):
            key = (place, one.measure)
            only[key] = only.get(key, True) and winner == sign
    return tuple(
        tuple(row.key for row in MEASURES if only.get((place, row.key), False))
        for place in range(columns)
    )
