"""A choice among checkpoints, opened: its curves, who is out and why, and the recommendation.

Owns: the component, and writing the chosen checkpoint. Refuses to know: the rule (`studio.compare`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gradio as gr

from studio.compare.selection.record import Chosen
from studio.core.errors import MissingError
from studio.core.names import printable
from studio.ui.live import Json, Page, component, read

if TYPE_CHECKING:
    from studio.app import Studio

TEMPLATE = '<div class="ck"></div>'


def checkpoint_curves(studio: Studio, page: Page) -> gr.HTML:
    """The component."""

    def selection(argument: Any) -> Json | None:
        """The record of a comparison; None when it is no choice among checkpoints."""
        (identity,) = read(argument, id=str)
        try:
            return studio.generation.selections.one(identity).as_json() | {"id": identity}
        except MissingError:
            return None

    def write(argument: Any) -> Json:
        """One candidate becomes the file of its run."""
        identity, run, step, strength, scaled = read(
            argument, id=str, run=str, step=int, strength=float, with_strength=bool
        )
        choice = Chosen(run=run, step=step, strength=strength)
        made = studio.generation.selections.write(identity, choice, with_strength=scaled)
        return {
            "said": made.said,
            "path": printable(made.files[0]),
            "base": studio.runs.config(run).base,
        }

    return component(
        "checkpoint_curves", TEMPLATE, [selection, write], elem_id="cs-checkpoint-curves"
    )
