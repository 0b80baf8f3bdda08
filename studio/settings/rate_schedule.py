"""Names of the learning-rate schedules, and the text form `1e-3:100, 1e-4:1000, 1e-5` of web UIs.

Owns: what can be written in the settings. Refuses to know: the curves (`learning_rate`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

Schedule = Literal["constant", "linear", "cosine", "cosine-restarts", "polynomial", "listed"]
Listed = tuple[tuple[float, int | None], ...]
"""Rates with the last step (1-based) that uses them; None: to the end."""

_FORM = "write them like 1e-3:100, 1e-4:1000, 1e-5"


def parse_rates(text: str) -> Listed:
    """`1e-3:100, 1e-4:1000, 1e-5` → each rate with the step up to which it holds.

    The last may leave its step out. Raises ValueError in plain words.
    """
    parts = [part.strip() for part in text.split(",")]
    found: list[tuple[float, int | None]] = []
    for place, part in enumerate(parts):
        rate_text, colon, step_text = part.partition(":")
        try:
            rate, until = float(rate_text), int(step_text) if colon else None
        except ValueError:
            raise ValueError(f"“{part}” is not a rate and a step; {_FORM}") from None
        if not 0 < rate <= 10:
            raise ValueError(f"the rate “{rate_text.strip()}” must be above 0 and at most 10")
        if until is None and place < len(parts) - 1:
            raise ValueError(f"“{part}” names no step, and is not the last; {_FORM}")
        if until is not None and until <= (found[-1][1] or 0 if found else 0):
            raise ValueError(f"the step of “{part}” must be later than the one before it")
        found.append((rate, until))
    return tuple(found)


def listed_rate(rates: Sequence[tuple[float, int | None]], step: int) -> float:
    """The rate in force at 1-based `step`; after the last step named, the last rate goes on."""
    for rate, until in rates:
        if until is None or step <= until:
            return rate
    return rates[-1][0]
