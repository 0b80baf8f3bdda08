"""A few of many, evenly spread over their order.

Owns: which ones. Refuses to know: what they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

Item = TypeVar("Item")


def spread(items: Sequence[Item], count: int) -> list[Item]:
    """At most `count` of them, the first among them; none for 0."""
    if len(items) <= count:
        return list(items)
    return [items[place * len(items) // count] for place in range(count)]
