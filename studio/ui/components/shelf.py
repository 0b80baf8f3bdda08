"""The shelf: every adapter in the library, searchable, to be added to a stack or dragged there.

Owns: the component and the one question its script asks. Refuses to know: what a stack does with
an adapter. Only headers are read, by the library, which remembers them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gradio as gr

from studio.ui.components.stack import base_facts, card
from studio.ui.live import Json, Page, component, read

if TYPE_CHECKING:
    from studio.jobs import Studio

SKELETON = """
<div class="cs-card">
  <div class="st-bar">
    <h3 class="cs-card-title">Library</h3><span class="cs-muted cs-small sh-count"></span>
    <span class="cs-spacer"></span>
    <label class="sh-fits cs-small cs-muted">fits this base
      <button type="button" role="switch" aria-checked="true" class="cs-switch" aria-label="Only adapters that work with this base"></button></label>
    <span class="sh-refresh"></span>
  </div>
  <input type="search" class="cs-input sh-search" placeholder="Search name, kind, trigger word" aria-label="Search the library">
  <ul class="sh-list" aria-label="Adapters in the library"></ul>
  <div class="sh-empty cs-muted cs-small" hidden></div>
</div>
"""


def adapter_shelf(studio: Studio, page: Page, target: str, base: str) -> gr.HTML:
    """The component; `target` names the stack that its Add buttons serve."""

    def library(argument: Any) -> list[Json]:
        (base,) = read(argument, base=str)
        fit = base_facts(studio, base)
        return [card(page, info, fit=fit) for info in studio.adapters()]

    return component(
        "shelf",
        SKELETON,
        [library],
        scripts=["icons"],
        elem_id=f"cs-shelf-{target}",
        target=target,
        base=base,
    )
