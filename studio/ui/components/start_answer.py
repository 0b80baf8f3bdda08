"""What Start answers, beside its button: why nothing was started, or that a run waits or has begun.

Owns: the component and its value `{"errors", "about", "run", "before", "token"}`. Its script also
says on the button whether another run would wait. Refuses to know: forms, the queue.
"""

from __future__ import annotations

import time

import gradio as gr

from studio.runs.findings import Preflight
from studio.ui.live import Json, component


def start_answer() -> gr.HTML:
    """The component; put it below the row of the Start button."""
    template = '<div class="cs-start-answer" aria-live="polite"></div>'
    return component("start_answer", template, value={}, elem_id="cs-start-answer")


def answer(*, error: Preflight | None = None, run: str = "", before: int = 0) -> Json:
    """A value of the component; `before` runs are before `run` in the queue."""
    found = error or Preflight()
    told = {"errors": found.errors, "about": found.about}
    return {**told, "run": run, "before": before, "token": str(time.time())}
