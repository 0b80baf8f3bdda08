"""The stack in an image's settings: adapter files by name with their strengths, ranges and factors.

Owns: this value of ours, as JSON, written and read. Refuses to know: the rest of the block, where files
are.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from studio.core.text import parse_json
from studio.settings.stack import StackItem

_LIMITS = ("aesthetic", "start", "end", "blocks")


def write_stack(items: Iterable[StackItem]) -> str:
    """The value of `Stack`."""
    return json.dumps([_item(item) for item in items], ensure_ascii=False)


def read_stack(text: str) -> list[dict[str, Any]] | None:
    """Values of `StackItem`s whose paths are file names; None for what is no such value."""
    try:
        entries = parse_json(text)
        return [
            {
                "path": Path(str(entry["file"])).name,
                "strength": float(entry.get("strength", 1.0)),
                "text_strength": _float_or_none(entry.get("text_strength")),
                **{name: entry[name] for name in _LIMITS if name in entry},
            }
            for entry in entries
        ]
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def _float_or_none(value: Any) -> float | None:
    return None if value is None else float(value)


def _item(item: StackItem) -> dict[str, Any]:
    entry: dict[str, Any] = {"file": Path(item.path).name, "strength": item.strength}
    if item.text_strength is not None:
        entry["text_strength"] = item.text_strength
    # what is as usual is left out: the block stays short
    for name in _LIMITS:
        if (value := getattr(item, name)) != StackItem.model_fields[name].get_default(
            call_default_factory=True
        ):
            entry[name] = value
    return entry
