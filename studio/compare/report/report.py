"""A comparison as something to send to somebody: files written, each whole or not at all.

Owns: which files a report is, and what they will hold. Refuses to know: how each form reads.
Imports no torch.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from studio.compare.record import Comparison, read_comparison
from studio.compare.report.contact_sheet import SHEET_FILE, sheet_png
from studio.compare.report.images import images_of
from studio.compare.report.page import Beside, beside, to_html
from studio.compare.report.texts import to_csv, to_markdown
from studio.core import atomic

HTML_FILE, MARKDOWN_FILE, CSV_FILE = "report.html", "report.md", "report.csv"
REPORT_FILES = (HTML_FILE, MARKDOWN_FILE, CSV_FILE, SHEET_FILE)
_FRAME = 40_000
"""Bytes of a page without its images, about."""


@dataclass(frozen=True)
class Outlook:
    """What a report will hold."""

    images: int
    missing: int
    """Images that were generated and are not there any more, or cannot be read."""
    columns: int
    rows: int
    bytes: int
    """Of the page, about."""
    note: str
    """Why images are smaller in it than they were generated; empty when they are not."""


def write_report(
    folder: str | Path, extra: Beside | None = None, out: str | Path | None = None
) -> list[Path]:
    """Writes report.html, report.md, report.csv and sheet.png into `out` (without it: into the
    comparison's folder); returns them. Without any image there is no sheet.

    Raises MissingError when `folder` is no comparison, StorageError when the disk refuses; files
    that were there before are whole.
    """
    comparison = read_comparison(folder)
    extra = extra or beside(comparison)
    out = Path(folder if out is None else out)
    written = [
        write_pieces(out / HTML_FILE, to_html(comparison, extra)),
        atomic.write_text(out / MARKDOWN_FILE, to_markdown(comparison, extra.about)),
        atomic.write_text(out / CSV_FILE, to_csv(comparison)),
    ]
    sheet = sheet_png(comparison, extra.about.question)
    return written if sheet is None else [*written, atomic.write_bytes(out / SHEET_FILE, sheet)]


def write_pieces(path: Path, pieces: Iterable[str]) -> Path:
    """Writes a long text as it comes; the old file stays until the new one is whole."""

    def fill(temporary: Path) -> None:
        with open(temporary, "wb") as file:
            for piece in pieces:
                file.write(piece.encode("utf-8"))

    return atomic.write_with(path, fill)


def outlook(comparison: Comparison) -> Outlook:
    """What the report of a comparison will hold, found on a few of its images."""
    images = images_of(comparison)
    return Outlook(
        images=len(images.files),
        missing=len(images.recorded) - len(images.files),
        columns=len(comparison.columns),
        rows=len(comparison.prompts) * len(comparison.seeds),
        bytes=images.bytes + _FRAME,
        note=images.note,
    )
