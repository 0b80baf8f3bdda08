"""The images of a comparison, columns beside each other.

Owns: the component. Refuses to know: how a comparison is generated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import gradio as gr

from studio.ui.live import Page, component

if TYPE_CHECKING:
    from studio.app import Studio


def comparison_images(studio: Studio, page: Page) -> gr.HTML:
    """The component."""
    return component(
        "comparison_images", '<div class="cm-view"></div>', elem_id="cs-comparison-images"
    )
