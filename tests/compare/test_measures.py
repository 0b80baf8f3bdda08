"""A measure is one row: whoever shows, prints or reports measures follows the table."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest
import torch
from PIL import Image

from studio.commands.compare import table
from studio.compare import measures
from studio.compare.comparison import compare
from studio.compare.measures import Features, Measure, measure
from studio.compare.record import Comparison, read_comparison
from studio.compare.report_html import to_html
from studio.compare.report_text import to_csv, to_markdown
from studio.settings.training import CompareSettings
from studio.ui.components.opened_comparison import as_page
from studio.ui.tables import tables

NEAREST = Measure(
    key="nearest",
    label="Nearest",
    formula="mean over images of the largest cosine to a reference image",
    says="how close the closest reference image is; higher is closer",
    better="higher",
    unit="cos",
    compute=lambda found: float((found.images @ found.references.T).max(dim=1).values.mean()),  # type: ignore[union-attr]
    needs=("clip", "reference"),
    error=lambda found: 0.25,
)


def test_a_new_row_is_measured_recorded_reported_printed_and_shown(base, tmp_path, monkeypatch):
    monkeypatch.setattr(measures, "MEASURES", (*measures.MEASURES, NEAREST))
    (tmp_path / "references").mkdir()
    rng = np.random.default_rng(0)
    for index in range(3):
        pixels = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "references" / f"{index}.png")
    settings = CompareSettings.parse(
        {"columns": [{"name": "base"}], "prompts": ["a cat"], "seeds": [1, 2], "steps": 1,
         "images": 0, "reference": str(tmp_path / "references")}
    )  # fmt: skip
    compare(base, settings, tmp_path / "c")
    found = read_comparison(tmp_path / "c")
    value = found.columns[0].measures["nearest"]
    assert value is not None and -1 <= value <= 1
    shown = f"{value:.4f} ± 0.2500 cos"
    for report in ("".join(to_html(found)), to_markdown(found)):
        assert "Nearest" in report and shown in report and NEAREST.formula in report
    (row,) = csv.DictReader(io.StringIO(to_csv(found)))
    assert float(row["nearest"]) == value and float(row["nearest_error"]) == 0.25
    assert any(line.split("  ", 1)[0] == "Nearest" and shown in line for line in table(found))
    assert tables()["measures"][-1] == {
        "key": "nearest", "label": "Nearest", "formula": NEAREST.formula, "says": NEAREST.says,
        "better": "higher", "unit": "cos", "needs": ["clip", "reference"],
    }  # fmt: skip
    (page,) = as_page(found)["columns"]
    assert page["measures"]["nearest"] == value and page["standard_errors"]["nearest"] == 0.25


def test_the_page_is_told_of_every_measure():
    keys = [row["key"] for row in tables()["measures"]]
    assert keys == ["kid", "image_image", "image_reference", "image_text"]
    for row in measures.MEASURES:
        assert row.formula and row.says and ("lower" in row.says) == (row.better == "lower")


def test_what_a_row_needs_and_is_not_there_leaves_it_empty():
    features = torch.nn.functional.normalize(torch.randn(3, 8), dim=1)
    alone = measure(Features(features, features))
    assert alone.values["image_text"] == pytest.approx(1) and alone.counts is None
    assert [key for key, value in alone.values.items() if value is None] == [
        "kid", "image_image", "image_reference",
    ]  # fmt: skip
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
