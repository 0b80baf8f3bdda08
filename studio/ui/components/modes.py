"""The switch at the top of the Generate tab: images, a grid, or the gallery.

Owns: the component. Refuses to know: what these show; `prompts.css` hides the others.
"""

from __future__ import annotations

import gradio as gr

from studio.ui.live import component


def mode_switch() -> gr.HTML:
    """The component; everything it switches is in the same column of the class `gen-modes`."""
    return component("modes", '<div class="gm"></div>', elem_id="cs-generate-modes")
