"""Tags in the prompt become cards on the stack when images are asked for.

Owns: what the page shows of that. Refuses to know: how tags are written and which files they mean
(`studio.library.prompt_tags`).
"""

from __future__ import annotations

import html
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from studio.library import prompt_tags
from studio.settings.lanes import LanesSettings

if TYPE_CHECKING:
    from studio.app import Studio


def tags_moved(studio: Studio, settings: LanesSettings) -> tuple[LanesSettings, Any, Any]:
    """(settings without tags, what the prompt's box becomes, what the lanes become)."""
    notes = prompt_tags.notes(settings)
    settings, moved = prompt_tags.lanes_with_tags(settings, studio.library)
    if notes:
        gr.Warning(html.escape(" ".join(notes)[:500]))
    if not moved:
        return settings, gr.skip(), gr.skip()
    names = ", ".join(f"{Path(item.path).stem} × {item.strength:g}" for item in moved)
    gr.Info(f"From the prompt onto the stack: {html.escape(names[:300])}")
    return settings, settings.common.prompt, [lane.model_dump() for lane in settings.lanes]
