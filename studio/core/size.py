"""How large an image is."""

from __future__ import annotations

from typing import NamedTuple


class Size(NamedTuple):
    """Pixels."""

    width: int
    height: int


OWN_SIZE = Size(0, 0)
"""A base's own."""
