"""A grid of images along up to three axes, in the Generate tab: its form, the cells as they come.

Owns: the component, what its script may ask, and starting a grid with the tab's settings and stack.
Refuses to know: what an axis does (`studio.settings.grid`), how cells are generated (`studio.generation.grids`).
A grid is named by its folder's name; nothing else can be asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, get_args

import gradio as gr

from studio.compare.grid_record import Grid
from studio.core.errors import InputError, MissingError, SettingsError
from studio.core.text import parse_json
from studio.library.entries import names
from studio.settings import grid
from studio.settings.grid import GridSettings
from studio.settings.training import GenerateSettings, Sampler
from studio.ui.components.image_grid import TrainingGlance
from studio.ui.components.mask_brush import with_mask
from studio.ui.components.stack import lanes_of
from studio.ui.form import Form
from studio.ui.live import Json, Page, Task, component, handler, read, refused

if TYPE_CHECKING:
    from studio.app import Studio

KIND = "grid"
HINTS: dict[grid.AxisKind, str] = {
    "strength": "0, 0.5, 1",
    "adapter": "one file per line, FILE:STRENGTH for another strength, none for no file",
    "checkpoint": "steps of the run",
    "prompt": "one prompt per line",
    "replace": "what is searched, then what replaces it: cat, dog, fox",
    "seed": "1, 2, 3",
    "sampler": "Euler, DDIM",
    "guidance": "2, 4, 7",
    "steps": "10, 20, 40",
}

SKELETON = """
<div class="cs-card ax">
  <h3 class="cs-card-title">Grid</h3>
  <p class="cs-muted cs-small">Vary strengths, files, prompts, seeds … and see all of it at once</p>
  <div class="ax-form">
    <div class="ax-axes"></div>
    <label class="ax-lane cs-small" hidden>Files and prompt of <select class="cs-input"></select></label>
    <label class="ax-baseline cs-small"><button type="button" role="switch" aria-checked="false" class="cs-switch"
      aria-label="Also generate with the base alone"></button> Also generate with the base alone, without any file</label>
  </div>
  <div class="ax-run"></div>
  <div class="cs-empty ax-empty" hidden>
    <p class="cs-empty-title">No grid yet</p>
    <p>Choose what varies along the columns, and rows if you like. Everything else is taken from the
    settings and the stack beside it: the same seed and the same noise in every cell.</p>
  </div>
  <div class="ax-view"></div>
  <div class="ax-past" hidden><h4 class="cs-small cs-muted">Earlier grids</h4><ul class="ax-list"></ul></div>
</div>
"""


def axes_grid(studio: Studio, page: Page, form: Form, texts: Sequence[Any]) -> gr.HTML:
    """The component; `texts` are the tab's base, prompt, negative prompt, lanes, start image and mask."""
    return AxesGrid(studio, page, form).build(texts)


class AxesGrid:
    """What the grid of the Generate tab may ask, and starting one."""

    def __init__(self, studio: Studio, page: Page, form: Form) -> None:
        self.studio, self.page, self.form = studio, page, form
        self.glance = TrainingGlance(studio)

    def build(self, texts: Sequence[Any]) -> gr.HTML:
        grid = component(
            "axes_grid",
            SKELETON,
            [
                self.grid_status,
                self.grid_interrupt,
                self.grid_choices,
                self.grid_past,
                self.grid_open,
                self.grid_remove,
                self.grid_resume,
            ],
            events=["grid"],
            elem_id="cs-axes",
            started="",
            refused="",
        )
        asking = grid.grid(
            self.start, [*texts, *self.form.inputs], grid, trigger_mode="once", show_progress="hidden",
            api_visibility="private",
        )  # fmt: skip
        asking.failure(refused, None, grid, queue=False, show_progress="hidden",
                       api_visibility="private")  # fmt: skip
        return grid

    def grid_status(self, argument: Any) -> Json:
        (known,) = read(argument, known=int)
        task = self.page.tasks.latest(KIND)
        view = task.view() if task else None
        grid = so_far(self.studio, task, known) if task and task.state == "running" else None
        return {"task": view, "training": self.glance.name(), "grid": grid}

    def grid_interrupt(self, argument: Any) -> None:
        task = self.page.tasks.latest(KIND)
        if task:
            task.cancelled.set()

    def grid_choices(self, argument: Any) -> Json:
        return choices(self.studio)

    def grid_past(self, argument: Any) -> list[Json]:
        return [summary(grid) for grid in self.studio.generation.grids.all()]

    def grid_open(self, argument: Any) -> Json:
        (identity,) = read(argument, id=str)
        return self.studio.generation.grids.one(identity).as_shown()

    def grid_remove(self, argument: Any) -> None:
        (identity,) = read(argument, id=str)
        self.studio.generation.grids.delete(identity)

    def grid_resume(self, argument: Any) -> None:
        (identity,) = read(argument, id=str)
        self.studio.generation.grids.folder(identity)
        self.page.tasks.start(
            KIND, lambda task: _resumed(self.studio, identity, task), grid=identity
        )

    @handler
    def start(
        self,
        event: gr.EventData, base: str, prompt: str, negative: str, lanes: Any, image: Any,
        mask: Any, *rest: Any,
    ) -> Any:  # fmt: skip
        text, place = read(event._data, json=str, lane=int)
        known = lanes_of(self.studio, lanes)
        if not 0 <= place < len(known):
            raise InputError("The grid's lane is gone", remedy="Choose another one and try again.")
        lane = known[place]
        values = self.form.values(list(rest)) | {
            "base": base,
            "prompt": lane.prompt or prompt or "",
            "negative_prompt": negative or "",
            "stack": [item.model_dump() for item in lane.stack],
            "image": image or "",
        }
        values = with_mask(self.studio, values, mask)
        try:
            generation = GenerateSettings.parse(values)
        except SettingsError as error:
            raise self.form.named(error) from None
        settings = grid_settings(generation, text)
        task = self.page.tasks.start(
            KIND, lambda task: _generated(self.studio, settings, task), grid=""
        )
        return gr.HTML(started=task.id)


def grid_settings(generation: GenerateSettings, text: str) -> GridSettings:
    """The tab's settings and what the component's form says, as JSON text. SettingsError."""
    try:
        form = parse_json(text)
        written = {side: form.get(side) for side in grid.SIDES}
        sides = {
            side: grid.read(str(axis["kind"]), str(axis["values"]), str(axis.get("of") or ""))
            for side, axis in written.items()
            if axis
        }
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError("The page sent an unreadable grid", remedy="Reload the page.") from error
    if "x" not in sides:
        raise SettingsError("Nothing varies along the columns", remedy="Choose what does.")
    if not generation.prompt.strip() and "prompt" not in {axis.kind for axis in sides.values()}:
        raise SettingsError("There is no prompt", remedy="Write what to generate.")
    return GridSettings(
        name=" × ".join(grid.TITLES[axis.kind].lower() for axis in sides.values()),
        generation=generation,
        x=sides["x"],
        y=sides.get("y"),
        pages=sides.get("pages"),
        baseline=form.get("baseline") is True,
    )


def choices(studio: Studio) -> Json:
    """What the form offers: kinds of axes, samplers, files, and runs with their checkpoints."""
    return {
        "kinds": [
            {"kind": kind, "title": title, "hint": HINTS[kind]}
            for kind, title in grid.TITLES.items()
        ],
        "samplers": list(get_args(Sampler)),
        "adapters": names(e for e in studio.library.entries.all() if not e.info.problem),
        "runs": [
            {"run": run.run, "name": run.name or run.run, "steps": steps}
            for run in studio.runs.all()
            if (steps := studio.generation.grids.steps(run.run))
        ],
    }


def so_far(studio: Studio, task: Task, known: int) -> Json | None:
    """The grid that is being generated; None when the page knows all `known` images already."""
    try:
        grid = studio.generation.grids.one(task.about["grid"])
    except MissingError:
        return None
    there = sum(1 for cell in grid.cells if cell.there or cell.error)
    return grid.as_shown() if there != known else None


def summary(grid: Grid) -> Json:
    """A grid as the list shows it."""
    return {
        "id": grid.id, "name": grid.name, "created": grid.created, "base": grid.base,
        "done": sum(cell.there for cell in grid.cells), "cells": len(grid.cells),
        "complete": grid.complete,
    }  # fmt: skip


def _generated(studio: Studio, settings: GridSettings, task: Task) -> Json:
    def started(identity: str) -> None:
        task.about = {"grid": identity}

    grid = studio.generation.grids.generate(settings, task.progress, task.cancelled.is_set, started)
    return {"id": grid.id, "seconds": grid.seconds}


def _resumed(studio: Studio, identity: str, task: Task) -> Json:
    grid = studio.generation.grids.resume(identity, task.progress, task.cancelled.is_set)
    return {"id": grid.id, "seconds": grid.seconds}
