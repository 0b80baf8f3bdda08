"""Changes of captions, and making them where a caption still is what it was.

Owns: that. Refuses to know: their record (`caption.history`), models, edits, the page.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from studio.core.errors import InputError
from studio.formats.captions import Looked, read_caption, write_caption


@dataclass(frozen=True)
class Change:
    """One caption before and after; `before` is None where there was none."""

    image: Path
    before: str | None
    after: str


@dataclass(frozen=True)
class Applied:
    """What really happened. `kept` are images whose caption had changed in the meantime."""

    changed: list[Path]
    kept: list[Path]


def write_changes(changes: Sequence[Change], looked: Looked | None = None) -> Applied:
    """Writes captions that are still what `before` says; leaves the others alone."""
    done, looked = Applied([], []), looked or Looked()
    for change in changes:
        try:
            if read_caption(change.image, looked) == change.before:
                write_caption(change.image, change.after, looked)
                done.changed.append(change.image)
                continue
        except InputError:  # the image went away, or its text file is no caption any more
            pass
        done.kept.append(change.image)
    return done


def reads(image: Path, looked: Looked) -> str | None:
    """The caption of an image; None where there is none, or none that can be read."""
    try:
        return read_caption(image, looked)
    except InputError:
        return None
