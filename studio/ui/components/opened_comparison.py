"""The comparison that is open: its run while it is generated, its name, and the tabs of its parts.

Owns: the component, what its script may ask, and a comparison as the page gets it. Refuses to know:
what the parts show (each is a component of its own, and follows `scripts/compare/opened.js`), how a
comparison is set up. A comparison is named by its folder's name; nothing else can be asked for.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from studio.compare.record import Comparison
from studio.compare.remembered import NOT_THERE, stamp_of
from studio.compare.selection.record import SELECTION_FILE
from studio.core.errors import MissingError, StudioError
from studio.core.paths import entries, is_file
from studio.ui.components.image_grid import TrainingGlance
from studio.ui.live import Json, Page, Task, component, read

if TYPE_CHECKING:
    from studio.app import Studio

KIND = "compare"

SKELETON = """
<div class="cm">
  <div class="cm-run"></div>
  <div class="cs-empty cm-empty" hidden>
    <p class="cs-empty-title">Which method, which checkpoint, at what strength?</p>
    <p>A comparison generates the same prompts with the same noise for every column, and measures each
    of them against reference images.</p>
    <button type="button" class="cs-button cs-primary cm-quick">Compare my last run with the base</button>
  </div>
  <div class="cm-what"></div>
  <div class="cm-tabs" hidden></div>
</div>
"""


def opened_comparison(studio: Studio, page: Page, parts: Sequence[tuple[str, str]]) -> gr.HTML:
    """The component, to be rendered by the tab; `parts` are (name, title) of what is mounted.

    Events: `compare` (start), `quick` (the last run against the base), `again` (data: `{"id"}`).
    """

    glance = TrainingGlance(studio)

    def status(argument: Any) -> Json:
        identity, stamp = read(argument, id=str, stamp=str)
        task = page.tasks.latest(KIND)
        running = task is not None and task.state == "running"
        return {
            "task": task.view() if task else None,
            "training": glance.name(),
            "began": begun(studio, task) if task and running else "",
            "changed": changed(studio, identity, stamp) if identity else None,
        }

    def interrupt(argument: Any) -> None:
        task = page.tasks.latest(KIND)
        if task:
            task.cancelled.set()

    def newest(argument: Any) -> str:
        (wanted,) = read(argument, wanted=str)
        names = [folder.name for folder in folders(studio)]
        return wanted if wanted in names else next(iter(names), "")

    def open(argument: Any) -> Json:
        (identity,) = read(argument, id=str)
        return one(studio, identity)

    return component(
        "comparison",
        SKELETON,
        [status, interrupt, newest, open],
        events=["compare", "quick", "again"],
        elem_id="cs-comparison",
        started="",
        refused="",
        parts=[list(part) for part in parts],
        render=False,
    )


def as_page(comparison: Comparison, stamp: str = "") -> Json:
    """A comparison as the page gets it: with the folder that its images lie in, the stamp that tells
    whether it has changed, and every list, also where its file has none."""
    lists = {key: getattr(comparison, key) for key in ("cells", "notes", "differences", "verdict")}
    there = {"reference": comparison.reference.as_json(), "settings": {}, **lists}
    return there | comparison.as_json() | {"folder": comparison.folder, "stamp": stamp}


def one(studio: Studio, identity: str) -> Json:
    """A comparison by its id, with the parts that have nothing to show of it. The stamp is taken
    first: what comes later makes another one."""
    folder = studio.generation.comparisons.folder(identity)
    stamp = stamp_of(folder)
    comparison = studio.generation.comparisons.one(identity)
    page = as_page(comparison, stamp) | {"runs": run_names(studio, comparison)}
    return {**page, "without": [] if is_file(folder / SELECTION_FILE) else ["curves"]}


def run_names(studio: Studio, comparison: Comparison) -> dict[str, str]:
    """The names of the runs that its columns are of, by their ids; of those that are still there."""
    found = {}
    for run in dict.fromkeys(column.run for column in comparison.columns if column.run):
        with contextlib.suppress(StudioError):
            found[run] = studio.runs.state(run).name
    return found


def changed(studio: Studio, identity: str, stamp: str) -> Json | None:
    """A comparison that is not what it was at `stamp`; None when it is, or when it is gone."""
    try:
        folder = studio.generation.comparisons.folder(identity)
        return None if stamp_of(folder) == stamp else one(studio, identity)
    except MissingError:
        return None


def folders(studio: Studio) -> list[Path]:
    """The folders of comparisons, newest first."""
    return sorted(
        (
            folder
            for folder in entries(studio.workspace.comparisons)
            if not folder.name.startswith(".") and stamp_of(folder) != NOT_THERE
        ),
        reverse=True,
    )


def begun(studio: Studio, task: Task) -> str:
    """The id of the comparison that a task generates; empty while it has not begun."""
    identity = str(task.about.get("comparison", ""))
    there = identity and stamp_of(studio.workspace.comparisons / identity) != NOT_THERE
    return identity if there else ""
