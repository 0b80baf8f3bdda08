"""What the images of a choice among checkpoints score: features in, one value per image out.

Owns: reading the images to judge by, the scores, and where their limits are. Refuses to know: the race,
how images are generated. Imports torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from studio.clip.encoders import load_clip
from studio.compare import metrics
from studio.compare.selection.racing import Values, interval
from studio.compare.selection.rule import TOLERANCE, Limits, Scores
from studio.core.callbacks import Cancelled
from studio.core.errors import InputError, Interrupted, StudioError
from studio.families.base import Base
from studio.formats.image_prepare import Opener
from studio.infer.prompt import plain as without_brackets

MOST_IMAGES = 64
"""Of references and of training images that are looked at."""
_NOTHING = np.zeros(0)


class Judged(Protocol):
    """What is judged by."""

    @property
    def references(self) -> Sequence[Path]: ...
    @property
    def training(self) -> Sequence[Path]: ...
    @property
    def plain(self) -> Sequence[str]: ...
    @property
    def held_out(self) -> bool: ...


@dataclass(frozen=True)
class Seen:
    """Features of a candidate's images, rows of length 1 in the order of the jobs."""

    concept: Tensor
    """[N, D], round by round: all prompts with one seed, then with the next."""
    ordinary: Tensor
    """[M, D], of prompts without the trigger word."""


class Judge:
    """The base's CLIP, and what it sees in references, training images and prompts."""

    def __init__(
        self,
        base: Base,
        by: Judged,
        cancelled: Cancelled | None = None,
        tolerance: float = TOLERANCE,
    ) -> None:
        """Raises UnavailableError without a CLIP, Interrupted, FileError for a damaged CLIP, and
        InputError when none of the images to be close to can be read."""
        self.scorer = load_clip(base.path, base.device)
        self.tolerance = tolerance
        self.notes: list[str] = []
        self.texts = self.scorer.text_features([without_brackets(text) for text in by.plain])
        self.training = self._read(by.training, cancelled)
        self.references = self._read(by.references, cancelled) if by.references else self.training
        self.held_out = by.held_out and bool(by.references)
        self._leave_out_copies()
        if not len(self.references):
            raise InputError(
                "None of the reference images can be read",
                why=self.notes[-1] if self.notes else None,
                remedy="Choose other reference images.",
            )

    def _leave_out_copies(self) -> None:
        """Held-out images that are training images, wherever they lie, say nothing about new ones."""
        if not self.held_out or not len(self.references) or not len(self.training):
            return
        copies = metrics.same_as_any(self.references, self.training)
        if bool(copies.all()):
            self.references, self.held_out = self.training, False
        elif count := int(copies.sum()):
            self.references = self.references[~copies]
            self.notes.append(
                f"Left out, because trained on as well: {count} of the held-out images."
            )

    def scores(self, seen: Seen, base: Seen) -> Scores:
        """Every measure of each image; the base's own of drift are none."""
        rows = seen.concept.double()
        count = len(rows)
        if not count:
            return Scores(_NOTHING, _NOTHING, _NOTHING, _NOTHING)
        own = rows @ self.texts.double().T  # [N, P]
        prompts = torch.arange(count) % len(self.texts)
        mine = own[torch.arange(count), prompts]
        others = len(self.texts) - 1
        follows = mine - (own.sum(dim=1) - mine) / others if others else mine
        copies = (rows @ self.training.double().T).amax(dim=1) if len(self.training) else None
        drift = None
        if seen is not base and (known := min(len(seen.ordinary), len(base.ordinary))):
            drift = metrics.moved(seen.ordinary[:known], base.ordinary[:known])
        return Scores(
            _values(metrics.to_references(rows, self.references)),
            _values(follows),
            _values(copies),
            _values(drift),
        )

    def limits(self, base: Seen) -> Limits:
        """The limits, as far as there is something to take them from."""
        return Limits(
            self.scores(base, base).follows if len(base.concept) else None,
            self.natural_copies(),
            self._natural_drift(base.ordinary),
            self.tolerance,
        )

    def natural_copies(self) -> float | None:
        """How close held-out images are to their nearest training image: the upper end of the mean's
        interval. Without held-out ones, training images to each other."""
        if len(self.training) < 2:
            return None
        cosines = self.references.double() @ self.training.double().T
        if not self.held_out:
            cosines.fill_diagonal_(-1)
        found = interval(_values(cosines.amax(dim=1)))
        return found.high if found.n > 1 else None

    def _natural_drift(self, ordinary: Tensor) -> float | None:
        """How far images of one prompt are apart with another seed, at the upper end."""
        prompts, seeds = len(self.texts), len(ordinary) // len(self.texts)
        if seeds < 2:
            return None
        rows = ordinary[: prompts * seeds].double().reshape(seeds, prompts, -1)
        apart = 1 - (rows[1:] * rows[:-1]).sum(dim=-1)
        return interval(_values(apart.reshape(-1))).high

    def _read(self, files: Sequence[Path], cancelled: Cancelled | None) -> Tensor:
        if len(files) > MOST_IMAGES:
            files = [files[k * len(files) // MOST_IMAGES] for k in range(MOST_IMAGES)]
        rows, opened = [], Opener()
        for path in files:
            if cancelled is not None and cancelled():
                raise Interrupted("The comparison was stopped")
            try:
                rows.append(self.scorer.image_features([opened(path)]))
            except StudioError as error:
                self.notes.append(f"{path.name} was left out: {error.what}.")
        return torch.cat(rows) if rows else torch.zeros(0, self.scorer.width)


def _values(found: Tensor | None) -> Values:
    return _NOTHING if found is None else np.asarray(found, dtype=np.float64)
