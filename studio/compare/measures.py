"""The measures of a comparison, one row each: whatever shows, prints or reports them reads this table.

Owns: the rows, computing them on features, how a value reads. Refuses to know: the formulas
themselves (`metrics`), how sure a value is (`differences`), where features come from, files. Imports
no torch until something is computed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

from studio.compare import metrics
from studio.compare.features import Features, Need, there

if TYPE_CHECKING:
    from torch import Tensor

Images = Literal["comparison", "ordinary"]
Unit = Literal["", "%", "images", "bytes", "s"]


class Facts(Protocol):
    """A column as far as its facts are concerned: what training took, and its values."""

    @property
    def measures(self) -> Mapping[str, float | None]: ...


@dataclass(frozen=True)
class Measure:
    """One row."""

    key: str
    """Its name in records and CSV."""
    label: str
    formula: str
    source: str
    range: str
    better: Literal["higher", "lower"]
    unit: Unit
    says: str
    """What a reader learns from it, in one plain sentence."""
    needs: tuple[Need, ...] = ()
    values: Callable[[Features], Tensor] | None = None
    """One number per image, whose mean is the measure: pairs are compared by them. None for a fact."""
    comparative: str = ""
    """“LoRA … Textual Inversion”: how a better column is said to be better."""
    images: Images = "comparison"
    """Which images `values` speaks of."""
    least: int = 1
    """Images that it needs on each side."""
    together: bool = False
    """Whether the number of an image depends on the others: only columns with the same ones are compared."""
    digits: int = 4
    """Behind the point."""

    @property
    def is_fact(self) -> bool:
        """Whether it was counted and not estimated: the field of a column that is called like it."""
        return self.values is None

    def of(self, column: Facts) -> float | None:
        """Its value of a column."""
        if self.is_fact:
            # an empty stack has no size to speak of
            return float(getattr(column, self.key, None) or 0) or None
        return column.measures.get(self.key)

    def shown(self, value: float | None, interval: tuple[float, float] | None = None) -> str:
        """A value as people read it; empty when there is none."""
        if value is None:
            return ""
        low, high = (self.number(end) for end in interval or (value, value))
        if low == high:
            return self.number(value) + self.behind
        return f"{self.number(value)} ({low} … {high}){self.behind}"

    def number(self, value: float) -> str:
        """A value without its unit."""
        if self.unit == "bytes":
            return f"{value / 1e6:,.1f} MB" if value >= 1e6 else f"{value / 1e3:.0f} kB"
        if self.unit == "s":
            minutes, rest = divmod(round(value), 60)
            return f"{minutes} min {rest} s" if minutes else f"{rest} s"
        if self.unit == "%":
            value *= 100
        text = f"{value:,.{self.digits}f}"
        return text.replace("-", "−") if float(text.replace(",", "")) else text.lstrip("-")

    @property
    def behind(self) -> str:
        """What stands behind its numbers."""
        return {"%": " %", "images": " images"}.get(self.unit, "")


MEASURES: tuple[Measure, ...] = (
    Measure(
        key="image_image",
        label="Likeness",
        formula="mean cosine between each image and all reference images, CLIP features",
        source="CLIP-I of Ruiz et al. 2022, DreamBooth (arXiv:2208.12242)",
        range="−1 … 1",
        better="higher",
        unit="",
        says="How much the images resemble reference images of the concept that no run was trained on.",
        needs=("clip", "reference"),
        values=lambda found: metrics.to_references(found.images, there(found.references)),
        comparative="is closer to the reference images than",
        digits=3,
    ),
    Measure(
        key="image_image_dino",
        label="Likeness (DINOv2)",
        formula="mean cosine between each image and all reference images, DINOv2 features",
        source="DINO of Ruiz et al. 2022 (arXiv:2208.12242), with DINOv2 of Oquab et al. 2023 (arXiv:2304.07193)",
        range="−1 … 1",
        better="higher",
        unit="",
        says="The same seen by a model that looks at details which CLIP passes over.",
        needs=("dino", "reference"),
        values=lambda found: metrics.to_references(there(found.dino), there(found.dino_references)),
        comparative="is closer to the reference images, seen by DINOv2, than",
        digits=3,
    ),
    Measure(
        key="image_text",
        label="Prompt following",
        formula="mean cosine between each image and its own prompt, CLIP features",
        source="CLIPScore of Hessel et al. 2021 (arXiv:2104.08718), not rescaled",
        range="−1 … 1",
        better="higher",
        unit="",
        says="How well an image shows what its prompt says.",
        needs=("clip", "prompt"),
        values=lambda found: metrics.own_prompt(found.images, there(found.texts)),
        comparative="follows the prompts better than",
        digits=3,
    ),
    Measure(
        key="kid",
        label="KID",
        formula="unbiased MMD² with the kernel (cos + 1)³ on CLIP features",
        source="Bińkowski et al. 2018 (arXiv:1801.01401)",
        range="about 0 … 8; may fall a little below 0",
        better="lower",
        unit="",
        says="How far the images as a set are from the reference images; too little variety counts against them too.",
        needs=("clip", "reference"),
        values=lambda found: metrics.kid_values(found.images, there(found.references)),
        comparative="as a whole is nearer to the reference images than",
        together=True,
        least=2,
        digits=3,
    ),
    Measure(
        key="drift",
        label="Drift",
        formula="mean of 1 − cosine between an image of an ordinary prompt and what the base alone makes of the same "
        "prompt and noise, CLIP features",
        source="the model-preserving side of Kumari et al. 2023, Custom Diffusion (arXiv:2212.04488), paired here",
        range="0 … 2",
        better="lower",
        unit="",
        says="How far prompts that have nothing to do with the concept have moved from what the base makes of them.",
        needs=("clip", "ordinary"),
        values=lambda found: metrics.moved(there(found.ordinary), there(found.ordinary_base)),
        comparative="leaves ordinary prompts more as they were than",
        images="ordinary",
        digits=3,
    ),
    Measure(
        key="attributes",
        label="Attributes kept",
        formula="share of kind, colour and place named in an ordinary prompt that the starter's judge sees in its image",
        source="the classifier that comes with the starter",
        range="0 … 100 %",
        better="higher",
        unit="%",
        says="How much of what ordinary prompts ask for is still in their images.",
        needs=("attributes",),
        values=lambda found: there(found.attributes).double(),
        comparative="keeps more of what ordinary prompts ask for than",
        images="ordinary",
        digits=0,
    ),
    Measure(
        key="memorised",
        label="Memorised",
        formula="share of images whose cosine to a training image exceeds the cosines that real images have to the nearest "
        "other one (95 % quantile), those of the base's own images to a training image, and its own to every held-out image",
        source="after the data-copying test of Meehan et al. 2020 (arXiv:2004.05675), image by image, calibrated as "
        "conformal prediction is",
        range="0 … 100 %",
        better="lower",
        unit="%",
        says="How many images repeat a training image more closely than real images of the concept resemble each other.",
        needs=("clip", "training"),
        values=lambda found: found.nearness.memorised,
        comparative="repeats training images less often than",
        least=2,
        digits=0,
    ),
    Measure(
        key="diversity",
        label="Diversity",
        formula="Vendi score: exp of the entropy of the eigenvalues of the cosine matrix divided by N",
        source="Friedman & Dieng 2023 (arXiv:2210.02410)",
        range="1 … number of images",
        better="higher",
        unit="images",
        says="How many wholly different images the images of a column amount to.",
        needs=("clip",),
        values=lambda found: metrics.vendi_values(found.images),
        comparative="is more varied than",
        together=True,
        least=2,
        digits=2,
    ),
    Measure(
        key="trainable_parameters",
        label="Trainable parameters",
        formula="numbers that the optimizer changed",
        source="counted by the run",
        range="1 …",
        better="lower",
        unit="",
        says="How many numbers the run optimized.",
        digits=0,
    ),
    Measure(
        key="bytes",
        label="File size",
        formula="bytes of the files on the stack that are switched on",
        source="counted",
        range="0 …",
        better="lower",
        unit="bytes",
        says="How much room its files take.",
    ),
    Measure(
        key="seconds",
        label="Training time",
        formula="time spent in steps, on the machine that trained it",
        source="measured by the run",
        range="0 …",
        better="lower",
        unit="s",
        says="How long the training took.",
    ),
    Measure(
        key="peak_memory",
        label="Peak memory",
        formula="largest memory in use while training, of the GPU or, without one, of the process",
        source="measured by the run",
        range="0 …",
        better="lower",
        unit="bytes",
        says="How much memory the training needs.",
    ),
)


@dataclass(frozen=True)
class Measured:
    """Every measure of one column; None for what could not be measured."""

    values: Mapping[str, float | None] = field(
        default_factory=lambda: {row.key: None for row in MEASURES if not row.is_fact}
    )
    per_image: Mapping[str, Tensor] = field(default_factory=dict)
    """Key → one number per image, of what was measured."""
    counts: tuple[int, int] | None = None
    """Images measured, and the reference images they were measured against."""
    notes: tuple[str, ...] = ()
    """Why something is missing, in a sentence each."""


def measure(features: Features) -> Measured:
    """Every row of the table whose needs are there."""
    per_image: dict[str, Tensor] = {}
    notes: list[str] = []
    references = features.references
    for row in MEASURES:
        if row.values is None or not all(features.has(need) for need in row.needs):
            continue
        sides = [len(features.images)]
        sides += [len(references)] if "reference" in row.needs and references is not None else []
        if "training" in row.needs:
            sides.append(len(there(features.training)))
        if min(sides) < row.least:
            notes.append(f"{row.label} needs at least {row.least} images on each side.")
            continue
        per_image[row.key] = row.values(features).double()
    values = {row.key: None for row in MEASURES if not row.is_fact} | {
        key: float(rows.mean()) for key, rows in per_image.items()
    }
    counts = (len(features.images), len(references)) if references is not None else None
    return Measured(values, per_image, counts, tuple(notes))
