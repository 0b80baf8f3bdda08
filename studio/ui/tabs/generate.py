"""The Generate tab."""

from __future__ import annotations

from typing import TYPE_CHECKING

import gradio as gr

if TYPE_CHECKING:
    from studio.jobs import Studio
    from studio.ui.live import Page


def build(studio: Studio, page: Page) -> None:
    """Adds the tab's contents."""
    gr.HTML(
        '<div class="cs-empty"><p class="cs-empty-title">Generate</p><p>Nothing here yet.</p></div>'
    )
