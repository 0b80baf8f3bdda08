"""The suggestion to stop: said once per lowest point, only when training still improves."""

from __future__ import annotations

from studio.train.patience import Patience


def told(
    held_out: list[float | None], train: list[float] | None = None, validations: int = 3
) -> list[int]:
    """The validations (steps 0, 10, …) after which something was said."""
    patience = Patience(validations)
    train = train or [1 - 0.1 * k for k in range(len(held_out))]
    rows = zip(train, held_out, strict=True)
    return [10 * k for k, row in enumerate(rows) if patience.add(10 * k, *row)]


def test_when_something_is_said() -> None:
    assert told([1, 0.9, 0.8, 0.9, 0.9, 0.9, 0.9]) == [50], "three validations after step 20, once"
    assert told([1, 0.9, 0.8, 0.7, 0.6, 0.5]) == []
    assert told([1, 0.9, 0.95, 0.95, 0.8, 0.9, 0.9, 0.9]) == [70], "a new lowest point counts anew"
    assert told([1, 0.5, 0.9, 0.9, 0.9], train=[1, 0.5, 0.6, 0.6, 0.6]) == [], "both rise"
    assert told([None] * 6) == [] and told([1, 0.9, 0.95, 0.95, 0.95], validations=0) == []


def test_what_is_said_and_that_a_resumed_run_does_not_repeat_it() -> None:
    patience = Patience(2)
    rows = [(0, 1.0, 0.5), (25, 0.8, 0.25), (50, 0.7, 0.3), (75, 0.6, 0.4)]
    said = [patience.add(*row) for row in rows]
    assert said[:3] == [None] * 3 and said[3] is not None
    assert "lowest at step 25 (0.25, now 0.4)" in said[3]
    resumed = Patience(2)
    for row in rows:
        resumed.add(*row)
    assert resumed.add(75, 0.6, 0.4) is None and resumed.add(100, 0.5, 0.5) is None
