"""What each measure says of each image of a comparison, from the features that are kept beside it.

Owns: rows of features back to column, prompt and seed. Refuses to know: formulas, votes.
"""

from __future__ import annotations

import math
from pathlib import Path

from studio.compare import features
from studio.compare.measures import MEASURES
from studio.compare.record import Comparison
from studio.compare.vote.agreement import ImageValues
from studio.core.errors import StudioError


def image_values(folder: Path, comparison: Comparison) -> dict[str, ImageValues]:
    """Key of a measure → its value for every image that has one; empty where no features were kept, or
    damaged ones. An image that a column has not, or whose features are no numbers, has none."""
    from studio.compare.conclusion import measured  # loads torch

    found: dict[str, dict[tuple[int, int, int], float]] = {}
    try:
        kept = features.read(folder)
    except StudioError:
        return {}
    labels = kept.labels("prompts", "seeds")
    if len(labels) < 2:
        return {}
    jobs = [(int(prompt), int(seed)) for prompt, seed in zip(*labels, strict=False)]
    of_grid = {row.key for row in MEASURES if row.images == "comparison"}
    for place, column in enumerate(comparison.columns):
        own = measured(kept, column, place)
        values = own.per_image if own is not None else {}
        for key in of_grid & values.keys():
            rows = values[key].tolist()
            found.setdefault(key, {}).update(
                ((place, *job), value)
                for job, value in zip(jobs, rows, strict=False)
                if math.isfinite(value)
            )
    return dict(found)
