"""Taking one change of many captions back by its record.

Owns: reading a record's lines, and what becomes of a caption that was changed since. Refuses to know:
which record is whose (`history`), edits, models.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from studio.caption.changes import Applied, Change, reads, write_changes
from studio.core import atomic
from studio.core.errors import FileError
from studio.core.record import renamed
from studio.core.text import lines, parse_json, read_text
from studio.formats.captions import Looked, own_file


def undo(record: str | Path, may: Callable[[Path], object] = Path) -> Applied:
    """Puts back the captions from before a change, except those edited since.

    Where there was no text file, an older file or table speaks again: the file that was written
    moves into a folder `undone` beside the record. Raises FileError when the record is missing
    or damaged, and what `may` raises for an image that whoever asks may not name.
    """
    record = Path(record)
    done = Applied([], [])
    try:
        rows = [row for row in rows_of(record, strict=True) if "image" in row]
        changes = [(Path(r["image"]), r["before"], r["after"], bool(r["had_file"])) for r in rows]
        last = {change[0]: change for change in changes}  # recorded twice when it broke off between
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FileError(
            "This edit cannot be undone: its record is missing or damaged", where=record
        ) from error
    for image in last:
        may(image)
    looked = Looked()
    for image, before, after, had_file in last.values():
        now = reads(image, looked)
        if now == (before or "") or (now is None and before is None):
            continue  # it was recorded, and then never written
        file = own_file(image, looked)
        if had_file:
            part = write_changes([Change(image, after, before or "")], looked)
            done.changed.extend(part.changed)
            done.kept.extend(part.kept)
        elif now == after and file is not None:
            atomic.move_to_trash(file, record.parent / "undone")
            done.changed.append(image)
        else:
            done.kept.append(image)
    row = {"undone": time.time(), "kept": len(done.kept)}
    atomic.append_line(record, json.dumps(row), durable=True)
    return done


def rows_of(file: Path, *, strict: bool = False) -> list[dict[str, Any]]:
    """The lines of a record; one that a dying process left torn is passed over."""
    rows: list[dict[str, Any]] = []
    try:
        texts = lines(read_text(file))
    except (OSError, ValueError):
        if strict:
            raise
        return rows
    for line in texts:
        try:
            row = parse_json(line)
        except ValueError:
            continue
        if isinstance(row, dict):
            rows.append(renamed(row, picture="image"))
    if strict and not any("before" in row for row in rows):
        raise ValueError("it holds no change")
    return rows
