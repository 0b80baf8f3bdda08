"""The Compare tab: which method, which checkpoint, at what strength.

Owns: which modes the form has, which parts an opened comparison has, and where they are on the page.
Refuses to know: what any of them does. Each is a component of its own with a module in
`static/scripts/compare/`:

- a mode is a form beside the result: a function `(studio, page, opened)` that adds its contents.
  What it starts it shows itself; a comparison that it begins is opened by its script with
  `openComparison(id)` of `scripts/compare/opened.js`;
- a part shows the comparison that is open: a function `(studio, page)` that returns its component.
  Its script follows `opened.js`: `follow(element, "vote", show)`.

A name has a line in `compare.css` too, which hides it while another one is chosen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import gradio as gr

from studio.ui.components.checkpoint_curves import checkpoint_curves
from studio.ui.components.checkpoint_pick import checkpoint_pick
from studio.ui.components.column_form import column_form
from studio.ui.components.comparison_images import comparison_images
from studio.ui.components.comparison_measures import comparison_measures
from studio.ui.components.comparison_report import comparison_report
from studio.ui.components.modes import mode_switch
from studio.ui.components.opened_comparison import opened_comparison
from studio.ui.components.past_comparisons import past_comparisons
from studio.ui.components.shootout_form import shootout_form
from studio.ui.components.vote import vote
from studio.ui.live import Page

if TYPE_CHECKING:
    from studio.app import Studio

MODES = (
    ("columns", "Columns", column_form),
    ("shootout", "Shootout", shootout_form),
    ("checkpoints", "Checkpoints", checkpoint_pick),
)
PARTS = (
    ("images", "Images", comparison_images),
    ("measures", "Measures", comparison_measures),
    ("curves", "Curves", checkpoint_curves),
    ("vote", "Vote", vote),
    ("report", "Report", comparison_report),
)


def build(studio: Studio, page: Page) -> None:
    """Adds the tab's contents."""
    opened = opened_comparison(studio, page, [(name, title) for name, title, _ in PARTS])
    with gr.Row(elem_classes=["cs-split", "cmp-layout", "cs-modes"]):
        with gr.Column(elem_classes=["cs-form"]):
            mode_switch("compare", [(name, title) for name, title, _ in MODES])
            for name, _, mode in MODES:
                with gr.Column(elem_classes=["cs-form", f"cmp-mode-{name}"]):
                    mode(studio, page, opened)
        with gr.Column(elem_classes=["cs-form", "cmp-opened"]):
            opened.render()
            for name, _, part in PARTS:
                with gr.Column(elem_classes=[f"cmp-part-{name}"]):
                    part(studio, page)
            past_comparisons(studio, page)
