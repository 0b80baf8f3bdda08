"""What other programs note beside an adapter file: the words that call it, and a strength.

`NAME.json` of the A1111 web UI ("activation text", "preferred weight") and `NAME.civitai.info` of its helpers
("trainedWords").

Owns: reading these. Refuses to know: what the adapter file itself says (it goes first), lists.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studio.core.text import read_json

LONGEST = 500  # letters of words that call a file
MOST = 1 << 20  # bytes


@dataclass(frozen=True)
class BesideNotes:
    """Empty where nothing is noted."""

    trigger: str = ""
    strength: float | None = None


def read_beside(path: Path) -> BesideNotes:
    """The notes beside an adapter file. What cannot be read is as if it were not there: it is not ours."""
    own, helper = _table(path.with_suffix(".json")), _table(path.with_suffix(".civitai.info"))
    words = own.get("activation text")
    if not isinstance(words, str) or not words.strip():
        trained = helper.get("trainedWords")
        known = trained if isinstance(trained, list) else []
        words = next((word for word in known if isinstance(word, str) and word.strip()), "")
    return BesideNotes(words.strip().strip(",").strip()[:LONGEST], _strength(own))


def _strength(own: dict[str, Any]) -> float | None:
    value = own.get("preferred weight")
    if not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value) or None  # 0 stands there when nobody said anything


def _table(path: Path) -> dict[str, Any]:
    try:
        found = read_json(path, MOST)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
