"""What a person states about a base: `studio.toml` in its folder, or a `.toml` beside its file.

Owns: where the facts are, and the learning rates among them. Refuses to know: what the base is.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from studio.core.errors import FileError
from studio.core.text import read_toml

FACTS = "studio.toml"


def facts_file(path: str | Path) -> Path:
    """Where a person states facts about a base: in its folder, or beside its file (`mine.toml`)."""
    path = Path(path)
    return path.with_suffix(".toml") if path.is_file() else path / FACTS


def facts(path: str | Path) -> dict[str, Any]:
    """What is stated about the base: `native_size`, `learning_rates`, and for a file
    `prediction_type` (`epsilon` or `v`).

    Raises FileError when it is not TOML.
    """
    file = facts_file(path)
    if not file.is_file():
        return {}
    try:
        return read_toml(file)
    except (OSError, ValueError) as error:
        raise FileError("The facts beside this base cannot be read", where=file) from error


def learning_rates(path: str | Path) -> dict[str, tuple[float, float]]:
    """Sane learning rates (lowest, highest) per method, where the base's folder states them."""
    stated = facts(path).get("learning_rates", {})
    try:
        return {method: (float(low), float(high)) for method, (low, high) in stated.items()}
    except (AttributeError, TypeError, ValueError) as error:
        raise FileError(
            "The facts beside this base cannot be read",
            where=facts_file(path),
            why="Its learning rates should be pairs: method = [lowest, highest].",
        ) from error
