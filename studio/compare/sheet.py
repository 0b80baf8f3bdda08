"""A contact sheet: the images of one page of a grid in one image, with headings.

Owns: sizes, headings, the page's title. Refuses to know: what the headings mean.
Text is drawn with the letters that come with the imaging library: Latin ones; others show as boxes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont
from PIL.ImageFont import FreeTypeFont

from studio.core.errors import UnavailableError
from studio.formats.images import open_image

SMALLEST, MOST_PIXELS = 160, 40_000_000
GAP, LINES = 8, 4
GROUND, INK, MUTED = "white", "#1d2422", "#646b66"


def sheet(
    columns: Sequence[str],
    rows: Sequence[str],
    images: Mapping[tuple[int, int], Path],
    title: str,
) -> Image.Image:
    """Draws `images` ((column, row) → file) under `columns` and beside `rows`; gaps stay empty.

    Small images are enlarged by whole factors, so their pixels stay as they are; a sheet of more
    than `MOST_PIXELS` is made of smaller copies. At least one image is needed.
    """
    sizes = [open_image(path).size for path in images.values()]
    width, height = max(w for w, _ in sizes), max(h for _, h in sizes)
    factor: float = max(1, -(-SMALLEST // max(width, height)))
    whole = width * height * factor**2 * len(columns) * len(rows)
    if whole > MOST_PIXELS:
        factor *= (MOST_PIXELS / whole) ** 0.5
    cell = (max(1, round(width * factor)), max(1, round(height * factor)))
    font = _font(max(13, cell[0] // 18))
    pen = ImageDraw.Draw(Image.new("RGB", (1, 1)))
    line = round(font.size * 1.3)
    side = min(cell[0], max((round(pen.textlength(text, font)) for text in rows), default=0)) + GAP
    heads = [wrapped(text, cell[0], font) for text in columns]
    labels = [wrapped(text, side - GAP, font) for text in rows]
    left = side + GAP if any(rows) else GAP
    head = line * max(len(lines) for lines in heads) + GAP if any(columns) else 0
    top = head + GAP + (line + GAP if title else 0)
    size = (left + len(columns) * (cell[0] + GAP), top + len(rows) * (cell[1] + GAP))
    made = Image.new("RGB", size, GROUND)
    pen = ImageDraw.Draw(made)
    if title:
        pen.text((GAP, GAP), wrapped(title, size[0] - 2 * GAP, font)[0], INK, font)
    for x, lines in enumerate(heads):
        place = (left + x * (cell[0] + GAP), top - head)
        pen.multiline_text(place, "\n".join(lines), INK, font, spacing=line - font.size)
    for y, lines in enumerate(labels):
        pen.multiline_text(
            (GAP, top + y * (cell[1] + GAP)),
            "\n".join(lines),
            MUTED,
            font,
            spacing=line - font.size,
        )
    for (x, y), path in images.items():
        image = open_image(path).convert("RGB")
        grown = (round(image.width * factor), round(image.height * factor))
        how = Image.Resampling.NEAREST if factor >= 1 else Image.Resampling.LANCZOS
        place = (left + x * (cell[0] + GAP), top + y * (cell[1] + GAP))
        made.paste(image.resize(grown, how), place)
    return made


def wrapped(text: str, width: int, font: FreeTypeFont) -> list[str]:
    """Lines of at most `width` pixels, at most `LINES` of them; what is cut ends in “…”."""
    lines = [""]
    for word in text.split() or [""]:
        longer = f"{lines[-1]} {word}".strip()
        if font.getlength(longer) <= width or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    cut = [_cut(line, width, font) for line in lines[:LINES]]
    if len(lines) > LINES:
        cut[-1] = _cut(f"{cut[-1].removesuffix('…')}…", width, font)
    return cut


def _font(size: int) -> FreeTypeFont:
    font = ImageFont.load_default(size)
    if not isinstance(font, FreeTypeFont):
        raise UnavailableError(
            "Headings cannot be written",
            why="The imaging library of this environment was built without fonts (FreeType).",
            remedy="Start the studio with its own environment: python studio.py.",
            safe="The images of the grid are kept.",
        )
    return font


def _cut(line: str, width: int, font: FreeTypeFont) -> str:
    if font.getlength(line) <= width:
        return line
    while line and font.getlength(f"{line}…") > width:
        line = line[:-1]
    return f"{line}…"
