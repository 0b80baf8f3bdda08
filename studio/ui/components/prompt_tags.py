"""Tags in the prompt become cards on the stack when pictures are asked for.

Owns: what the page shows of that. Refuses to know: how tags are written and which files they mean
(`studio.jobs`).
"""

from __future__ import annotations

import html
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from studio.config import GenerateSettings

if TYPE_CHECKING:
    from studio.jobs import Studio


def tags_moved(studio: Studio, settings: GenerateSettings) -> tuple[GenerateSettings, Any, Any]:
    """(settings without tags, what the prompt's box becomes, what the stack becomes)."""
    settings, moved = studio.tagged(settings)
    if not moved:
        return settings, gr.skip(), gr.skip()
    names = ", ".join(f"{Path(item.path).stem} × {item.strength:g}" for item in moved)
    gr.Info(f"From the prompt onto the stack: {html.escape(names[:300])}")
    return settings, settings.prompt, [item.model_dump() for item in settings.stack]
