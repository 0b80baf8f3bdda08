"""The line at the top: name, what the machine is doing, light or dark.

Owns: the header and the readiness answer it polls. Refuses to know: the tabs below it.
"""

from __future__ import annotations

import os
from typing import Any

import gradio as gr

from studio.ui.live import Page, component

TEMPLATE = """<header class="cs-header">
  <svg class="cs-mark" viewBox="0 0 32 32" aria-hidden="true">
    <path d="M3 21.5L16 28l13-6.5" fill="none" stroke="var(--cs-accent)" opacity=".4"
      stroke-width="2.6" stroke-linecap="round" stroke-linejoin="round"/>
    <path d="M3 16l13 6.5L29 16" fill="none" stroke="var(--cs-accent)" opacity=".7"
      stroke-width="2.6" stroke-linecap="round" stroke-linejoin="round"/>
    <path d="M16 3l13 7-13 6.5L3 10z" fill="var(--cs-accent)" stroke="var(--cs-accent)"
      stroke-width="2" stroke-linejoin="round"/>
  </svg>
  <h1 class="cs-name">Concept Studio</h1>
  <span class="cs-ready" role="status"><span class="cs-dot" data-ready="loading"></span><span
    class="cs-ready-text">connecting…</span></span>
  <span class="cs-spacer"></span>
  %s
  <button type="button" class="cs-button cs-quiet cs-icon cs-theme" aria-label="Light or dark"
    title="Light or dark"><svg width="17" height="17" viewBox="0 0 24 24" fill="none"
    stroke="currentColor" stroke-width="2" aria-hidden="true"><circle cx="12" cy="12" r="8.5"/>
    <path d="M12 3.5a8.5 8.5 0 0 1 0 17z" fill="currentColor"/></svg></button>
</header>"""
SIGN_OUT = """<form class="cs-sign-out" method="post" action="logout"
  ><button class="cs-button cs-quiet">Sign out</button></form>"""


def build(page: Page) -> gr.HTML:
    """Adds the header to the page."""

    def device() -> str:
        """What computes and what it does now."""
        from studio.core.device import device_facts

        if not page.studio.ready.is_set():
            return "loading the engine …"
        facts = device_facts()
        return f"{facts.get('name', 'CPU')} · {page.studio.runtime.lock.holder or 'idle'}"

    def readiness(argument: Any) -> dict[str, str]:
        """What the machine is doing, in one line; the first question tells that the page is up."""
        page.painted.set()
        if page.problem:
            return {"state": "no", "text": page.problem}
        line = device()
        if not page.studio.ready.is_set():
            return {"state": "loading", "text": f"{_machine()} · {line}"}
        return {"state": "yes" if line.endswith("idle") else "busy", "text": line}

    template = TEMPLATE % (SIGN_OUT if page.login else "")
    return component("header", template, [readiness], elem_id="cs-header")


def _machine() -> str:
    cores = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    return f"{cores} CPU core{'s' if cores != 1 else ''}"
