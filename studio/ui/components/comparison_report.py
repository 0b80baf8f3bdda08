"""What of a comparison can be sent to somebody: the question it is to answer, report, sheet, data, zip.

Owns: the component, and what its script may ask. Refuses to know: how a report reads, and how it is
sent (`ui.comparison_files`).
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import gradio as gr

from studio.compare.report.about import LONGEST_NOTES, LONGEST_QUESTION, About
from studio.ui.live import Json, Page, component, read

if TYPE_CHECKING:
    from studio.app import Studio


def comparison_report(studio: Studio, page: Page) -> gr.HTML:
    """The component."""
    reports = studio.generation.reports

    def outlook(argument: Any) -> Json:
        (identity,) = read(argument, id=str)
        found = reports.outlook(identity)
        return {
            **asdict(found),
            "archive": reports.archive_size(identity),
            "said": said(reports.about(identity)),
        }

    def say(argument: Any) -> Json:
        identity, question, notes = read(argument, id=str, question=str, notes=str)
        return said(reports.say(identity, question, notes))

    return component(
        "comparison_report",
        '<div class="rp"></div>',
        [outlook, say],
        elem_id="cs-comparison-report",
        longest={"question": LONGEST_QUESTION, "notes": LONGEST_NOTES},
    )


def said(about: About) -> Json:
    """What was written about a comparison, as the page's fields hold it."""
    return {"question": about.question, "notes": about.notes}
