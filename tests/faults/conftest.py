"""What the sweeps add up: each test says how much it tried, the end of the run prints the sums."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

FIGURE = "figure: "


@pytest.fixture
def counted(record_property: Callable[[str, object], None]) -> Callable[..., None]:
    """Adds to the figures that are printed at the end, also from other processes of the run."""

    def count(what: str, number: int = 1) -> None:
        record_property(FIGURE + what, number)

    return count


def pytest_terminal_summary(terminalreporter: Any) -> None:
    sums: Counter[str] = Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            if getattr(report, "when", "") == "call" and report.passed:
                for name, number in report.user_properties:
                    if name.startswith(FIGURE):
                        sums[name.removeprefix(FIGURE)] += number
    if sums:
        terminalreporter.section("faults that were put in")
        for what, number in sorted(sums.items()):
            terminalreporter.write_line(f"{number:6,} {what}")
