"""Beside the prompt: how many tokens it has, prompts used before, wildcards to insert.

Owns: the component, and what its script may ask. Refuses to know: tokens, how a prompt is read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gradio as gr

from studio.core.errors import StudioError
from studio.ui.live import Json, component, read

if TYPE_CHECKING:
    from studio.app import Studio

SKELETON = """
<div class="pt">
  <span class="pt-count cs-number cs-small cs-muted" role="status"></span>
  <span class="cs-spacer"></span>
  <span class="pt-buttons"></span>
</div>
"""


def prompt_tools(studio: Studio, base: str, prompt: str, negative: str) -> gr.HTML:
    """The component; `prompt` and `negative` are element ids of the text boxes."""

    def prompt_tokens(argument: Any) -> Json:
        base, *texts = read(argument, base=str, prompt=str, negative=str)
        if not studio.ready.is_set():  # counting needs the engine, which is still being loaded
            return {"counts": None}
        return {"counts": [counted(studio, base, text) for text in texts]}

    def prompts_before(argument: Any) -> list[Json]:
        return [
            {"prompt": prompt, "negative": negative}
            for prompt, negative in studio.library.prompts.all()
        ]

    def forget_prompt(argument: Any) -> None:
        studio.library.prompts.remove(*read(argument, prompt=str, negative=str))

    def wildcards(argument: Any) -> list[str]:
        return list(studio.library.wildcards.files())

    return component(
        "prompt_tools",
        SKELETON,
        [prompt_tokens, prompts_before, forget_prompt, wildcards],
        elem_id="cs-prompt-tools",
        base=base,
        prompt=prompt,
        negative=negative,
    )


def counted(studio: Studio, base: str, text: str) -> Json:
    """The tokens of one prompt; a prompt or base that cannot be counted says why."""
    try:
        found = studio.generation.token_count(base, text)
    except StudioError as error:
        return {"problem": error.what}
    return {"tokens": found.tokens, "room": found.room, "varies": found.varies}
