"""No small file wants much: every reader ends each of them in its own words, within counts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from studio.core.budget import MOST_STEPS, Budget, TooMuch, check_text, shown
from tests.formats import costly

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.skipif(sys.platform != "linux", reason="limits of addresses are Linux's")
def test_every_costly_file_ends_in_our_own_words_within_a_gibibyte(
    tmp_path: Path, everything: bool
) -> None:
    costly.everything(tmp_path)
    names = {path.name for path in tmp_path.iterdir()}
    assert len(names) >= 80
    done = subprocess.run(
        [sys.executable, "-m", "tests.formats.costly", str(tmp_path), *["all"] * everything],
        cwd=ROOT, capture_output=True, text=True, timeout=1_800,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    seen = [json.loads(line) for line in done.stdout.splitlines()]
    wanted = sorted(names)[:: 1 if everything else 2]  # every other one, or all in the full sweep
    unread = [name for name in wanted if name not in {one["file"] for one in seen}]
    assert done.returncode == 0 and not unread, f"{unread[:1]} {done.stderr[-2_000:]}"
    for one in seen:
        # "read" is right for what is odd and small, such as an image with a note that nobody reads
        assert set(one["ends"]) <= {"read", "FileError", "TextError"}, one
        assert one["steps"] <= len(one["ends"]) * 2 * MOST_STEPS, one


def test_what_is_shared_counts_as_often_as_it_is_mentioned() -> None:
    def left(value: object, values: int = 100, size: int = 1_000) -> tuple[int, int]:
        budget = Budget(values=values, size=size)
        budget.check(value, lambda leaf: len(leaf) if isinstance(leaf, str) else 0)
        return values - budget.values, size - budget.size

    row = ["ab"] * 3
    assert left(row) == (4, 6)
    assert left([row, row, {"k": row}]) == (1 + 4 + 4 + (1 + 1 + 4), 6 + 6 + 1 + 6)
    for value, values, size in (([row, row], 8, 100), ([row, row], 100, 11), ("x" * 5, 1, 4)):
        with pytest.raises(TooMuch):
            left(value, values, size)
    itself: list[object] = []
    itself.append(itself)
    with pytest.raises(TooMuch, match="itself"):
        left(itself)


@pytest.mark.parametrize(
    "source, values",
    [
        ('{"a": "' + "[],:" * 1_000 + '"}', 2),
        (r'{"a": "\"[], and \\"}', 2),
        ("[" + "1," * 99 + "1]", 100),
        ('{"a": {"b": [1, "c"]}}', 6),
    ],
)
def test_what_is_quoted_is_no_value(source: str, values: int) -> None:
    check_text(source, values)
    check_text(source.encode(), values)
    if source.count(",") < 1_000:
        with pytest.raises(TooMuch):
            check_text(source, values=max(0, values - 2))


def test_a_value_is_shown_in_a_line() -> None:
    row: list[object] = ["x" * 1_000_000] * 1_000
    for value in (row, [row] * 1_000, {"a": row}, 10**5_000, "x" * 10**6, b"x" * 10**6):
        assert len(shown(value)) <= 80
    assert shown({"a": [1, "b"]}) == "{'a': [1, 'b']}"
