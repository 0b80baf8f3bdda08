"""A contact sheet: images in one image, columns beside each other, with headings.

Owns: sizes, headings, the title, gaps. Refuses to know: what the headings mean, which letters a font
has (`sheet_font`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw

from studio.compare.sheet_font import font_for, wrapped
from studio.core.errors import StudioError
from studio.formats.image_write import without_alpha
from studio.formats.images import image_size, open_image

SMALLEST, MOST_PIXELS = 160, 40_000_000
MOST_SIDE = 8000
MOST_CELLS = 100
"""Columns or rows of a sheet: more would be too small to recognise anything, or too many pixels."""
GAP, LINES = 8, 5
SMALLEST_FONT, LARGEST_FONT = 14, 30
TITLE = 1.5
"""How many times larger the title is."""
GROUND, INK, MUTED, EMPTY = "white", "#1d2422", "#5c645f", "#eceeed"


@dataclass(frozen=True)
class Heading:
    """A heading over neighbouring columns, or beside neighbouring rows: what each of them is stands
    in `parts`, which may be empty texts."""

    text: str
    parts: tuple[str, ...] = ("",)


Images = Mapping[tuple[int, int], Path]
"""(column, row) → file, both counted through all parts of all headings."""


def sheet(
    columns: Sequence[Heading],
    rows: Sequence[Heading],
    images: Images,
    title: str,
    lines: Sequence[str] = (),
) -> Image.Image:
    """Draws `images` under `columns` and beside `rows`, below the title and further lines of text.

    Small images are enlarged by whole factors, so their pixels stay as they are; where they would
    make a sheet of more than `MOST_SIDE` pixels a side or `MOST_PIXELS` in all, they are smaller
    copies. What is not there, or cannot be read, stays a grey gap. Of more than `MOST_CELLS` columns
    or rows the first ones are drawn, and a line says so.
    """
    shown = _first(columns), _first(rows)
    (columns, _), (rows, _) = shown
    for what, (kept, all_of_them) in zip(("columns", "rows"), shown, strict=True):
        if (fitting := _parts(kept)) < all_of_them:
            lines = [*lines, f"The first {fitting} of {all_of_them:,} {what}."]
    across, down = _parts(columns), _parts(rows)
    images = {at: file for at, file in images.items() if at[0] < across and at[1] < down}
    plan = _Plan(columns, rows, images, title, lines)
    made = Image.new("RGB", plan.size, GROUND)
    pen = ImageDraw.Draw(made)
    plan.write(pen)
    for y in range(plan.down):
        for x in range(plan.across):
            place = plan.place(x, y)
            image = _read(images.get((x, y)))
            if image is None:
                far = (place[0] + plan.cell[0] - 1, place[1] + plan.cell[1] - 1)
                pen.rectangle((place, far), fill=EMPTY)
            else:
                made.paste(plan.fitted(image), place)
    return made


class _Plan:
    """Where everything stands."""

    def __init__(
        self,
        columns: Sequence[Heading],
        rows: Sequence[Heading],
        images: Images,
        title: str,
        lines: Sequence[str],
    ) -> None:
        self.columns, self.rows = columns, rows
        self.title, self.lines = title, [line for line in lines if line]
        self.across, self.down = _parts(columns), _parts(rows)
        natural = _natural(images)
        self.factor: float = max(1, -(-SMALLEST // max(natural)))
        texts = [title, *self.lines, *(h.text for h in (*columns, *rows))]
        self.font = font_for(texts, SMALLEST_FONT)
        for _ in range(8):  # headings depend on the cells' width, cells on what headings leave
            self._measure(natural, texts)
            if (fit := self._fit()) >= 1:
                break
            self.factor *= fit

    def _measure(self, natural: tuple[int, int], texts: Sequence[str]) -> None:
        self.cell = tuple(max(1, round(side * self.factor)) for side in natural)
        points = min(LARGEST_FONT, max(SMALLEST_FONT, self.cell[0] // 16))
        if points != round(self.font.size):
            self.font = font_for(texts, points)
        self.line = round(self.font.size * 1.3)
        self.small = self._longest(part for heading in self.rows for part in heading.parts)
        most = max(14 * self.font.size, min(self.cell[0], 24 * self.font.size))
        self.side = min(most, self._longest(heading.text for heading in self.rows))
        self.left = GAP + sum(round(width) + GAP for width in (self.side, self.small) if width)
        wide = [len(heading.parts) * (self.cell[0] + GAP) - GAP for heading in self.columns]
        self.heads = [
            wrapped(heading.text, width, self.font, LINES)
            for heading, width in zip(self.columns, wide, strict=True)
        ]
        self.labels = [
            wrapped(heading.text, round(self.side), self.font, self._room(heading))
            for heading in self.rows
        ]
        width = self.left + self.across * (self.cell[0] + GAP)
        self.top = self._under_title(max(width, 40 * SMALLEST_FONT))
        parted = any(part for heading in self.columns for part in heading.parts)
        named = any(heading.text for heading in self.columns)
        self.head = self.line * (named * max(map(len, self.heads), default=0) + parted)
        below = self.top + self.head + GAP
        self.tops: list[int] = []
        for number, heading in enumerate(self.rows):
            self.tops += [below + n * (self.cell[1] + GAP) for n in range(len(heading.parts))]
            below += self._height(number)
        self.size = (max(width, 40 * SMALLEST_FONT), below + GAP)

    def _height(self, row: int) -> int:
        """Pixels of the rows of a heading, with the gap below."""
        cells = len(self.rows[row].parts) * (self.cell[1] + GAP)
        return max(cells, len(self.labels[row]) * self.line + GAP)

    def _room(self, heading: Heading) -> int:
        """Lines that stand beside the images of a heading."""
        return max(1, (len(heading.parts) * (self.cell[1] + GAP) - GAP) // self.line)

    def _under_title(self, width: int) -> int:
        self.large = self.font.font_variant(size=round(self.font.size * TITLE))
        self.called = wrapped(self.title, width - 2 * GAP, self.large, 2) if self.title else []
        self.said: list[str] = []
        for line in self.lines:
            self.said += wrapped(line, width - 2 * GAP, self.font, 3)
        self.below = GAP + round(len(self.called) * self.line * TITLE)
        top = self.below + len(self.said) * self.line
        return top + (GAP if self.called or self.said else 0)

    def _fit(self) -> float:
        """By how much the cells must shrink; 1 when the sheet is not too large."""
        width, height = self.size
        cells = self.across * self.cell[0], self.down * self.cell[1]
        sides = [
            (MOST_SIDE - (total - part)) / part
            for total, part in zip(self.size, cells, strict=True)
            if total > MOST_SIDE
        ]
        if width * height > MOST_PIXELS:
            sides.append((MOST_PIXELS / (width * height)) ** 0.5)
        return max(0.01, min(sides, default=1.0))

    def _longest(self, texts: Iterable[str]) -> float:
        return max((self.font.getlength(text) for text in texts), default=0.0)

    def place(self, x: int, y: int) -> tuple[int, int]:
        """The upper left corner of a cell."""
        return self.left + x * (self.cell[0] + GAP), self.tops[y]

    def fitted(self, image: Image.Image) -> Image.Image:
        """An image at the size it has on the sheet."""
        size = tuple(max(1, round(side * self.factor)) for side in image.size)
        how = Image.Resampling.NEAREST if self.factor >= 1 else Image.Resampling.LANCZOS
        return image.resize((min(size[0], self.cell[0]), min(size[1], self.cell[1])), how)

    def write(self, pen: ImageDraw.ImageDraw) -> None:
        """Title, lines and headings."""
        high = round(self.line * TITLE)
        for number, line in enumerate(self.called):
            pen.text((GAP, GAP + number * high), line, INK, self.large)
        self._text(pen, (GAP, self.below), self.said, MUTED)
        x = 0
        for heading, lines in zip(self.columns, self.heads, strict=True):
            self._text(pen, (self.place(x, 0)[0], self.top), lines, INK)
            for part in heading.parts:
                below = self.top + self.head - self.line
                self._text(pen, (self.place(x, 0)[0], below), [part], MUTED)
                x += 1
        y = 0
        for heading, lines in zip(self.rows, self.labels, strict=True):
            self._text(pen, (GAP, self.place(0, y)[1]), lines, INK)
            for part in heading.parts:
                left = self.left - GAP - round(self.small)
                self._text(pen, (left, self.place(0, y)[1]), [part], MUTED)
                y += 1

    def _text(
        self, pen: ImageDraw.ImageDraw, place: tuple[int, int], lines: Sequence[str], ink: str
    ) -> None:
        for number, line in enumerate(lines):
            pen.text((place[0], place[1] + number * self.line), line, ink, self.font)


def _parts(headings: Sequence[Heading]) -> int:
    return sum(len(heading.parts) for heading in headings)


def _first(headings: Sequence[Heading]) -> tuple[list[Heading], int]:
    """The headings of the first `MOST_CELLS` columns or rows, and how many there are in all."""
    kept: list[Heading] = []
    for heading in headings:
        if room := heading.parts[: MOST_CELLS - _parts(kept)]:
            kept.append(Heading(heading.text, room))
    return kept, _parts(headings)


def _natural(images: Images) -> tuple[int, int]:
    """The largest width and height; a square where no image can be read."""
    sizes = []
    for path in images.values():
        try:
            sizes.append(image_size(path))
        except StudioError:
            continue
    side = SMALLEST
    return max((w for w, _ in sizes), default=side), max((h for _, h in sizes), default=side)


def _read(path: Path | None) -> Image.Image | None:
    try:
        return None if path is None else without_alpha(open_image(path))
    except (StudioError, OSError):
        return None
