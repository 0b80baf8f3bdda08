"""Reports and archives of comparisons, by the comparisons' ids.

Owns: what belongs into a report beyond the comparison itself, and where the files go.
Refuses to know: how a report reads (`studio.compare`), pages.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from studio.compare.archive.export import archive_size, export, pieces
from studio.compare.archive.opening import Opened, open_archive
from studio.compare.record import Comparison
from studio.compare.report.about import About, read_about, write_about
from studio.compare.report.contact_sheet import sheet_png
from studio.compare.report.origin import Origin
from studio.compare.report.page import Beside, beside, to_html
from studio.compare.report.report import Outlook, outlook, write_report
from studio.compare.report.texts import to_csv, to_markdown
from studio.core.errors import MissingError
from studio.generation.comparisons import Comparisons
from studio.runs.folders import RunFolders


class Reports:
    """What leaves the workspace, and what comes into it from another one."""

    def __init__(self, comparisons: Comparisons, runs: RunFolders) -> None:
        self.comparisons, self.runs = comparisons, runs

    def outlook(self, identity: str) -> Outlook:
        """What the report will hold."""
        return outlook(self.comparisons.one(identity))

    def archive_size(self, identity: str) -> int:
        """Bytes of the archive, about."""
        return archive_size(self.comparisons.folder(identity))

    def about(self, identity: str) -> About:
        """The question and the notes that were written about a comparison."""
        return read_about(self.comparisons.folder(identity))

    def say(self, identity: str, question: str, notes: str) -> About:
        """Keeps them with it."""
        return write_about(self.comparisons.folder(identity), question, notes)

    def write(self, identity: str, out: str | Path | None = None) -> list[Path]:
        """Every form as files, in `out` or in the comparison's folder; see `write_report`."""
        comparison = self.comparisons.one(identity)
        return write_report(comparison.folder, self._beside(comparison), out)

    def html(self, identity: str) -> Iterator[str]:
        """The page, piece by piece; nothing is written."""
        comparison = self.comparisons.one(identity)
        return to_html(comparison, self._beside(comparison))

    def markdown(self, identity: str) -> str:
        """The table with what is needed to read it."""
        return to_markdown(self.comparisons.one(identity), self.about(identity))

    def csv(self, identity: str) -> str:
        """The numbers, for spreadsheets."""
        return to_csv(self.comparisons.one(identity))

    def data(self, identity: str) -> str:
        """The comparison as it is recorded, complete or as far as it came."""
        return json.dumps(self.comparisons.one(identity).as_json(), indent=2, ensure_ascii=False)

    def sheet(self, identity: str) -> bytes:
        """The contact sheet as PNG. MissingError when there is no image that can be read."""
        made = sheet_png(self.comparisons.one(identity), self.about(identity).question)
        if made is None:
            raise MissingError(
                "This comparison has no images", remedy="Its measures are in the report."
            )
        return made

    def archive(self, identity: str) -> Iterator[bytes]:
        """The comparison's folder as a zip, block by block; nothing is written."""
        return pieces(self.comparisons.folder(identity))

    def export(self, identity: str, target: str | Path) -> Path:
        """The same into a file."""
        return export(self.comparisons.folder(identity), target)

    def open_archive(self, file: str | Path) -> Opened:
        """Reads a zip of a comparison in, under a free id; nothing in it is believed."""
        return open_archive(file, self.comparisons.workspace.comparisons)

    def _beside(self, comparison: Comparison) -> Beside:
        """What lies beside it; how the files were trained is looked up where that was never noted."""
        found = beside(comparison)
        if found.origin != Origin():
            return found
        from studio.generation.origins import trainings_of

        stacks = [[file.path for file in one.stack if file.enabled] for one in comparison.columns]
        origin = trainings_of(stacks, self.comparisons.runtime.library, self.runs)
        return replace(found, origin=origin)
