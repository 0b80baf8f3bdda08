"""One column of a comparison: what is on its stack, and what was found.

Owns: the record. Refuses to know: the comparison around it, how images are generated or measured.
Imports no torch.
"""

from __future__ import annotations

from pydantic import Field

from studio.compare.measures import Measured
from studio.core.record import Failure, Record, Table, renamed


class StackFile(Record):
    """One file of a column's stack, as far as a reader of comparisons needs to know it."""

    path: str
    strength: float = 1.0
    enabled: bool = True


class NearestPair(Record):
    """An image of a column and the training image that it is nearest to."""

    cell: str
    """File of the generated image."""
    training: str
    """File of a copy of the training image, in the comparison's folder."""
    name: str = ""
    """What the training image is called in its own folder."""
    cosine: float
    held_out: float | None = None
    """Cosine to the nearest reference image."""


class ComparedColumn(Record):
    """One column: what is on its stack, and what was found."""

    name: str
    stack: tuple[StackFile, ...] = ()
    folder: str = ""
    """Images from elsewhere instead of a stack."""
    run: str = ""
    step: int | None = None
    method: str = ""
    training_seed: int | None = None
    group: str = ""
    trainable_parameters: int | None = None
    peak_memory: int | None = None
    """Bytes, while training."""
    seconds: float | None = None
    """Training time, where it is known."""
    bytes: int | None = None
    """Size of its files."""
    measures: dict[str, float | None] = Field(default_factory=dict)
    """Key of a measure → its value; None for what was not measured."""
    intervals: dict[str, tuple[float, float] | None] = Field(default_factory=dict)
    """Key of a measure → where its value lies with 95 % confidence."""
    standard_errors: dict[str, float | None] = Field(default_factory=dict)
    """Key of a measure → its standard error; earlier versions wrote it instead of intervals."""
    told_apart: tuple[str, ...] = ()
    """Measures in which the column is better than every other one, by intervals without zero."""
    nearest: NearestPair | None = None
    memorised: bool = False
    """Whether clearly more images than chance explains are closer to a training image than they should."""
    counts: tuple[int, int] | None = None
    """Images and reference images that the measures stand on; None without a reference."""
    images: int | None = None
    """How many were generated, with those that only the measures see."""
    generation_seconds: float | None = None
    messages: tuple[str, ...] = ()
    error: Failure | None = None
    """Why it could not be generated."""
    message: str = ""
    """The same as a sentence."""

    @classmethod
    def upgraded(cls, values: Table) -> Table:
        values = renamed(values, pictures="images", draw_seconds="generation_seconds")
        measures = values.get("measures")
        if isinstance(measures, dict) and "kid_n" in measures:  # errors and counts lay among them
            measures = dict(measures)
            values["counts"] = measures.pop("kid_n")
            values["standard_errors"] = {"kid": measures.pop("kid_error", None)}
            values["measures"] = measures
        if isinstance(stack := values.get("stack"), list):
            values["stack"] = [StackFile.read(file) for file in stack]
        if isinstance(values.get("nearest"), dict):
            values["nearest"] = NearestPair.read(values["nearest"])
        return values

    def measured(self, found: Measured) -> ComparedColumn:
        """The same with its measures."""
        return self.changed(measures=dict(found.values), counts=found.counts)
