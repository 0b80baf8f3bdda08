"""A comparison on the page: live while it is generated, then grid, side by side, reports, past ones.

Owns: the component and what its script may ask. Refuses to know: how one is set up (the tab),
generated and measured (`studio.compare`). A comparison is named by its folder's name; nothing else can be asked for.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from studio.compare.record import Comparison, read_comparison
from studio.core.errors import InputError, MissingError
from studio.core.paths import entries
from studio.ui.components.image_grid import TrainingGlance
from studio.ui.live import Json, Page, Task, component, read

if TYPE_CHECKING:
    from studio.app import Studio

KIND = "compare"

SKELETON = """
<div class="cm">
  <div class="cm-run"></div>
  <div class="cs-empty cm-empty" hidden>
    <p class="cs-empty-title">See which one is better</p>
    <p>A comparison generates the same prompts with the same noise for every column, and measures each
    of them against reference images.</p>
    <button type="button" class="cs-button cs-primary cm-quick">Compare my last run with the base</button>
  </div>
  <div class="cm-view"></div>
  <div class="cs-card cm-past" hidden>
    <h3 class="cs-card-title">Past comparisons</h3>
    <ul class="cm-list"></ul>
  </div>
</div>
"""


def compare_grid(studio: Studio, page: Page) -> gr.HTML:
    """The component. Events: `compare` (start), `quick` (the last run against the base)."""

    glance = TrainingGlance(studio)

    def status(argument: Any) -> Json:
        task = page.tasks.latest(KIND)
        view = task.view() if task else None
        partial = so_far(studio, task) if task and task.state == "running" else None
        return {"task": view, "training": glance.name(), "partial": partial}

    def interrupt(argument: Any) -> None:
        task = page.tasks.latest(KIND)
        if task:
            task.cancelled.set()

    def past(argument: Any) -> list[Json]:
        return [summary(comparison) for comparison in studio.generation.comparisons.all()]

    def open(argument: Any) -> Json:
        (identity,) = read(argument, id=str)
        return as_page(studio.generation.comparisons.one(identity))

    def remove(argument: Any) -> None:
        (identity,) = read(argument, id=str)
        studio.generation.comparisons.delete(identity)

    def report(argument: Any) -> Json:
        identity, style = read(argument, id=str, format=str)
        return {"path": str(written_report(studio, identity, style))}

    return component(
        "comparison",
        SKELETON,
        [status, interrupt, past, open, remove, report],
        events=["compare", "quick", "again"],
        elem_id="cs-comparison",
        started="",
        refused="",
    )


def as_page(comparison: Comparison) -> Json:
    """A comparison as the page gets it: with the folder that its images lie in."""
    return {**comparison.as_json(), "folder": comparison.folder}


def summary(comparison: Comparison) -> Json:
    """A comparison as the list shows it."""
    return {
        "id": comparison.id,
        "name": comparison.name,
        "created": comparison.created,
        "columns": [column.name for column in comparison.columns],
        "prompts": len(comparison.prompts),
        "seeds": len(comparison.seeds),
    }


def so_far(studio: Studio, task: Task) -> Json | None:
    """What the running comparison has generated until now."""
    folders = sorted(entries(studio.workspace.comparisons), reverse=True)
    for folder in folders[:1]:
        try:
            found = read_comparison(folder)
        except MissingError:
            return None
        if not found.complete and (found.created or 0) >= task.started - 1:
            return as_page(found)
    return None


def written_report(studio: Studio, identity: str, style: str) -> Path:
    """Writes the reports of a comparison beside it; returns the one that was asked for."""
    from studio.compare.report import write_report

    endings = {"html": ".html", "csv": ".csv", "markdown": ".md"}
    if style not in endings:
        raise InputError("There is no such kind of report", remedy="Choose HTML, CSV or Markdown.")
    files = write_report(Path(studio.generation.comparisons.one(identity).folder))
    return next(file for file in files if file.suffix == endings[style])
