"""The parts of a report that stand on differences, votes and steps: there when there is something to say."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import pytest

from studio.compare.record import Comparison, Difference, GroupDifference, read_comparison
from studio.compare.report.curves import plots as curves_of
from studio.compare.report.plots import (
    Axes,
    Curve,
    Measurement,
    Point,
    curves,
    interval_bar,
    scatter,
)
from studio.compare.vote.votes import Line, write_line
from studio.core import atomic
from tests.compare.made import column, make
from tests.compare.test_report import HOSTILE, Page, page

AXES = Axes("likeness against drift", "drift", HOSTILE)


@pytest.fixture
def three(tmp_path: Path) -> Comparison:
    """Three columns, of which the second and third are steps of one run."""
    steps: list[dict[str, Any]] = [
        {"run": "20260101-zibbo", "step": step, "intervals": {"kid": (0.01, 0.03)}}
        for step in (100, 200)
    ]
    columns = [column("base"), column(HOSTILE, 0.02, **steps[0]), column("late", 0.03, **steps[1])]
    return make(tmp_path / "three", columns, seeds=[1, 2], side=8)


def difference(a: int, b: int, value: float, half: float, **more: object) -> Difference:
    facts = {"measure": "kid", "a": a, "b": b, "value": value, "low": value - half, "high": value + half,
             "n": 64, "told_apart": half < abs(value), **more}  # fmt: skip
    return Difference.model_validate(facts)


def test_without_differences_votes_or_steps_there_is_no_such_part(tmp_path: Path) -> None:
    found = page(make(tmp_path / "c", [column("a"), column("b")], side=8))
    names = {part["id"] for part in found.all("section") if "id" in part}
    assert names == {"measures", "plots", "images", "settings"}
    assert not found.text.count("told apart")


def test_differences_are_told_with_their_intervals_as_recorded(three: Comparison) -> None:
    rows = (
        difference(0, 1, 0.03, 0.01),
        difference(0, 2, -0.0123456, 0.5),
        difference(1, 2, 0.01, 0.02, paired=False),
    )
    groups = (GroupDifference(measure="unknown", a="x", b=HOSTILE, value=1.5, runs=(3, 4)),)
    comparison = three.changed(
        differences=rows,
        group_differences=groups,
        verdict=(f"{HOSTILE} is closer.", "Others cannot be told apart."),
    )
    atomic.write_json(Path(three.folder) / "comparison.json", comparison.as_json())
    found = page(read_comparison(three.folder))
    shown = {
        (one["data-difference"], one["data-a"], one["data-b"]): float(one["value"] or "nan")
        for one in found.all("data")
        if "data-difference" in one
    }
    names = [one.name for one in three.columns]
    assert shown == {("kid", names[row.a], names[row.b]): row.value for row in rows} | {
        ("unknown", "x", HOSTILE): 1.5
    }
    text = " ".join(found.text.split())
    assert f"{HOSTILE} is closer." in text and "Others cannot be told apart." in text
    assert "KID: 1 of 3 told apart" in text and "3 and 4 runs" in text
    assert "+0.0300+0.0200 … +0.040064told apart" in text
    assert "−0.0123−0.5123 … +0.487764cannot be told apart" in text
    assert "cannot be told apart (not paired)" in text


def test_columns_that_are_not_there_are_passed_over(three: Comparison) -> None:
    found = page(three.changed(differences=(difference(0, 7, 1, 2), difference(-1, 1, 1, 2))))
    assert not [one for one in found.all("data") if "data-difference" in one]


def test_votes_stand_in_the_report_with_their_intervals(three: Comparison) -> None:
    folder = Path(three.folder)
    write_line(folder, Line(kind="voter", voter="Ada", question="prefer", order="0" * 32))
    for seed in (1, 2):
        write_line(folder, Line(kind="vote", voter="Ada", question="prefer", a=0, b=1, prompt=0, seed=seed,
                                choice="b", left=0))  # fmt: skip
    found = page(three)
    shares = {
        one["data-column"]: float(one["value"] or 0)
        for one in found.all("data")
        if "data-vote" in one
    }
    assert shares[HOSTILE] > 0.5 > shares["base"]
    text = " ".join(found.text.split())
    assert "Which do you prefer?" in text and "2 votes of one person" in text
    (folder / "votes.jsonl").write_bytes(b"\xff\xfe{" * 100)
    assert "Which do you prefer?" not in page(three).text


def test_steps_of_a_run_become_curves(three: Comparison) -> None:
    found = page(three)
    figures = [one["aria-label"] or "" for one in found.all("svg") if one.get("role") == "img"]
    assert any("KID over the steps" in label and "20260101-zibbo" in label for label in figures)
    assert page(three.changed(columns=three.columns[:2])).text.count("over the steps") == 0


def test_strengths_of_one_step_have_curves_of_their_own(tmp_path: Path) -> None:
    columns = [
        column(f"{step} at {strength}", 0.01 * step * strength, run="r", step=step,
               stack=[{"path": "a.safetensors", "strength": strength}])
        for step in (1, 2)
        for strength in (0.5, 1.0)
    ]  # fmt: skip
    found = curves_of(make(tmp_path / "c", columns, side=8))
    (figure,) = [one for one in Page(found).all("svg") if "KID over" in (one["aria-label"] or "")]
    assert "r × 0.5" in (figure["aria-label"] or "") and "r × 1" in (figure["aria-label"] or "")
    assert found.split("KID over")[-1].split("</svg>")[0].count("<circle") == 4


def test_plots_show_every_point_inside_their_frame() -> None:
    points = [
        Point(n, HOSTILE, Measurement(n / 7, n / 7 - 0.1, n / 7 + 0.1), Measurement(-n))
        for n in range(1, 9)
    ]
    plotted = scatter(points, AXES)
    places = [
        (float(x), float(y)) for x, y in re.findall(r"<circle cx='([^']+)' cy='([^']+)'", plotted)
    ]
    assert len(places) == 8 and all(58 <= x <= 444 and 14 <= y <= 258 for x, y in places)
    assert HOSTILE in Page(plotted).text and "<script" not in plotted
    line = Curve("run", (1, 2, 3), tuple(Measurement(value) for value in (1.0, math.nan, 2.0)))
    assert curves([line], AXES).count("<circle") == 2


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_numbers_that_are_none_break_no_plot(value: float) -> None:
    fine = Point(1, "a", Measurement(1.0), Measurement(2.0))
    odd = Point(2, "b", Measurement(value), Measurement(1.0))
    assert scatter([fine, odd], AXES) == "" and scatter([fine], AXES) == ""
    assert (
        scatter([fine, odd, Point(3, "c", Measurement(1.0), Measurement(2.0))], AXES).count(
            "<circle"
        )
        == 2
    )
    assert (
        "nan" not in interval_bar(1.0, 0.5, value, [1.0]) and interval_bar(value, 0, 1, [0]) == ""
    )
    assert interval_bar(0.0, 0.0, 0.0, [0.0]).count("<circle") == 1
    assert curves([Curve("x", (1, 2), (Measurement(value), Measurement(value)))], AXES) == ""


def test_a_search_for_a_checkpoint_shows_what_is_recommended_and_its_curves(
    three: Comparison,
) -> None:
    points = [
        {"likeness": {"value": value, "low": value - 0.1, "high": value + 0.1, "n": 4}}
        for value in (0.3, 0.5)
    ]
    entries = [{"run": "r", "step": step, "strength": 1.0, "column": n, "images": 4, "points": found, "out": HOSTILE}
               for n, (step, found) in enumerate(zip((100, 200), points, strict=True))]  # fmt: skip
    chosen = {"run": "r", "step": 200, "strength": 1.0}
    entries[0] |= {"out": "score", "by": 0.25}
    record = {
        "runs": {"r": HOSTILE},
        "entries": entries,
        "recommended": chosen,
        "reason": "It is closest.",
        "alike": [chosen],
    }
    atomic.write_json(Path(three.folder) / "selection.json", record)
    found = page(three)
    text = " ".join(found.text.split())
    assert f"Recommended: {HOSTILE}, step 200, strength 1" in text and "It is closest." in text
    shown = {
        one["data-checkpoint"]: float(one["value"] or 0)
        for one in found.all("data")
        if "data-checkpoint" in one
    }
    assert shown == {"0": 0.3, "1": 0.5}
    assert "Cannot be told apart from it" not in text, "it is not told apart from itself"
    assert "further from the reference images than the best, by 0.250" in text
    atomic.write_json(
        Path(three.folder) / "selection.json",
        {**record, "alike": [chosen, {**chosen, "step": 100}],
         "entries": [{**entry, "points": {"copies": found["likeness"]}, "out": "aside"}
                     for entry, found in zip(entries, points, strict=True)]},
    )  # fmt: skip
    text = " ".join(page(three).text.split())
    assert f"Cannot be told apart from it: {HOSTILE}, step 100, strength 1." in text
    assert "Nearest training image" in text and "set aside: earlier checkpoints" in text
    assert any(
        "over the steps" in (one.get("aria-label") or "") and HOSTILE in (one["aria-label"] or "")
        for one in found.all("svg")
    )
    (Path(three.folder) / "selection.json").write_text("{")
    assert "Recommended" not in page(three).text
