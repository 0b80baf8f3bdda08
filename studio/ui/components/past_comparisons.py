"""The comparisons that were made here or came as a zip, as a list to open them from.

Owns: the component and what its script may ask. Refuses to know: how one is shown.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import gradio as gr

from studio.ui.live import Json, Page, component, read

if TYPE_CHECKING:
    from studio.app import Studio

SKELETON = """
<div class="cm">
  <div class="cs-card cm-past">
    <h3 class="cs-card-title">Past comparisons</h3>
    <ul class="cm-list"></ul>
  </div>
</div>
"""


def past_comparisons(studio: Studio, page: Page) -> gr.HTML:
    """The component; opening one is the affair of `opened_comparison`."""

    def past(argument: Any) -> list[Json]:
        return [asdict(one) for one in studio.generation.comparisons.listed()]

    def remove(argument: Any) -> None:
        (identity,) = read(argument, id=str)
        studio.generation.comparisons.delete(identity)

    def open_zip(argument: Any) -> Json:
        (path,) = read(argument, path=str)
        file = page.uploaded(path)
        try:
            return asdict(studio.generation.reports.open_archive(file))
        finally:
            file.unlink(missing_ok=True)

    return component(
        "past_comparisons", SKELETON, [past, remove, open_zip], elem_id="cs-past-comparisons"
    )
