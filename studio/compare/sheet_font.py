"""The letters on a contact sheet: a font that has them, and lines that fit.

Owns: which font is taken, wrapping and cutting. The font that comes with the imaging library has
Latin letters only; for texts with others one of the system's fonts is looked for, and where none has
them, they show as boxes. Refuses to know: sheets.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from PIL import ImageFont
from PIL.ImageFont import FreeTypeFont

from studio.core.errors import UnavailableError

# Fonts with many scripts, as systems bring them.
_SYSTEM_FONTS = (
    "NotoSansCJK-Regular.ttc", "NotoSans-Regular.ttf", "DejaVuSans.ttf", "Arial Unicode.ttf",
    "arialuni.ttf", "msgothic.ttc", "msyh.ttc", "PingFang.ttc", "LiberationSans-Regular.ttf", "arial.ttf",
)  # fmt: skip
_NO_LETTER = "\U0010ffff"


def font_for(texts: Iterable[str], size: float) -> FreeTypeFont:
    """The font of this size that lacks the fewest letters of `texts`. UnavailableError without any."""
    font = ImageFont.load_default(size)
    if not isinstance(font, FreeTypeFont):
        raise UnavailableError(
            "Headings cannot be written",
            why="The imaging library of this environment was built without fonts (FreeType).",
            remedy="Start the studio with its own environment: python studio.py.",
            safe="The images are kept.",
        )
    letters = {letter for text in texts for letter in text if not letter.isspace()}
    strange = [letter for letter in sorted(letters) if letter > "\x7f"][:400]
    lacking = _lacking(font, strange)
    if not lacking:
        return font
    best = (len(lacking), font)
    for name in _SYSTEM_FONTS:
        try:
            other = ImageFont.truetype(name, round(size))
        except OSError:
            continue
        best = min(best, (len(_lacking(other, strange)), other), key=lambda pair: pair[0])
    return best[1]


def wrapped(text: str, width: int, font: FreeTypeFont, most: int) -> list[str]:
    """Lines of at most `width` pixels, at most `most` of them; what is cut ends in “…”."""
    lines = [""]
    for word in text.split() or [""]:
        longer = f"{lines[-1]} {word}".strip()
        if font.getlength(longer) <= width:
            lines[-1] = longer
        else:
            lines += _broken(word, width, font)
    lines = [line for line in lines if line] or [""]
    cut = lines[:most]
    if len(lines) > most:
        cut[-1] = shortened(f"{cut[-1]}…", width, font)
    return cut


def shortened(line: str, width: int, font: FreeTypeFont) -> str:
    """A line that fits, with “…” where something was cut off."""
    if font.getlength(line) <= width:
        return line
    line = line.removesuffix("…")
    while line and font.getlength(f"{line}…") > width:
        line = line[:-1]
    return f"{line}…"


def _broken(word: str, width: int, font: FreeTypeFont) -> Sequence[str]:
    """A word that is wider than a line, in pieces."""
    pieces = [""]
    for letter in word[:400]:
        if pieces[-1] and font.getlength(pieces[-1] + letter) > width:
            pieces.append("")
        pieces[-1] += letter
    return pieces


def _lacking(font: FreeTypeFont, letters: Sequence[str]) -> list[str]:
    box = bytes(font.getmask(_NO_LETTER))
    return [letter for letter in letters if bytes(font.getmask(letter)) == box]
