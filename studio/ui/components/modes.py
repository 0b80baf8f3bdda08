"""The switch at the top of a tab: which of its modes is shown.

Owns: the component. Refuses to know: what the modes show. Everything it switches is inside of one
element of the class `cs-modes`, whose `data-mode` says the choice; a style sheet hides the others.
With one mode alone there is nothing to switch, and nothing is shown.
"""

from __future__ import annotations

from collections.abc import Sequence

import gradio as gr

from studio.ui.live import component


def mode_switch(area: str, modes: Sequence[tuple[str, str]]) -> gr.HTML:
    """The component; `area` names the tab, `modes` are (name, title), the usual one first."""
    return component(
        "modes",
        '<div class="gm"></div>',
        elem_id=f"cs-{area}-modes",
        area=area,
        modes=[list(mode) for mode in modes],
    )
