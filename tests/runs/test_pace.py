"""Time left is the mean of everything between two counts, and begins anew after a pause."""

from __future__ import annotations

from studio.runs.pace import Pace


def test_time_left_counts_everything_in_between() -> None:
    now = [0.0]
    pace = Pace(lambda: now[0])
    assert pace.left("class images", 2, 10) is None, "two were there before"
    now[0] = 8.0
    assert pace.left("class images", 6, 10) == 8.0
    assert pace.left("steps", 1, 101) is None
    now[0] = 18.0
    assert pace.left("steps", 11, 101) == 90.0
    now[0] = 1000.0
    pace.again()
    assert pace.left("steps", 12, 101) is None
    now[0] = 1002.0
    assert pace.left("steps", 13, 101) == 176.0
