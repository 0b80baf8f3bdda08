"""The measures of a comparison: what they say in sentences, and a table of every column.

Owns: the component. Refuses to know: what is measured and how (`studio.compare`); all of it is in the
comparison that is open.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gradio as gr

from studio.ui.live import Page, component, read

if TYPE_CHECKING:
    from studio.app import Studio


def comparison_measures(studio: Studio, page: Page) -> gr.HTML:
    """The component."""

    def measure_again(argument: Any) -> None:
        (identity,) = read(argument, id=str)
        studio.generation.comparisons.measure_again(identity)

    return component(
        "comparison_measures",
        '<div class="mt"></div>',
        [measure_again],
        elem_id="cs-comparison-measures",
    )
