"""What a comparison leaves on disk, also when it was killed half-way.

    comparisons/20261121-153000-shapes/
      progress.jsonl      a line as each thing happens: started, cell, column
      cells/c0-p0-s1.png  column, prompt, seed
      comparison.json     the whole, written last

Owns: these files. Refuses to know: how pictures are drawn or measured. Imports no torch.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from studio.core import atomic, text
from studio.core.errors import MissingError

COMPARISON_FILE = "comparison.json"
PROGRESS_FILE = "progress.jsonl"


class Recorder:
    """Collects one comparison in memory and on disk at the same time."""

    def __init__(self, folder: str | Path, header: dict[str, Any]) -> None:
        self.folder = atomic.make_folder(folder)
        self.comparison = {
            "id": self.folder.name, **header, "complete": False, "cancelled": False,
            "cells": [], "notes": [],
        }  # fmt: skip
        self._append({"kind": "started", "comparison": self.comparison})

    def cell(self, column: int, prompt: int, seed: int, file: str) -> None:
        """A picture of the grid is on disk."""
        cell = {"column": column, "prompt": prompt, "seed": seed, "file": file}
        self.comparison["cells"].append(cell)
        self._append({"kind": "cell", "cell": cell})

    def column(self, index: int, facts: dict[str, Any]) -> None:
        """What became of a column: measures, seconds, messages, or the error it ended with."""
        self.comparison["columns"][index].update(facts)
        self._append({"kind": "column", "column": index, "facts": facts})

    def note(self, text: str) -> None:
        """A sentence for people about the whole."""
        if text not in self.comparison["notes"]:
            self.comparison["notes"].append(text)
            self._append({"kind": "note", "text": text})

    def finish(self, seconds: float, *, cancelled: bool) -> dict[str, Any]:
        """Writes `comparison.json` and returns what it says."""
        self.comparison.update(
            seconds=round(seconds, 2), cancelled=cancelled, complete=not cancelled
        )
        atomic.write_json(self.folder / COMPARISON_FILE, self.comparison)
        return self.comparison

    def _append(self, line: dict[str, Any]) -> None:
        atomic.append_line(
            self.folder / PROGRESS_FILE, json.dumps(line, ensure_ascii=False), durable=True
        )


def read_comparison(folder: str | Path) -> dict[str, Any]:
    """One comparison. `complete` is False when it was cancelled or killed: then it holds what was
    drawn and measured until that moment. Raises MissingError when the folder is no comparison.
    """
    folder = Path(folder)
    found = _whole(folder) or _so_far(folder)
    if found is None:
        raise MissingError(
            "This comparison is not there",
            where=folder,
            remedy="Refresh the list; it may have been deleted.",
        )
    return {**found, "id": folder.name}


def list_comparisons(root: str | Path) -> list[dict[str, Any]]:
    """The comparisons below `root`, newest first; folders that are none are passed over."""
    root = Path(root)
    found = []
    for folder in root.iterdir() if root.is_dir() else []:
        if folder.is_dir() and not folder.name.startswith("."):
            try:
                found.append(read_comparison(folder))
            except (MissingError, OSError):
                continue
    return sorted(found, key=_newest, reverse=True)


def _newest(comparison: dict[str, Any]) -> tuple[float, str]:
    created = comparison.get("created")
    return float(created) if isinstance(created, int | float) else 0.0, str(comparison["id"])


def _whole(folder: Path) -> dict[str, Any] | None:
    try:
        value = text.read_json(folder / COMPARISON_FILE)
    except (OSError, ValueError):
        return None
    return value if _is_comparison(value) else None


def _is_comparison(value: Any) -> bool:
    """Whether it has what every page and report of a comparison relies on."""
    lists = ("columns", "cells", "prompts", "seeds")
    return isinstance(value, dict) and all(isinstance(value.get(name), list) for name in lists)


def _so_far(folder: Path) -> dict[str, Any] | None:
    found: dict[str, Any] | None = None
    try:
        lines = text.read_bytes(folder / PROGRESS_FILE).split(b"\n")
    except (OSError, text.TextError):
        return None
    for line in lines:
        try:
            row = text.parse_json(line)
            if row["kind"] == "started":
                found = dict(row["comparison"]) if _is_comparison(row["comparison"]) else None
            elif found is None:
                continue
            elif row["kind"] == "cell":
                found["cells"].append(row["cell"])
            elif row["kind"] == "column":
                found["columns"][row["column"]].update(row["facts"])
            elif row["kind"] == "note":
                found["notes"].append(row["text"])
        except (ValueError, KeyError, TypeError, IndexError, AttributeError):
            continue  # the torn last line of a killed process
    return found
