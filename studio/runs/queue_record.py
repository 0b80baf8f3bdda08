"""The queue of runs as a viewer sees it.

Owns: the record. Refuses to know: who waits for what (`training`).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Queue:
    """What waits, in order; and the failed run that paused it."""

    waiting: list[str]
    paused_by: str | None
    continue_on_error: bool
    left: list[str]
    """Runs that waited when the program ended, in their order."""
