"""Tables in JSON files that are nobody's loss: missing, damaged or something else, they are empty.

Owns: reading them so. What has to be told of a file that cannot be read goes through `core.text`.
"""

from __future__ import annotations

from pathlib import Path

from studio.core.record import Table
from studio.core.text import read_json


def read_table(file: Path) -> Table:
    """The object in a JSON file; empty where there is none, or where it cannot be read."""
    try:
        found = read_json(file)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
