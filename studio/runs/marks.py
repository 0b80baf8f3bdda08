"""What a run was trained for, written into its folder before it is queued: so nobody trains it twice.

Owns: that file. Refuses to know: what a mark means (`studio.compare.shootout.plan.identity`).
"""

from __future__ import annotations

from pathlib import Path

from studio.core import atomic
from studio.core.paths import entries
from studio.core.text import read_json

FILE = "mark.json"


def write(folder: Path, mark: str) -> None:
    """Marks a run; an empty mark is none. StorageError when the disk refuses."""
    if mark:
        atomic.write_json(folder / FILE, {"mark": mark})


def read(folder: Path) -> str:
    """The mark of a run, empty without one that can be read."""
    try:
        found = read_json(folder / FILE)
    except (OSError, ValueError):
        return ""
    return str(found.get("mark", "")) if isinstance(found, dict) else ""


def marked(runs: Path) -> dict[str, list[str]]:
    """Mark → the runs that have it, newest first."""
    found: dict[str, list[str]] = {}
    for folder in sorted(entries(runs), reverse=True):
        if mark := read(folder):
            found.setdefault(mark, []).append(folder.name)
    return found
