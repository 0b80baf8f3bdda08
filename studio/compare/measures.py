"""The measures of a comparison, one row each: whatever shows, prints or reports them reads this table.

Owns: the rows, computing them on features, how a value reads. Refuses to know: the formulas
themselves (`metrics`), where features come from, files. Imports no torch until something is computed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from studio.compare import metrics

if TYPE_CHECKING:
    from torch import Tensor

Need = Literal["clip", "reference"]


@dataclass(frozen=True)
class Features:
    """What is measured: N images, the prompt of each, M reference images; rows of length 1."""

    images: Tensor
    """[N, D]"""
    texts: Tensor
    """[N, D]"""
    references: Tensor | None = None
    """[M, D]; None without reference images."""


@dataclass(frozen=True)
class Measure:
    """One row."""

    key: str
    """Its name in records and CSV."""
    label: str
    formula: str
    says: str
    """What a reader learns from it, and which direction is good."""
    better: Literal["higher", "lower"]
    unit: str
    compute: Callable[[Features], float]
    needs: tuple[Need, ...] = ("clip",)
    error: Callable[[Features], float | None] | None = None
    """Its standard error, where one is known."""
    least: int = 1
    """Images that it needs on each side."""

    def best(self, values: Sequence[float | None]) -> float | None:
        """The best of the columns' values; None when they do not differ."""
        known = [value for value in values if value is not None]
        if len(set(known)) < 2:
            return None
        return min(known) if self.better == "lower" else max(known)

    def shown(self, value: float | None, error: float | None = None) -> str:
        """A value as people read it; empty when there is none."""
        if value is None:
            return ""
        unit = f" {self.unit}" if self.unit else ""
        return f"{value:.4f} ± {error:.4f}{unit}" if error is not None else f"{value:.4f}{unit}"


def _references(features: Features) -> Tensor:
    assert features.references is not None, "the row says that it needs them"
    return features.references


MEASURES: tuple[Measure, ...] = (
    Measure(
        key="kid",
        label="KID",
        formula="unbiased MMD² with the kernel (cos + 1)³ on CLIP features (Bińkowski et al. 2018)",
        says="distance to the reference images, ± standard error; lower is closer",
        better="lower",
        unit="",
        compute=lambda found: metrics.kid(found.images, _references(found)),
        needs=("clip", "reference"),
        error=lambda found: metrics.kid_error(found.images, _references(found)),
        least=2,
    ),
    Measure(
        key="image_image",
        label="Image–image",
        formula="mean cosine over all pairs of images and reference images (CLIP-I, Ruiz et al. 2022)",
        says="mean cosine to all reference images; higher is closer",
        better="higher",
        unit="",
        compute=lambda found: metrics.image_image(found.images, _references(found)),
        needs=("clip", "reference"),
    ),
    Measure(
        key="image_reference",
        label="Image–mean",
        formula="mean cosine between images and the mean direction of the reference images",
        says="cosine to the references' mean; higher is closer",
        better="higher",
        unit="",
        compute=lambda found: metrics.image_reference(found.images, _references(found)),
        needs=("clip", "reference"),
    ),
    Measure(
        key="image_text",
        label="Image–text",
        formula="mean cosine between each image and its own prompt (CLIPScore, unscaled)",
        says="cosine between image and prompt; higher obeys better",
        better="higher",
        unit="",
        compute=lambda found: metrics.image_text(found.images, found.texts),
    ),
)


@dataclass(frozen=True)
class Measured:
    """Every measure of one column; None for what could not be measured."""

    values: Mapping[str, float | None] = field(
        default_factory=lambda: {row.key: None for row in MEASURES}
    )
    errors: Mapping[str, float | None] = field(
        default_factory=lambda: {row.key: None for row in MEASURES if row.error}
    )
    counts: tuple[int, int] | None = None
    """Images measured, and the reference images they were measured against."""
    notes: tuple[str, ...] = ()
    """Why something is missing, in a sentence each."""


def measure(features: Features) -> Measured:
    """Every row of the table whose needs are there."""
    values: dict[str, float | None] = {}
    errors: dict[str, float | None] = {}
    notes: list[str] = []
    references = features.references
    counts = None if references is None else (len(features.images), len(references))
    for row in MEASURES:
        values[row.key] = None
        if row.error:
            errors[row.key] = None
        if "reference" in row.needs and counts is None:
            continue
        sides = counts if counts and "reference" in row.needs else (len(features.images),)
        if min(sides) < row.least:
            notes.append(f"{row.label} needs at least {row.least} images on each side.")
            continue
        values[row.key] = row.compute(features)
        if row.error:
            errors[row.key] = row.error(features)
    return Measured(values, errors, counts, tuple(notes))
