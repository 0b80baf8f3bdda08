"""What an action of `library` answers, and rows below each other.

Owns: the form. Refuses to know: any action.
"""

from __future__ import annotations

import time
from typing import Any

from studio.core.names import printable

Answer = tuple[list[str], Any]
"""What is printed, and the same for JSON."""
COLUMN = 40  # characters of a cell, at most


def day(moment: float) -> str:
    """The day of a moment."""
    return time.strftime("%Y-%m-%d", time.localtime(moment))


def table(rows: list[list[str]]) -> list[str]:
    """Cells below each other; long ones are cut, but for the last."""
    cut = [[printable(c) if k == len(row) - 1 else printable(c)[:COLUMN] for k, c in enumerate(row)]
           for row in rows]  # fmt: skip
    widths = [max(map(len, column)) for column in zip(*cut, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cut
    ]
