"""A few of many, evenly spread."""

from __future__ import annotations

from studio.core.spread import spread


def test_a_few_of_many_are_spread_over_all() -> None:
    assert spread("abcdefgh", 4) == ["a", "c", "e", "g"]
    assert spread([1, 2], 5) == [1, 2] == spread((1, 2), 2)
    assert spread([1, 2], 0) == [] == spread([], 3)
