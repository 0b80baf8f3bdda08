"""JSON in an image's texts: a table or nothing.

Owns: that a text which is no JSON is no error here. Refuses to know: programs.
"""

from __future__ import annotations

from typing import Any

from studio.core.text import TextError, parse_json


def table_in(text: str) -> dict[str, Any]:
    """The table that `text` is, or an empty one."""
    if not text.lstrip("\ufeff \t\r\n").startswith("{"):
        return {}
    try:
        found = parse_json(text.strip())
    except TextError:
        return {}
    return found if isinstance(found, dict) else {}


def inner(table: dict[str, Any], key: str) -> dict[str, Any]:
    """The table under `key`, also where it is JSON written as a text; else an empty one."""
    value = table.get(key)
    if isinstance(value, str):
        return table_in(value)
    return value if isinstance(value, dict) else {}


def as_list(value: Any) -> list[Any]:
    """A list as it is; anything else is an empty one."""
    return value if isinstance(value, list) else []
