"""From kept features to everything that a comparison says in numbers and words.

Owns: this one way, taken when a comparison ends and when it is measured again. Refuses to know: how
features were made, files but the copies of nearest training images.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from studio.compare import verdict
from studio.compare.contrasts import ColumnValues
from studio.compare.differences import paired
from studio.compare.features import Features, KeptFeatures
from studio.compare.measures import MEASURES, Images, Measured, measure
from studio.compare.record import ComparedColumn, Comparison, NearestPair
from studio.core.counts import counted
from studio.core.names import distinct, path_of
from studio.core.paths import is_file

MEMORISED, DRIFT = "memorised", "drift"


def measured(features: KeptFeatures, column: ComparedColumn, index: int) -> Measured | None:
    """Every measure of one column; None when it has no features.

    Images whose features are no numbers count as missing, as do those that the column has not: NaN
    among the numbers per image.
    """
    found = features.column(index, elsewhere=bool(column.folder))
    if found is None:
        return None
    good = {"comparison": _finite(found.images), "ordinary": _finite(found.ordinary)}
    notes = tuple(
        f"{column.name}: {missing} of {counted(len(mask), 'image')} "
        f"{'has' if missing == 1 else 'have'} features that are no numbers, and "
        f"{'is' if missing == 1 else 'are'} left out."
        for mask in good.values()
        if mask is not None and (missing := int((~mask).sum()))
    )
    good["comparison"] = usable = _usable(found.images)
    if not bool(usable.any()):
        return Measured(notes=notes)
    result = measure(_only(found, usable, good["ordinary"]))
    per_image = {}
    for row in MEASURES:
        mask = good[row.images]
        if row.key in result.per_image and mask is not None:
            rows = torch.full((len(mask),), torch.nan, dtype=torch.float64)
            rows[mask] = result.per_image[row.key]
            per_image[row.key] = rows
    values = {key: _mean(per_image[key]) if key in per_image else None for key in result.values}
    return Measured(values, per_image, result.counts, (*notes, *result.notes))


def conclude(comparison: Comparison, features: KeptFeatures) -> Comparison:
    """The comparison with measures, intervals, differences and what they say."""
    features = replace(features, base=_base_alone(comparison))
    found = {
        index: values
        for index, column in enumerate(comparison.columns)
        if column.error is None and (values := measured(features, column, index)) is not None
    }
    columns, places = [*comparison.columns], list(found)
    groups = _groups([columns[place] for place in places])
    compared = paired(
        [_values(columns[place], found[place]) for place in places], _clusters(features), groups
    )
    for at, place in enumerate(places):
        columns[place] = (
            columns[place]
            .measured(found[place])
            .changed(
                intervals=_possible(compared.intervals[at]),
                standard_errors={},
                told_apart=tuple(
                    key
                    for key in compared.told_apart[at]
                    if key != DRIFT or _acts(columns[place])  # the base alone cannot drift
                ),
            )
        )
        columns[place] = _memorised(comparison, columns[place], features, place)
    names = [column.name for column in columns]
    differences = tuple(
        one.changed(a=places[one.a], b=places[one.b]) for one in compared.differences
    )
    alarms = tuple(_alarm(column) for column in columns if column.memorised)
    still = {place for place in places if not _acts(columns[place])}
    still_groups = {
        name for name, members in groups.items() if still >= {places[at] for at in members}
    }
    told = (
        verdict.group_sentences(
            [
                one
                for one in compared.groups
                if one.measure != DRIFT or not {one.a, one.b} & still_groups
            ]
        )
        if compared.groups
        else verdict.sentences(
            names,
            [one for one in differences if one.measure != DRIFT or not {one.a, one.b} & still],
        )
    )
    notes = [note for one in found.values() for note in one.notes]
    notes += _alike(features, names, places)
    return comparison.changed(
        columns=tuple(columns),
        differences=differences,
        group_differences=compared.groups,
        verdict=(*alarms, *told),
        notes=tuple(dict.fromkeys((*comparison.notes, *notes))),
    )


def _usable(rows: Tensor) -> Tensor:
    """Which images were generated, and have features that are numbers."""
    return rows.isfinite().all(dim=1) & (rows != 0).any(dim=1)


def _finite(rows: Tensor | None) -> Tensor | None:
    return None if rows is None else rows.isfinite().all(dim=1)


def _only(found: Features, images: Tensor, ordinary: Tensor | None) -> Features:
    """Features with some of their rows."""

    def some(rows: Tensor | None, mask: Tensor | None) -> Tensor | None:
        return None if rows is None or mask is None else rows[mask]

    return replace(
        found,
        images=found.images[images],
        texts=some(found.texts, images),
        dino=some(found.dino, images),
        ordinary=some(found.ordinary, ordinary),
        ordinary_base=some(found.ordinary_base, ordinary),
        attributes=some(found.attributes, ordinary),
    )


def _mean(rows: Tensor) -> float | None:
    known = rows[rows.isfinite()]
    return float(known.mean()) if len(known) else None


def _values(column: ComparedColumn, found: Measured) -> ColumnValues:
    values = {
        key: rows.numpy() for key, rows in found.per_image.items() if bool(rows.isfinite().any())
    }
    return ColumnValues(values, paired=not column.folder, group=column.group)


def _clusters(features: KeptFeatures) -> Mapping[Images, Sequence[np.ndarray]]:
    return {
        "comparison": [labels.numpy() for labels in features.labels("prompts", "seeds")],
        "ordinary": [labels.numpy() for labels in features.labels("ordinary")],
    }


def _possible(
    intervals: Mapping[str, tuple[float, float] | None],
) -> dict[str, tuple[float, float] | None]:
    """The intervals without what lies below 0 % and above 100 % of a share."""
    shares = {row.key for row in MEASURES if row.unit == "%"}
    return {
        key: (max(0.0, ends[0]), min(1.0, ends[1])) if ends and key in shares else ends
        for key, ends in intervals.items()
    }


def _base_alone(comparison: Comparison) -> int | None:
    """The first column of the base alone that was generated."""
    return next(
        (
            index
            for index, column in enumerate(comparison.columns)
            if column.error is None and not column.folder and not _acts(column)
        ),
        None,
    )


def _acts(column: ComparedColumn) -> bool:
    """Whether anything is on the base; the base alone has no drift by definition."""
    return any(file.enabled for file in column.stack)


def _groups(columns: Sequence[ComparedColumn]) -> dict[str, list[int]]:
    """Names, no two the same, with the columns trained alike; a column of no group stands for itself.
    None where every column does."""
    found: dict[str | int, list[int]] = {}
    for place, column in enumerate(columns):
        found.setdefault(column.group or place, []).append(place)
    if all(len(members) < 2 for members in found.values()):
        return {}
    keys = sorted(found, key=lambda key: isinstance(key, int))  # groups keep their names
    wanted = [key if isinstance(key, str) else columns[key].name for key in keys]
    names = dict(zip(keys, distinct(wanted), strict=True))
    return {names[key]: members for key, members in found.items()}


def _memorised(
    comparison: Comparison, column: ComparedColumn, features: KeptFeatures, index: int
) -> ComparedColumn:
    """The column with its alarm, and the nearest pair among the images that are kept."""
    interval = column.intervals.get(MEMORISED)
    found = features.column(index, elsewhere=bool(column.folder))
    if interval is None or found is None or not bool((usable := _usable(found.images)).any()):
        return column.changed(memorised=False, nearest=None)
    near = _only(found, usable, None).nearness
    rows = {place: row for row, place in enumerate(usable.nonzero().flatten().tolist())}
    kept = [
        (rows[place], cell)
        for cell in comparison.cells
        if cell.column == index and (place := _place(comparison, cell.prompt, cell.seed)) in rows
    ]
    pair = None
    names = features.names.get("training", ())
    if kept:
        row, cell = max(kept, key=lambda entry: float(near.margins[entry[0]]))
        which = int(near.training[row])
        pair = NearestPair(
            cell=cell.file,
            training=nearest_file(index),
            name=names[which] if which < len(names) else "",
            cosine=round(float(near.cosines[row]), 4),
            held_out=None if near.held_out is None else round(float(near.held_out[row]), 4),
        )
    return column.changed(memorised=interval[0] > near.by_chance, nearest=pair)


def _place(comparison: Comparison, prompt: int, seed: int) -> int | None:
    """The place of a cell among the jobs."""
    if seed not in comparison.seeds:
        return None
    return prompt * len(comparison.seeds) + comparison.seeds.index(seed)


def _alarm(column: ComparedColumn) -> str:
    share = column.measures.get(MEMORISED) or 0
    return (
        f"{column.name} repeats training images: {share:.0%} of its images are nearer to a training "
        "image than real images of the concept are to each other."
    )


def _alike(features: KeptFeatures, names: Sequence[str], places: Sequence[int]) -> list[str]:
    """Which columns have the same images."""
    return [
        f"{names[a]} and {names[b]} have the same images, so nothing can tell them apart."
        for a, b in combinations(places, 2)
        if torch.equal(features.tensors[f"c{a}"], features.tensors[f"c{b}"])
    ]


def nearest_file(index: int) -> str:
    """The file with a copy of the training image that is nearest to a column, in the comparison."""
    return f"nearest/c{index}.png"


def source_of(training: str, pair: NearestPair) -> Path | None:
    """The training image of a pair, where it still is: in the folder `training`, wherever else its
    name points. None for an empty `training`."""
    name = Path(pair.name)
    if not training or not pair.name or name.anchor or ".." in name.parts:
        return None
    source = path_of(training) / name
    return source if is_file(source) else None
