"""What a person writes about a comparison: the question it should answer, and notes.

    comparisons/20261121-153000-shapes/
      about.json

Owns: this file. Refuses to know: the comparison itself, which is never changed. Imports no torch.
"""

from __future__ import annotations

from pathlib import Path

from studio.core import atomic, text
from studio.core.counts import counted
from studio.core.errors import InputError
from studio.core.record import Filed

ABOUT_FILE = "about.json"
LONGEST_QUESTION, LONGEST_NOTES = 500, 10_000


class About(Filed):
    """A question and notes, as they were typed."""

    question: str = ""
    notes: str = ""


def read_about(folder: str | Path) -> About:
    """What was written about the comparison in `folder`; nothing where nothing can be read."""
    try:
        found = About.read(text.read_json(Path(folder) / ABOUT_FILE))
    except (OSError, ValueError):
        return About()
    return found.changed(
        question=found.question[:LONGEST_QUESTION], notes=found.notes[:LONGEST_NOTES]
    )


def write_about(folder: str | Path, question: str, notes: str) -> About:
    """Keeps both beside the comparison. Raises InputError for what is too long, StorageError."""
    _check("question", question, LONGEST_QUESTION)
    _check("notes", notes, LONGEST_NOTES)
    about = read_about(folder).changed(question=question.strip(), notes=notes.strip())
    atomic.write_json(Path(folder) / ABOUT_FILE, about.as_json())
    return about


def _check(what: str, value: str, most: int) -> None:
    if len(value) > most:
        raise InputError(
            f"The {what} can have {counted(most, 'character')}",
            why=f"This has {len(value):,}.",
            remedy="Shorten it.",
            safe="What was kept before is unchanged.",
        )
