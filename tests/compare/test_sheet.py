"""Contact sheets: every image at its place, within limits, with headings that can be read."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFont

from studio.compare import sheet as sheets
from studio.compare.record import Cell
from studio.compare.report.contact_sheet import parameters, sheet_png
from studio.compare.sheet import MOST_PIXELS, MOST_SIDE, Heading, sheet
from studio.compare.sheet_font import font_for, wrapped
from studio.formats.image_write import save_png
from tests.compare.made import column, make


def test_a_sheet_shows_every_image_at_its_place(tmp_path: Path) -> None:
    red, blue = (
        save_png(tmp_path / f"{name}.png", Image.new("RGB", (32, 16), name))
        for name in ("red", "blue")
    )
    heads = [Heading("one"), Heading("a heading of many words " * 9)]
    made = sheet(heads, [Heading(""), Heading("")], {(0, 0): red, (1, 1): blue}, "t")
    colours = np.asarray(made)
    places = {name: np.argwhere((colours == value).all(axis=2)) for name, value in
              (("red", (255, 0, 0)), ("blue", (0, 0, 255)))}  # fmt: skip
    sizes = {name: tuple(place.max(0) - place.min(0) + 1) for name, place in places.items()}
    assert sizes == {"red": (80, 160), "blue": (80, 160)}, "enlarged by a whole factor"
    assert (places["red"].max(0) < places["blue"].min(0)).all()


def test_lines_fit_and_what_is_cut_says_so() -> None:
    font = ImageFont.load_default(14)
    assert isinstance(font, ImageFont.FreeTypeFont)
    lines = wrapped("a heading of many words " * 9, 160, font, 4)
    assert len(lines) == 4 and lines[-1].endswith("…")
    long = wrapped("x" * 90, 160, font, 9)
    assert "".join(long) == "x" * 90
    assert all(font.getlength(line) <= 160 for line in [*lines, *long])


@pytest.mark.parametrize(
    ("across", "down", "side"), [(5, 5, 1500), (2, 90, 512), (90, 2, 512), (120, 120, 8)]
)
def test_a_sheet_stays_handy(tmp_path: Path, across: int, down: int, side: int) -> None:
    image = save_png(tmp_path / "l.png", Image.new("RGB", (side, side), "red"))
    heads = [Heading(f"column {n}") for n in range(across)]
    rows = [Heading(f"a rather long prompt, number {n}") for n in range(down)]
    made = sheet(heads, rows, {(1, 1): image, (across - 1, down - 1): image}, "title")
    assert max(made.size) <= MOST_SIDE and made.width * made.height <= MOST_PIXELS * 1.02
    reds = (np.asarray(made.reduce(4)) == (255, 0, 0)).all(axis=2).sum()
    assert reds > 100, "an image can still be recognised"


def test_letters_of_other_scripts_are_looked_for() -> None:
    plain, other = font_for(["latin"], 14), font_for(["привет κόσμε"], 14)
    boxes = [bytes(plain.getmask(letter)) for letter in "\U0010ffffж"]
    if bytes(other.getmask("ж")) == boxes[0]:
        pytest.skip("no font of this system has Cyrillic letters")
    assert bytes(other.getmask("ж")) != bytes(other.getmask("\U0010ffff"))


def opened(data: bytes | None) -> Image.Image:
    assert data is not None
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def test_a_comparison_s_sheet_names_it_and_shows_all_seeds(tmp_path: Path) -> None:
    stack = [{"path": "/x/zibbo.safetensors", "strength": 0.5, "enabled": True}]
    columns = [column("base"), column("half", stack=stack)]
    made = make(tmp_path / "c", columns, ["a cat", "a fox, red"], [1, 2], name="cats: a, b")
    image = opened(sheet_png(made, "Which one?"))
    text = image.info["parameters"]
    assert text == parameters(made)
    assert text.split("\n")[:2] == ["a cat", "a fox, red"]
    assert 'Comparison: "cats: a, b"' in text and "half: zibbo.safetensors × 0.5" in text
    assert 'Seeds: "1, 2"' in text and "Steps: 20".replace("Steps", "Sampling steps") in text
    grey = (np.asarray(image) == (236, 238, 237)).all(axis=2).sum()
    assert grey == 0 and image.width > 400


def test_many_seeds_stand_beside_each_other(tmp_path: Path) -> None:
    prompts = [f"prompt number {n}" for n in range(6)]
    made = make(tmp_path / "c", [column("a"), column("b")], prompts, [1, 2, 3, 4], side=16)
    image = opened(sheet_png(made))
    assert image.width > image.height, "eight images beside each other, six below"


def test_gaps_and_damaged_images_stay_empty(tmp_path: Path) -> None:
    made = make(tmp_path / "c", [column("a"), column("b")], ["x"], [1, 2])
    (tmp_path / "c/cells/c0-p0-s1.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    (tmp_path / "c/cells/c1-p0-s2.png").unlink()
    image = opened(sheet_png(made))
    grey = (np.asarray(image) == (236, 238, 237)).all(axis=2).sum()
    assert grey == 2 * 160 * 160
    assert sheet_png(made.changed(cells=())) is None
    cell = Cell(column=0, prompt=0, seed=1, file="../c0.png")
    assert sheet_png(made.changed(cells=(cell,))) is None


def test_of_far_too_many_rows_some_seeds_are_left_out_and_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sheets, "MOST_CELLS", 8)
    monkeypatch.setattr("studio.compare.report.contact_sheet.MOST_CELLS", 8)
    made = make(tmp_path / "c", [column("a"), column("b")], ["x", "y", "z"], [1, 2, 3, 4], side=8)
    lines: list[str] = []

    def noting(*given: Any) -> Image.Image:
        lines.extend(given[4])
        return sheet(*given)

    monkeypatch.setattr("studio.compare.report.contact_sheet.sheet", noting)
    assert max(opened(sheet_png(made)).size) <= MOST_SIDE
    assert "The first 2 of 4 seeds." in lines
