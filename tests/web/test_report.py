"""The Report part in a real browser: what it says, what it keeps, what it downloads, and zips that are dropped."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from studio.compare.report.about import read_about
from tests.compare.made import column, make
from tests.web.conftest import Served

pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("ignore")]

NAME = "20260101-120000-shapes"


def test_a_comparison_is_reported_downloaded_and_opened_again(
    served: Served, page: Any, tmp_path: Path
) -> None:
    folder = served.workspace.comparisons / NAME
    make(folder, [column("base"), column("<b>half</b>")], ["a cat", "a fox"], [1, 2], name="Shapes")
    page.goto(f"{served.url}/#compare/{NAME}/report")
    page.reload()  # the place in an address is read when the page is loaded
    report = page.locator("#cs-comparison-report")
    report.get_by_label("Question", exact=True).fill("Which <b>one</b>?")
    report.get_by_label("Notes", exact=True).fill("None of them.")
    assert "8 (2 columns × 4 rows)" in report.inner_text()

    got = {}
    for label, file in (
        ("Download report", "report.html"),
        ("Contact sheet", "sheet.png"),
        ("Zip", "zip"),
        ("JSON", "json"),
    ):
        with page.expect_download() as download:
            report.get_by_role("link", name=label, exact=True).click()
        got[file] = tmp_path / download.value.suggested_filename
        download.value.save_as(got[file])
    assert (got["zip"].name, got["report.html"].name) == (f"{NAME}.zip", f"{NAME}-report.html")
    assert read_about(folder).question == "Which <b>one</b>?", "kept before the report was made"
    assert "Which &lt;b&gt;one&lt;/b&gt;?" in got["report.html"].read_text("utf-8")
    assert json.loads(got["json"].read_text("utf-8"))["name"] == "Shapes"
    assert got["sheet.png"].read_bytes().startswith(b"\x89PNG")
    with zipfile.ZipFile(got["zip"]) as archive:
        assert archive.testzip() is None

    with page.expect_popup() as popup:
        report.get_by_role("link", name="Open report", exact=True).click()
    opened = popup.value
    opened.set_viewport_size({"width": 390, "height": 844})
    assert opened.locator("h1").inner_text() == "Shapes"
    wide = opened.evaluate("document.documentElement.scrollWidth")
    assert wide <= 390, "nothing reaches over the edge of a phone"
    image = opened.locator(".images label").first
    image.click()
    assert image.locator("img").evaluate("node => getComputedStyle(node).position") == "fixed"
    opened.close()

    past = page.locator("#cs-past-comparisons")
    past.locator("input[type=file]").set_input_files(got["zip"])
    page.wait_for_url(f"**/#compare/{NAME}-2/*")
    assert report.get_by_label("Question", exact=True).input_value() == "Which <b>one</b>?"
    assert (served.workspace.comparisons / f"{NAME}-2" / "comparison.json").is_file()


def test_a_zip_of_something_else_is_refused_with_words(
    served: Served, page: Any, tmp_path: Path
) -> None:
    (tmp_path / "holiday.zip").write_bytes(b"PK\x03\x04 holiday")
    page.goto(f"{served.url}/#compare")
    page.reload()
    past = page.locator("#cs-past-comparisons")
    past.locator("input[type=file]").set_input_files(tmp_path / "holiday.zip")
    told = page.locator("#cs-notices .cs-notice", has_text="This archive was not opened")
    told.wait_for()
    assert "holiday.zip" in told.inner_text() and "Nothing was written" in told.inner_text()
    assert past.get_by_role("button", name="Open a zip…").is_enabled()
