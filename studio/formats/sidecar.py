"""Small files beside an adapter that other programs read: notes as JSON, a preview picture.

Owns: A1111's `<file>.json` keys and the names of preview pictures.
Refuses to know: the adapter itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studio.core import atomic
from studio.core.errors import FileError
from studio.core.text import parse_json, read_text

MAX_BYTES = 1 << 20
PREVIEWS = (
    ".preview.png", ".png", ".preview.jpg", ".jpg", ".preview.jpeg", ".jpeg", ".preview.webp",
    ".webp",
)  # fmt: skip


@dataclass
class Notes:
    """What a person wrote about an adapter. `sd_version` is "SD1", "SD2", "SDXL" or unknown."""

    description: str = ""
    sd_version: str = "Unknown"
    activation_text: str = ""
    preferred_weight: float = 0.0
    negative_text: str = ""
    notes: str = ""


def read(path: str | Path) -> Notes | None:
    """The notes beside the adapter at `path`, or None; FileError when they are no readable JSON."""
    beside = Path(path).with_suffix(".json")
    try:
        if not beside.is_file():
            return None
        if beside.stat().st_size > MAX_BYTES:
            raise ValueError("too large")
        value = parse_json(read_text(beside))
        if not isinstance(value, dict):
            raise ValueError("no table")
    except (OSError, ValueError) as error:
        raise FileError(
            "The notes beside this adapter cannot be read",
            where=beside,
            why="They are not the JSON table web UIs write.",
            remedy="Delete or repair that file; the adapter itself is fine.",
        ) from error
    weight: Any = value.get("preferred weight")
    return Notes(
        _text(value.get("description")),
        _text(value.get("sd version")) or "Unknown",
        _text(value.get("activation text")),
        float(weight) if type(weight) in (int, float) and abs(weight) < 100 else 0.0,
        _text(value.get("negative text")),
        _text(value.get("notes")),
    )


def write(path: str | Path, notes: Notes) -> Path:
    """Writes `<file>.json` beside the adapter, in the keys A1111's web UI uses."""
    value: dict[str, Any] = {
        "description": notes.description,
        "sd version": notes.sd_version,
        "activation text": notes.activation_text,
        "preferred weight": notes.preferred_weight,
        "negative text": notes.negative_text,
        "notes": notes.notes,
    }
    return atomic.write_json(Path(path).with_suffix(".json"), value)


def preview(path: str | Path) -> Path | None:
    """The preview picture beside an adapter, or None; where a new one belongs: `preview_path`."""
    stem = Path(path).with_suffix("")
    for suffix in PREVIEWS:
        candidate = stem.with_name(stem.name + suffix)
        if candidate.is_file():
            return candidate
    return None


def preview_path(path: str | Path) -> Path:
    """Where web UIs look first: `<name>.preview.png`."""
    stem = Path(path).with_suffix("")
    return stem.with_name(stem.name + ".preview.png")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
