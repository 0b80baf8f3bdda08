"""The question for one image, and its caption out of the answer.

Owns: what the places in both templates stand for, the prefix, and how an answer is appended.
Refuses to know: models, how captions lie on disk.
"""

from __future__ import annotations

from pathlib import Path

from studio.caption.questions import fill, question_text, tags_of
from studio.caption.tag_words import add_prefix
from studio.core.names import printable
from studio.formats.dataset_file import read_dataset_file
from studio.formats.several import captions_of
from studio.settings.caption import CaptionerSettings


class Words:
    """The templates of one captioning of one folder."""

    def __init__(
        self, settings: CaptionerSettings, prefix: str, folder: Path, append: bool = False
    ) -> None:
        self._question = question_text(settings.question).strip()
        self._answer = settings.answer.strip() or "{caption}"
        self._prefix, self._append = prefix, append
        self._trigger = read_dataset_file(folder).trigger if folder.is_dir() else ""

    def question(self, image: Path, now: str | None) -> str:
        """What is asked about an image whose caption is `now`; empty is the captioner's own."""
        return fill(self._question, self._places(image, now or "", now or ""))

    def caption(self, image: Path, answer: str, now: str | None) -> str:
        """What is written for an answer."""
        text = fill(self._answer, self._places(image, answer, now or ""))
        several = captions_of(now) if self._append else ()
        rows = several or ((now or "",) if self._append else ("",))
        made = (add_prefix(appended(row, text), self._prefix) for row in rows)
        return "\n".join(made)

    def _places(self, image: Path, caption: str, now: str) -> dict[str, str]:
        return {
            "caption": caption,
            "tags": tags_of(now),
            "trigger": self._trigger,
            "name": printable(image.stem),
            "folder": printable(image.parent.name),
        }


def appended(before: str, more: str) -> str:
    """A caption with more behind it; of tags, only those that are not there yet."""
    before, more = before.strip(), more.strip()
    if not before or not more:
        return before or more
    if tags_of(before) and tags_of(more):
        there = {tag.strip().casefold() for tag in before.split(",")}
        new = [tag.strip() for tag in more.split(",") if tag.strip().casefold() not in there]
        return ", ".join([before.rstrip(" ,"), *new])
    return before + (" " if before[-1] in ".!?…。" else ", ") + more
