"""Asking a captioner about images in batches that fit.

Owns: reading the images, smaller batches when the memory is full, and which failures are an image's
own. Refuses to know: captions on disk, what becomes of an answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from studio.caption.source import AnswerError, Describes
from studio.core import memory
from studio.core.errors import StudioError

if TYPE_CHECKING:
    from PIL.Image import Image

MOST_FAILURES = 5
"""So many images in a row without a usable answer end the run."""


@dataclass
class Answers:
    """What came back for a batch."""

    found: dict[Path, str] = field(default_factory=dict)
    failed: dict[Path, str] = field(default_factory=dict)
    """Image → why there is nothing for it."""


class Batches:
    """A loaded captioner, and how many images it gets at once."""

    def __init__(self, captioner: Describes, size: int) -> None:
        self.captioner, self.size = captioner, max(1, size)
        self._failures = 0

    def describe(self, asked: Mapping[Path, str]) -> Answers:
        """Answers for images (path → question, maybe empty). Raises what the captioner raises."""
        from studio.formats.image_prepare import Opener  # Pillow, only when images are opened

        answers, images, opened = Answers(), {}, Opener()
        for path in asked:
            try:
                images[path] = opened(path)
            except StudioError as error:
                answers.failed[path] = error.what
        if not images:
            return answers
        try:
            texts = self._ask(list(images.values()), [asked[path] for path in images])
        except AnswerError as error:
            self._failures += 1
            if self._failures >= MOST_FAILURES or len(images) > 1:
                error.safe = "Captions written so far are kept."
                raise
            return Answers(failed={**answers.failed, **dict.fromkeys(images, error.sentence())})
        self._failures = 0
        for path, text in zip(images, texts, strict=True):
            if text.strip():
                answers.found[path] = text
            else:
                answers.failed[path] = "The model found no words for it"
        return answers

    def _ask(self, images: Sequence[Image], questions: Sequence[str]) -> list[str]:
        try:
            asked = tuple(questions) if any(questions) else ()
            return self.captioner.caption(images, asked)
        except Exception as error:
            if len(images) == 1 or not memory.is_full(error):
                raise
            memory.let_go(error)
        self.size = half = len(images) // 2
        return self._ask(images[:half], questions[:half]) + self._ask(
            images[half:], questions[half:]
        )
