"""A stack in a file of its own: `<name>.stack.json`, to keep, to share, to drop on the page.

    {"format": "concept-studio-stack", "version": 1, "name": "…",
     "base": {"name": "…", "hash": "…"},
     "items": [{"file": "korvu.safetensors", "size": 12345, "sha256": "…", "strength": 0.8, …}]}

Adapter files are named, never contained, and by their names alone: a shared stack tells nobody's
folders. Everything else of an item is a setting of `StackItem`, left out where it is as usual.
Owns: this layout. Refuses to know: where the files are (`library.saved_stacks` finds them). No torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studio.core import atomic
from studio.core.errors import FileError, SettingsError
from studio.core.text import parse_json
from studio.formats.sniff import open_file
from studio.settings.training import StackItem

ENDING = ".stack.json"
FORMAT, VERSION = "concept-studio-stack", 1
MOST_BYTES, MOST_ITEMS = 1 << 20, 64


@dataclass(frozen=True)
class Entry:
    """One item; the path of `item` is the file's bare name."""

    item: StackItem
    size: int
    """Bytes; tells cheaply which files cannot be the same."""
    sha256: str


@dataclass(frozen=True)
class StackFile:
    """What such a file says."""

    name: str
    base: str
    base_hash: str
    entries: Sequence[Entry]


def write(path: str | Path, stack: StackFile) -> Path:
    """Writes the file durably."""
    items = [
        {
            "file": Path(entry.item.path).name,
            "size": entry.size,
            "sha256": entry.sha256,
            **entry.item.model_dump(exclude={"path"}, exclude_defaults=True),
            "strength": entry.item.strength,
        }
        for entry in stack.entries
    ]
    return atomic.write_json(
        path,
        {
            "format": FORMAT, "version": VERSION, "name": stack.name,
            "base": {"name": stack.base, "hash": stack.base_hash}, "items": items,
        },
    )  # fmt: skip


def read(path: str | Path) -> StackFile:
    """Reads the file; FileError for anything that is no stack, MissingError when it is not there."""
    with open_file(path) as file:
        data = file.read(MOST_BYTES + 1)
    try:
        value = parse_json(data) if len(data) <= MOST_BYTES else None
    except ValueError:
        value = None
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        raise _broken(path, "It is not the JSON of a saved stack.")
    if value.get("version") != VERSION:
        raise _broken(
            path, f"It is of version {str(value.get('version'))[:20]}; this studio reads 1."
        )
    base, items = value.get("base"), value.get("items")
    if not isinstance(items, list) or len(items) > MOST_ITEMS or not isinstance(base, dict):
        raise _broken(path, "Its list of files is missing or too long.")
    try:
        entries = [_entry(entry) for entry in items]
    except (SettingsError, ValueError, TypeError, KeyError, AttributeError) as error:
        why = error.what if isinstance(error, SettingsError) else "An item in it is unreadable."
        raise _broken(path, why) from None
    return StackFile(
        str(value.get("name", ""))[:80], str(base.get("name", ""))[:200],
        str(base.get("hash", ""))[:64], entries,
    )  # fmt: skip


def _entry(value: dict[str, Any]) -> Entry:
    values = dict(value)
    name, size, digest = values.pop("file"), values.pop("size"), values.pop("sha256")
    if not isinstance(name, str) or not Path(name).name or not isinstance(size, int):
        raise ValueError
    item = StackItem.parse({**values, "path": Path(name).name})
    return Entry(item, size, str(digest)[:64])


def _broken(path: str | Path, why: str) -> FileError:
    return FileError(
        "This is not a saved stack",
        where=path,
        why=why,
        remedy="Save the stack again where it came from.",
        safe="Nothing was changed.",
    )
