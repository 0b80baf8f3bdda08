"""Reports: everything is in them, nothing leaves its place, and they stand alone."""

from __future__ import annotations

import base64
import csv
import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image

from studio.compare.record import Cell, Comparison, Recorder, read_comparison
from studio.compare.report import images as report_images
from studio.compare.report.about import About, read_about, write_about
from studio.compare.report.contact_sheet import sheet_png
from studio.compare.report.origin import Origin, Training, write_origin
from studio.compare.report.page import Beside, beside, to_html
from studio.compare.report.report import outlook, write_report
from studio.compare.report.texts import to_csv, to_markdown
from studio.core.errors import InputError, MissingError, StorageError
from studio.core.record import Failure
from tests import failpoint
from tests.compare.made import SETTINGS, column, make

HOSTILE = "<script>alert(1)</script> | \"x' & **y**"


class Page(HTMLParser):
    """Collects tags with their attributes, the visible text, and the numbers with what they are of."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "input"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, "every element is closed where it was opened"

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def page(comparison: Comparison, extra: Beside | None = None, budget: int = 10**9) -> Page:
    found = Page("".join(to_html(comparison, extra, budget)))
    assert found.open == []
    return found


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
            settings=SETTINGS,
        )
    )
    recorder.cell(0, 0, 1, "cells/c0 #1.png")
    recorder.note("A note with <b>markup</b>")
    recorder.finish(3.0, cancelled=False)
    return recorder.folder


@pytest.fixture
def small(tmp_path: Path) -> Comparison:
    """Two columns, two prompts, two seeds, with every image."""
    columns = [column("base", 0.0912345678), column("zibbo", 0.0212345678, 0.25)]
    return make(tmp_path / "small", columns, ["a cat", "a red\nfox"], [1, 2])


def test_the_page_stands_alone_and_shows_text_as_text(folder: Path) -> None:
    written = write_report(folder)
    assert [path.name for path in written] == ["report.html", "report.md", "report.csv"]
    source = written[0].read_text("utf-8")
    found = Page(source)
    assert not {tag for tag, _ in found.tags} & {"script", "link", "iframe", "b", "object"}
    assert "://" not in source and "url(" not in source
    assert HOSTILE in found.text and "A note with <b>markup</b>" in found.text
    assert "It is gone." in found.text
    assert found.all("img") == [] and "image not there any more" in found.text
    assert "not generated" in found.text
    assert "prefers-color-scheme: dark" in source and "@media print" in source


def test_images_are_inside_and_those_of_the_starter_lose_nothing(small: Comparison) -> None:
    images = page(small).all("img")
    assert len(images) == 8
    assert images[0]["alt"] == "base: a cat, seed 1"
    kind, _, data = (images[0]["src"] or "").partition(";base64,")
    assert kind == "data:image/webp"
    inside = Image.open(io.BytesIO(base64.b64decode(data)))
    original = Image.open(Path(small.folder) / "cells/c0-p0-s1.png")
    assert inside.convert("RGB").tobytes() == original.tobytes()
    assert "parameters" not in inside.info and not inside.getexif()


def test_numbers_are_those_of_the_record(small: Comparison) -> None:
    record = json.loads((Path(small.folder) / "comparison.json").read_text("utf-8"))
    expected = {
        (one["name"], key): value
        for one in record["columns"]
        for key, value in one["measures"].items()
        if value is not None
    } | {
        (one["name"], key): one[key]
        for one in record["columns"]
        for key in ("bytes", "seconds")
        if one.get(key)
    }
    shown = {
        (one["data-column"], one["data-measure"]): float(one["value"] or "nan")
        for one in page(small).all("data")
        if "data-column" in one
    }
    assert shown == expected


def test_a_page_stays_within_its_budget_and_says_so(tmp_path: Path) -> None:
    comparison = make(tmp_path / "large", [column("a"), column("b")], ["x", "y"], [1, 2], side=200)
    whole, cut = (report_images.images_of(comparison, budget) for budget in (10**8, 20_000))
    assert (whole.level.side, whole.note) == (None, "")
    assert cut.level.side and cut.level.side < 200 and "the comparison" in cut.note.lower()
    source = "".join(to_html(comparison, budget=20_000))
    assert len(source) < 20_000 * 1.5 + 40_000
    found = Page(source)
    assert cut.note in found.text
    assert {image["width"] for image in found.all("img")} == {str(cut.level.side)}


def test_many_images_are_folded_by_prompt(tmp_path: Path) -> None:
    prompts = [f"prompt {n}" for n in range(8)]
    comparison = make(tmp_path / "many", [column("a"), column("b")], prompts, [1, 2, 3, 4], side=8)
    found = page(comparison)
    folds = [one for one in found.all("details") if "open" in one or one == {}]
    assert [("open" in one) for one in folds if one].count(True) == 1
    assert all(prompt in found.text for prompt in prompts) and len(found.all("img")) == 64


def test_what_a_record_names_outside_of_its_folder_is_no_image(
    small: Comparison, tmp_path: Path
) -> None:
    inside = Path(small.folder) / "cells/c0-p0-s1.png"
    (tmp_path / "secret.png").write_bytes(inside.read_bytes())
    (Path(small.folder) / "cells/link.png").symlink_to(tmp_path / "secret.png")
    for file in (
        "../secret.png",
        str(tmp_path / "secret.png"),
        "cells/link.png",
        "cells",
        "\0",
        "x" * 5000,
    ):
        cell = Cell(column=0, prompt=0, seed=1, file=file)
        found = page(small.changed(cells=(cell,)))
        assert found.all("img") == [] and "not there any more" in found.text, file


def test_places_that_the_grid_does_not_have_are_passed_over(small: Comparison) -> None:
    strange = [Cell(column=c, prompt=p, seed=s, file="cells/c0-p0-s1.png")
               for c, p, s in ((7, 0, 1), (0, -1, 1), (0, 0, 99))]  # fmt: skip
    assert page(small.changed(cells=tuple(strange))).all("img") == []


def test_a_damaged_image_is_a_gap(small: Comparison) -> None:
    (Path(small.folder) / "cells/c1-p0-s1.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"x" * 99)
    assert len(page(small).all("img")) == 7


def test_question_and_notes_are_kept_beside_the_comparison(small: Comparison) -> None:
    before = (Path(small.folder) / "comparison.json").read_bytes()
    write_about(small.folder, f"  Which one?\n{HOSTILE} ", "line one\nline two")
    assert read_about(small.folder) == About(
        question=f"Which one?\n{HOSTILE}", notes="line one\nline two", version=1
    )
    found = page(small, beside(small))
    assert f"Which one?\n{HOSTILE}" in found.text and "line two" in found.text
    assert "Which one?" in to_markdown(small, read_about(small.folder))
    assert (Path(small.folder) / "comparison.json").read_bytes() == before
    with pytest.raises(InputError, match="500 characters"):
        write_about(small.folder, "x" * 501, "")
    (Path(small.folder) / "about.json").write_text("[1, {")
    assert read_about(small.folder) == About()


def test_settings_that_differ_between_the_trainings_are_named(small: Comparison) -> None:
    first = {"train.steps": 100, "options.rank": 4, "train.optimizer": "adamw", "data.flip": True}
    trainings = (
        Training(name="zibbo", columns=(0,), settings=first),
        Training(name=HOSTILE, columns=(1, 99), settings=first | {"train.steps": 300}),
    )
    labels = {"train.steps": "Train steps", "train.optimizer": "Optimizer"}
    versions = {"Concept Studio": "9.9", "torch": "2.99"}
    write_origin(small.folder, Origin(trainings=trainings, labels=labels, versions=versions))
    found = page(small, beside(small))
    text = " ".join(found.text.split())
    assert "Settings that differ" in text and "torch2.99" in text
    differing = text.partition("Settings that differ")[2].partition("Settings that all")[0]
    assert "Train steps100300" in differing and "Optimizer" not in differing
    assert HOSTILE in found.text and "options.rank4" in text
    assert (
        page(small, Beside(origin=Origin(trainings=trainings[:1]))).text.count("Settings of zibbo")
        == 1
    )
    (Path(small.folder) / "origin.json").write_text('{"trainings": 7, "versions": [1]}')
    assert beside(small).origin.trainings == ()


def test_every_measure_is_there_with_its_error_and_its_n(folder: Path) -> None:
    text = to_markdown(read_comparison(folder))
    line = next(line for line in text.splitlines() if line.startswith("| =cmd"))
    assert "**0.020 (0.010 … 0.030)** ◆" in line and text.count("◆ told apart") == 1
    assert "zibbo.safetensors × 0.75" in line
    assert "900 kB" in line and "1 min 15 s" in line
    assert "64 generated against 256 reference" in text
    cells = {
        len(line.replace("\\|", "").split("|")) for line in text.splitlines() if line[:1] == "|"
    }
    assert len(cells) == 1


def test_the_table_for_spreadsheets_has_raw_numbers_and_no_formulas(folder: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(to_csv(read_comparison(folder)))))
    assert [row["column"] for row in rows] == ["base", "'=cmd()", "gone"]
    assert float(rows[1]["kid"]) == 0.02 and float(rows[1]["kid_low"]) == pytest.approx(0.01)
    assert (rows[1]["images"], rows[1]["references"]) == ("64", "256")
    assert rows[1]["seconds"] == "75.0" and rows[2]["kid"] == ""


def test_a_report_of_an_unfinished_comparison_says_so(tmp_path: Path) -> None:
    make(tmp_path / "killed", [column("a"), column("b")], finished=False)
    with (tmp_path / "killed" / "progress.jsonl").open("ab") as log:
        log.write(b'{"kind": "cel')
    html, markdown, *_ = write_report(tmp_path / "killed")
    assert "did not run to its end" in html.read_text("utf-8")
    assert "did not run to its end" in markdown.read_text("utf-8")
    assert len(Page(html.read_text("utf-8")).all("img")) == 2


def test_odd_names_and_odd_numbers_are_no_obstacle(small: Comparison) -> None:
    odd = "\ud83d \u202e right to left \x00 日本語 \N{PILE OF POO}"
    strange = column(odd, float("nan"), float("inf"), seconds=-1.0, bytes=-5)
    comparison = small.changed(
        name=odd, columns=(strange, *small.columns[1:]), created=1e300, settings={"steps": [1]}
    )
    assert "日本語" in page(comparison).text
    assert "日本語" in to_markdown(comparison) and "日本語" in to_csv(comparison)
    assert sheet_png(comparison)


def test_a_full_disk_leaves_the_earlier_report(small: Comparison) -> None:
    first = [path.read_bytes() for path in write_report(small.folder)]
    write_about(small.folder, "Another question", "")

    def refuse(operation: str, path: Path) -> None:
        if operation == "fsync" and path.name == "sheet.png":
            raise OSError(28, "No space left on device")

    failpoint.reached = refuse
    try:
        with pytest.raises(StorageError) as error:
            write_report(small.folder)
    finally:
        failpoint.reached = None
    assert error.value.full
    assert (Path(small.folder) / "sheet.png").read_bytes() == first[3]
    assert "Another" in (Path(small.folder) / "report.html").read_text("utf-8")


def test_what_a_report_will_hold_is_known_before(small: Comparison) -> None:
    (Path(small.folder) / "cells/c1-p0-s1.png").unlink()
    found = outlook(small)
    assert (found.images, found.missing, found.columns, found.rows) == (7, 1, 2, 4)
    real = sum(len(piece.encode()) for piece in to_html(small))
    assert abs(found.bytes - real) < 40_000
    assert replace(found, note="").note == ""


def test_sticky_headings_know_their_columns(small: Comparison) -> None:
    source = "".join(to_html(small))
    assert re.search(r"<thead><tr><th></th><th scope=col>base</th><th scope=col>zibbo</th>", source)


def test_what_is_no_comparison_has_no_report(tmp_path: Path) -> None:
    with pytest.raises(MissingError):
        write_report(tmp_path)
