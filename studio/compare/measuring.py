"""A column's features become its measures, against which reference images.

Owns: reading the reference, and saying why a measure is missing. Refuses to know: which measures
there are (`measures`), how images are generated.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from studio.clip.encoders import Clip, load_clip
from studio.compare.measures import Features, Measured, measure
from studio.compare.record import Recorder
from studio.core.errors import Interrupted, StudioError, UnavailableError
from studio.families.base import Base
from studio.formats.images import open_image


class Measuring:
    """The base's CLIP with the features [M, D] of the reference images, where there are any."""

    def __init__(self, scorer: Clip, reference: Tensor | None, recorder: Recorder):
        self.scorer = scorer
        self.reference = reference
        self._recorder = recorder

    def of(self, images: Tensor, prompts: Sequence[str]) -> Measured:
        """Every measure of a column: features [N, D] of its images and the prompt of each."""
        found = measure(Features(images, text_features(self.scorer, prompts), self.reference))
        for note in found.notes:
            self._recorder.note(note)
        return found


def text_features(scorer: Clip, prompts: Sequence[str]) -> Tensor:
    """Features [N, D] of prompts, each distinct one computed once."""
    distinct = list(dict.fromkeys(prompts))
    rows = {text: row for row, text in enumerate(distinct)}
    return scorer.text_features(distinct)[[rows[text] for text in prompts]]


def prepare(
    base: Base,
    references: Sequence[Path],
    recorder: Recorder,
    on_progress: Callable[[int, int, str], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Measuring | None:
    """Loads the CLIP and reads the reference images; what is missing becomes a note.

    None when the base has no CLIP. Raises Interrupted, and FileError for a CLIP that is damaged.
    """
    try:
        scorer = load_clip(base.path, base.device)
    except UnavailableError as error:
        recorder.note(str(error))
        return None
    rows = []
    for done, path in enumerate(references):
        if cancelled is not None and cancelled():
            raise Interrupted("The comparison was stopped")
        if on_progress is not None:
            on_progress(done, len(references), "Reading the reference images")
        try:
            rows.append(scorer.image_features([open_image(path)]))
        except StudioError as error:
            recorder.note(f"{path.name} was left out of the reference: {error.what}.")
    if recorder.comparison.reference.folder and not rows:
        recorder.note(
            "The reference folder holds no images that can be read; "
            "measures against it are left out."
        )
    return Measuring(scorer, torch.cat(rows) if rows else None, recorder)
