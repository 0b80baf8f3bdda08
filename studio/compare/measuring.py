"""What is measured of a column, and against which reference pictures.

Owns: the list of measures, reading the reference, and saying why a measure is missing.
Refuses to know: the formulas (`metrics`), how pictures are drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from studio.clip.encoders import Clip, load_clip
from studio.compare import metrics
from studio.compare.record import Recorder
from studio.core.errors import Interrupted, StudioError, UnavailableError
from studio.families.base import Base
from studio.formats.images import open_image

MEASURES = ("kid", "kid_error", "kid_n", "image_text", "image_image", "image_reference")


class Measuring:
    """The base's CLIP with the features [M, D] of the reference pictures, where there are any."""

    def __init__(self, meter: Clip, reference: Tensor | None, recorder: Recorder):
        self.meter = meter
        self.reference = reference
        self._recorder = recorder

    def of(self, images: Tensor, prompts: Sequence[str]) -> dict[str, Any]:
        """Every measure of a column: features [N, D] of its pictures and the prompt of each."""
        measures: dict[str, Any] = dict.fromkeys(MEASURES)
        distinct = list(dict.fromkeys(prompts))
        rows = {text: row for row, text in enumerate(distinct)}
        texts = self.meter.text_features(distinct)[[rows[text] for text in prompts]]
        measures["image_text"] = metrics.image_text(images, texts)
        if self.reference is None:
            return measures
        measures["image_image"] = metrics.image_image(images, self.reference)
        measures["image_reference"] = metrics.image_reference(images, self.reference)
        measures["kid_n"] = [len(images), len(self.reference)]
        if min(measures["kid_n"]) < 2:
            self._recorder.note("KID needs at least two pictures on each side.")
            return measures
        measures["kid"] = metrics.kid(images, self.reference)
        measures["kid_error"] = metrics.kid_error(images, self.reference)
        return measures


def prepare(
    base: Base,
    references: Sequence[Path],
    recorder: Recorder,
    on_progress: Callable[[int, int, str], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Measuring | None:
    """Loads the CLIP and reads the reference pictures; what is missing becomes a note.

    None when the base has no CLIP. Raises Interrupted, and FileError for a CLIP that is damaged.
    """
    try:
        meter = load_clip(base.path, base.device)
    except UnavailableError as error:
        recorder.note(str(error))
        return None
    rows = []
    for done, path in enumerate(references):
        if cancelled is not None and cancelled():
            raise Interrupted("The comparison was stopped")
        if on_progress is not None:
            on_progress(done, len(references), "Reading the reference pictures")
        try:
            rows.append(meter.image_features([open_image(path)]))
        except StudioError as error:
            recorder.note(f"{path.name} was left out of the reference: {error.what}.")
    if recorder.comparison["reference"]["folder"] and not rows:
        recorder.note("The reference folder holds no pictures that can be read; KID is left out.")
    return Measuring(meter, torch.cat(rows) if rows else None, recorder)
