"""Trigger words of the stack, offered beside the prompt.

Owns: the chips that appear when an adapter with a trigger word is on a stack and the prompt does
not have the word yet. Refuses to know: adapters; it hears words from the stack's script.
"""

from __future__ import annotations

import gradio as gr

from studio.ui.live import component


def prompt_words(target: str, prompt: str) -> gr.HTML:
    """The component; `prompt` is the element id of the text box that the words go into."""
    return component(
        "prompt_words",
        '<div class="pw-words" role="group" aria-label="Trigger words"></div>',
        target=target,
        prompt=prompt,
    )
