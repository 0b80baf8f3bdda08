"""Steps: edits with their values, one after the other over many captions.

    {"edit": "prefix", "text": "photo of "}    each works on what the one before it made; of several
                                               captions of an image on each

Owns: reading a list of steps, and what they make of captions. Refuses to know: what each edit does
(`edits`), the record that undoes them (`history`). Imports no torch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studio.caption.changes import Change
from studio.caption.edit_row import About, Edit, Text
from studio.caption.edits import EDITS
from studio.core.errors import SettingsError
from studio.formats.several import Listed, text_of, weights_of
from studio.settings.base import nearest

MOST_STEPS = 50
_BY_NAME = {edit.name: edit for edit in EDITS}


@dataclass(frozen=True)
class Step:
    """One edit with its values."""

    edit: Edit
    values: dict[str, Any]

    @property
    def words(self) -> str:
        """It in words."""
        return self.edit.words(self.values)


def read_steps(rows: Sequence[Any]) -> list[Step]:
    """The steps that can do something, in order. Raises SettingsError for a wrong one."""
    if len(rows) > MOST_STEPS:
        raise SettingsError(f"At most {MOST_STEPS} edits can be made at once")
    steps = []
    for row in rows:
        name = row.get("edit") if isinstance(row, dict) else None
        edit = _BY_NAME.get(str(name))
        if edit is None:
            close = nearest(str(name), list(_BY_NAME))
            known = f"Known are {', '.join(_BY_NAME)}."
            raise SettingsError(
                f"There is no edit “{str(name)[:60]}”",
                remedy=f"Did you mean “{close}”?" if close else known,
            )
        values = edit.read(row)
        if not edit.idle(values):
            steps.append(Step(edit, values))
    return steps


def preview(
    captions: Mapping[Path, str | None], steps: Sequence[Step], about: About
) -> list[Change]:
    """The captions that the steps would change, in the order given. Nothing is written.

    Raises SettingsError where a step cannot be made of these captions.
    """
    rows = [(image, text, weight) for image, own in captions.items() for text, weight in _own(own)]
    texts = [text for _, text, _ in rows]
    for step in steps:
        given = [Text(row[0], text) for row, text in zip(rows, texts, strict=True)]
        texts = [text.strip() for text in step.edit.run(given, step.values, about)]
    made: dict[Path, list[tuple[str, int]]] = {}
    for (image, _, weight), text in zip(rows, texts, strict=True):
        made.setdefault(image, []).append((text, weight))
    changes = [
        Change(image, own, _joined(own, made[image])) for image, own in captions.items() if steps
    ]
    return [change for change in changes if change.after != (change.before or "").strip()]


def _own(caption: str | None) -> list[tuple[str, int]]:
    """The captions of an image with how often each counts; one that is empty where it has none."""
    if isinstance(caption, Listed):
        return list(weights_of(caption).items()) or [("", 1)]
    return [(caption or "", 1)]


def _joined(before: str | None, made: Sequence[tuple[str, int]]) -> str:
    return text_of(made) if isinstance(before, Listed) else made[0][0]
