"""A measure is one row: whoever shows, prints or reports measures follows the table."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest
import torch
from PIL import Image

from benchmarks import measures_page
from studio.commands.compare import table
from studio.compare import conclusion, differences, measures, verdict
from studio.compare.comparison import compare
from studio.compare.features import Features
from studio.compare.measures import Measure, measure
from studio.compare.record import Comparison, read_comparison
from studio.compare.report.page import to_html
from studio.compare.report.texts import to_csv, to_markdown
from studio.settings.training import CompareSettings
from studio.ui.components.opened_comparison import as_page
from studio.ui.tables import tables
from tests.conftest import ROOT

NEAREST = Measure(
    key="nearest",
    label="Nearest",
    formula="mean over images of the largest cosine to a reference image",
    source="nobody",
    range="−1 … 1",
    better="higher",
    unit="%",
    says="How close the closest reference image is.",
    needs=("clip", "reference"),
    values=lambda found: (found.images @ found.references.T).max(dim=1).values,  # type: ignore[union-attr]
    comparative="is nearer than",
    digits=2,
)


def test_a_new_row_is_measured_recorded_reported_printed_and_shown(base, tmp_path, monkeypatch):
    for module in (measures, conclusion, differences, verdict):
        monkeypatch.setattr(module, "MEASURES", (*measures.MEASURES, NEAREST))
    (tmp_path / "references").mkdir()
    rng = np.random.default_rng(0)
    for index in range(3):
        pixels = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "references" / f"{index}.png")
    settings = CompareSettings.parse(
        {"columns": [{"name": "base"}], "prompts": ["a cat"], "seeds": [1, 2], "steps": 1,
         "images": 0, "ordinary_images": 0, "reference": str(tmp_path / "references")}
    )  # fmt: skip
    compare(base, settings, tmp_path / "c")
    found = read_comparison(tmp_path / "c")
    value, interval = found.columns[0].measures["nearest"], found.columns[0].intervals["nearest"]
    assert value is not None and -1 <= value <= 1 and interval is not None
    shown = NEAREST.shown(value, interval)
    assert shown.startswith(f"{100 * value:.2f} (") and shown.endswith(") %")
    for report in ("".join(to_html(found)), to_markdown(found)):
        assert "Nearest" in report and shown in report and NEAREST.formula in report
    (row,) = csv.DictReader(io.StringIO(to_csv(found)))
    assert float(row["nearest"]) == value and float(row["nearest_low"]) == interval[0]
    assert any(line.split("  ", 1)[0] == "Nearest" and shown in line for line in table(found))
    (told,) = (row for row in tables()["measures"] if row["key"] == "nearest")
    assert told["formula"] == NEAREST.formula and set(told["needs"]) == {"clip", "reference"}
    (page,) = as_page(found)["columns"]
    assert page["measures"]["nearest"] == value and tuple(page["intervals"]["nearest"]) == interval


def test_the_page_is_told_of_every_measure_and_why_one_may_be_missing():
    rows = tables()["measures"]
    assert [row["key"] for row in rows] == [row.key for row in measures.MEASURES]
    assert all(reason for row in rows for reason in row["needs"].values())


@pytest.mark.parametrize("row", measures.MEASURES, ids=lambda row: row.key)
def test_a_row_says_all_that_a_reader_needs(row):
    assert row.formula and row.source and row.range and row.says.endswith(".")
    assert row.says.count(". ") == 0, "one plain sentence"
    assert row.is_fact or row.comparative.endswith(" than")


def test_the_document_of_measures_is_written_from_the_table():
    page = (ROOT / "docs" / "metrics.md").read_text("utf-8")
    rest = page.partition(measures_page.BEGIN)[2]
    assert rest, "docs/metrics.md has no table"
    assert rest.partition(measures_page.END)[0].strip() == measures_page.table().strip(), (
        "write it with: python -m benchmarks.measures_page"
    )


def test_a_value_reads_as_people_write_it():
    row = {row.key: row for row in measures.MEASURES}
    assert row["kid"].shown(-0.00004) == "0.000"
    assert row["kid"].shown(-0.5, (-0.75, -0.25)) == "−0.500 (−0.750 … −0.250)"
    assert row["memorised"].shown(0.25, (0.1, 0.4)) == "25 (10 … 40) %"
    assert row["memorised"].shown(0.0, (0.0, 0.0)) == "0 %"
    assert row["bytes"].shown(900_000) == "900 kB" and row["bytes"].shown(2_345_678) == "2.3 MB"
    assert (
        row["seconds"].shown(75) == "1 min 15 s"
        and row["trainable_parameters"].shown(1e6) == "1,000,000"
    )
    assert row["diversity"].shown(3.25) == "3.25 images" and row["kid"].shown(None) == ""


def test_what_a_row_needs_and_is_not_there_leaves_it_empty():
    features = torch.nn.functional.normalize(torch.randn(3, 8), dim=1)
    alone = measure(Features(features, features))
    assert alone.values["image_text"] == pytest.approx(1) and alone.counts is None
    assert {key for key, value in alone.values.items() if value is not None} == {
        "image_text", "diversity",
    }  # fmt: skip
    single = measure(Features(features, features, features[:1]))
    assert single.values["kid"] is None and single.values["image_image"] is not None
    assert single.counts == (3, 1)
    assert single.notes == ("KID needs at least 2 images on each side.",)


def test_a_comparison_of_an_earlier_version_and_of_a_newer_one_lose_nothing():
    old = {
        "id": "c", "prompts": ["a"], "seeds": [1], "cells": [],
        "reference": {"folder": "f", "pictures": 3},
        "columns": [{"name": "x", "stack": [{"path": "p", "later": 1}], "pictures": 4,
                     "draw_seconds": 0.5,
                     "measures": {"kid": 0.1, "kid_error": 0.2, "kid_n": [4, 3]}}],
    }  # fmt: skip
    found = Comparison.read(old)
    column = found.columns[0]
    assert column.measures == {"kid": 0.1} and column.standard_errors == {"kid": 0.2}
    assert (column.counts, column.images, column.generation_seconds) == ((4, 3), 4, 0.5)
    assert found.version == 1 and found.reference.images == 3
    assert found.differences == () and column.intervals == {} and column.told_apart == ()
    good = {"measure": "kid", "a": 0, "b": 1, "value": 0.5, "n": 3, "told_apart": True, "later": 1}
    mixed = Comparison.read({**old, "differences": [good, {"measure": "kid"}, 7]})
    assert [one.as_json() for one in mixed.differences] == [good], "damaged ones are passed over"
    newer = found.as_json() | {"version": 9, "weather": {"sun": True}, "seconds": "soon"}
    again = Comparison.read(newer)
    assert again.seconds is None, "what makes no sense counts as missing"
    written = again.as_json()
    assert written["version"] == 9 and written["weather"] == {"sun": True}
    assert written["columns"][0]["stack"][0] == {"path": "p", "later": 1}
    broken: object
    for broken in ([], {}, {"columns": [1], "prompts": [], "seeds": []}):
        with pytest.raises(ValueError):
            Comparison.read(broken)
