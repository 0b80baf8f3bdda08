"""Reports: everything is in them, nothing leaves its place, and they stand alone."""

from __future__ import annotations

import csv
import io
from html.parser import HTMLParser
from pathlib import Path

import pytest

from studio.compare.record import ComparedColumn, Comparison, Recorder, read_comparison
from studio.compare.report import to_csv, to_html, to_markdown, write_report
from studio.core.errors import MissingError
from studio.core.record import Failure

HOSTILE = "<script>alert(1)</script> | \"x' & **y**"


class Page(HTMLParser):
    """Collects tags with their attributes, and the visible text."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def column(name: str, kid: float | None, text: float | None, **more: object) -> ComparedColumn:
    """A column with measures."""
    return ComparedColumn.model_validate(
        {
            "name": name,
            "bytes": 0,
            "measures": {
                "kid": kid,
                "image_text": text,
                "image_image": 0.5,
            },
            "intervals": {"kid": None if kid is None else (kid - 0.01, kid + 0.01)},
            "counts": None if kid is None else (64, 256),
            **more,
        }
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A finished comparison with a hostile name, one failed column, one missing image."""
    lora = {"path": "/files/zibbo.safetensors", "strength": 0.75, "enabled": True}
    gone = {"error": Failure(kind="MissingError"), "message": "It is gone."}
    recorder = Recorder(
        Comparison(
            folder=str(tmp_path / "c"),
            name=HOSTILE,
            base="starter",
            created=1e9,
            prompts=("a cat", HOSTILE),
            seeds=(1,),
            columns=(
                column("base", 0.09, 0.3),
                column(
                    "=cmd()",
                    0.02,
                    0.2,
                    stack=[lora],
                    bytes=900_000,
                    seconds=75.0,
                    told_apart=("kid",),
                ),
                column("gone", None, None, **gone),
            ),
            settings={"sampler": "DDIM", "steps": 20, "guidance": 4.0},
        )
    )
    recorder.cell(0, 0, 1, "cells/c0 #1.png")
    recorder.note("A note with <b>markup</b>")
    recorder.finish(3.0, cancelled=False)
    return recorder.folder


def test_the_page_stands_alone_and_shows_text_as_text(folder):
    written = write_report(folder)
    assert [path.name for path in written] == ["report.html", "report.md", "report.csv"]
    source = written[0].read_text("utf-8")
    page = Page(source)
    assert not {tag for tag, _ in page.tags} & {"script", "link", "iframe", "b", "object"}
    assert "://" not in source and "url(" not in source
    assert HOSTILE in page.text and "A note with <b>markup</b>" in page.text
    assert "It is gone." in page.text
    images = [attributes for tag, attributes in page.tags if tag == "img"]
    assert [image["src"] for image in images] == ["./cells/c0%20%231.png"]
    assert images[0]["alt"] == "base: a cat, seed 1"
    assert "prefers-color-scheme: dark" in source


def test_every_measure_is_there_with_its_interval_and_only_what_is_told_apart_is_marked(folder):
    comparison = read_comparison(folder)
    text = to_markdown(comparison)
    line = next(line for line in text.splitlines() if line.startswith("| =cmd"))
    assert "**0.020 (0.010 … 0.030)**" in line and "zibbo.safetensors × 0.75" in line
    assert "0.9 MB" in line and "1 min 15 s" in line
    assert text.count("**") == 2, "no value is called better that nothing tells apart"
    assert "64 generated against 256 reference" in text
    cells = {
        len(line.replace("\\|", "").split("|")) for line in text.splitlines() if line[:1] == "|"
    }
    assert len(cells) == 1


def test_the_table_for_spreadsheets_has_raw_numbers_and_no_formulas(folder):
    rows = list(csv.DictReader(io.StringIO(to_csv(read_comparison(folder)))))
    assert [row["column"] for row in rows] == ["base", "'=cmd()", "gone"]
    assert float(rows[1]["kid"]) == 0.02 and float(rows[1]["kid_low"]) == pytest.approx(0.01)
    assert (rows[1]["images"], rows[1]["references"]) == ("64", "256")
    assert rows[1]["seconds"] == "75.0" and rows[2]["kid"] == ""


def test_a_report_of_an_unfinished_comparison_says_so(folder):
    (folder / "comparison.json").unlink()
    write_report(folder)
    assert "did not run to its end" in (folder / "report.html").read_text("utf-8")
    assert "did not run to its end" in (folder / "report.md").read_text("utf-8")


def test_what_the_differences_say_is_in_the_report(folder):
    comparison = read_comparison(folder).changed(verdict=("A follows <b>.",))
    assert "A follows &lt;b&gt;." in to_html(comparison)
    assert "A follows" in to_markdown(comparison)


def test_what_is_no_comparison_has_no_report(tmp_path):
    with pytest.raises(MissingError):
        write_report(tmp_path)
