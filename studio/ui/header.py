"""The line at the top: name, what the machine is doing, the run going on, light or dark.

Owns: the header and the readiness answer it polls. Refuses to know: the tabs below it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import gradio as gr

from studio.core.counts import counted
from studio.core.errors import MissingError
from studio.ui.live import Json, Page, component, read

if TYPE_CHECKING:
    from studio.app import Studio

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
  <button type="button" class="cs-button cs-quiet cs-run-now" hidden></button>
  <span class="cs-spacer"></span>
  %s
  <button type="button" class="cs-button cs-quiet cs-icon cs-bell" role="switch" aria-checked="false"
    aria-label="Notify me when a run ends" hidden><svg width="17" height="17" viewBox="0 0 24 24"
    fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round"
    aria-hidden="true"><path d="M6 10a6 6 0 0 1 12 0c0 5 2 6 2 7H4c0-1 2-2 2-7zM10 20.5h4"/></svg></button>
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

    def readiness(argument: Any) -> Json:
        """What the machine is doing, in one line; the first question tells that the page is up.

        `run` is the run going on; `ended` the one that the page names, once it has ended.
        """
        page.painted.set()
        (followed,) = read(argument, run=str)
        runs = {"run": going_on(page.studio), "ended": ended(page.studio, followed)}
        if page.problem:
            return {"state": "no", "text": page.problem, **runs}
        line = device()
        if not page.studio.ready.is_set():
            return {"state": "loading", "text": f"{_machine()} · {line}", **runs}
        return {"state": "yes" if line.endswith("idle") else "busy", "text": line, **runs}

    template = TEMPLATE % (SIGN_OUT if page.login else "")
    return component("header", template, [readiness], elem_id="cs-header")


def going_on(studio: Studio) -> Json | None:
    """The run that this studio works on now."""
    states = (studio.runs.state(run) for run in studio.runs.active())
    state = next((state for state in states if state.active and state.state != "queued"), None)
    if state is None:
        return None
    told = {"eta": state.eta, "preparing": state.preparing, "doing": state.doing}
    return {**state.as_listed().as_json(), **told}


def ended(studio: Studio, run: str) -> Json | None:
    """A run that has ended; None while it goes on, and when there is none of that name."""
    if not run:
        return None
    try:
        state = studio.runs.state(run)
    except MissingError:
        return None
    return state.as_listed().as_json() if state.ended else None


def _machine() -> str:
    cores = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    return counted(cores, "CPU core")
