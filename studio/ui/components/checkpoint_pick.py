"""Which checkpoint, at what strength: the form of the Compare tab that asks it, and the race while it runs.

Owns: the component and what its script may ask. Refuses to know: how a race is run and judged
(`studio.generation.selections`), how its result is shown (`checkpoint_curves`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gradio as gr

from studio.core.errors import InputError, StudioError
from studio.core.text import lines
from studio.settings.selection import MOST_RUNS, SelectionSettings
from studio.ui.components.image_grid import TrainingGlance
from studio.ui.components.references import named_reference, references
from studio.ui.live import Json, Page, Task, component, read

if TYPE_CHECKING:
    from studio.app import Studio

KIND = "checkpoints"
LISTED = 60
TEMPLATE = '<div class="ck-pick"></div>'
TEXTS = ("strengths", "prompts", "reference", "name")


def checkpoint_pick(studio: Studio, page: Page, opened: gr.HTML) -> gr.HTML:
    """The component; the comparison that a race becomes is opened by its script."""
    return CheckpointPick(studio, page).build()


class CheckpointPick:
    """What the form may ask."""

    def __init__(self, studio: Studio, page: Page) -> None:
        self.studio, self.page = studio, page
        self.glance = TrainingGlance(studio)

    def build(self) -> gr.HTML:
        return component(
            "checkpoint_pick",
            TEMPLATE,
            [self.choices, self.plan, self.start, self.status, self.interrupt],
            elem_id="cs-checkpoint-pick",
        )

    def choices(self, argument: Any) -> Json:
        """Runs with checkpoints, newest first, and folders of reference images."""
        found = []
        for state in self.studio.runs.all():
            try:
                saved = self.studio.generation.selections.saved(state.run)
            except StudioError:
                continue
            if saved:
                found.append(
                    {
                        "run": state.run, "name": state.name or state.run, "method": state.method,
                        "base": state.base, "state": state.state, "steps": saved,
                        "created": state.created_at,
                    }
                )  # fmt: skip
        return {
            "runs": found[:LISTED],
            "most": MOST_RUNS,
            "references": [list(one) for one in references(self.studio)[1:]],
            "settings": SelectionSettings().model_dump(),
        }

    def plan(self, argument: Any) -> Json:
        """What the form would compare, with what it left open filled in."""
        plan = self.studio.generation.selections.plan(self._settings(argument))
        steps = sum(len(run.steps) for run in plan.runs)
        return {
            "checkpoints": steps,
            "strengths": len(plan.settings.strengths),
            "candidates": plan.candidates,
            "full": plan.full,
            "each": plan.each,
            "of_base": plan.of_base,
            "prompts": len(plan.prompts),
            "texts": list(plan.prompts),
            "references": len(plan.references),
            "held_out": plan.held_out,
            "notes": list(plan.notes),
            "base": plan.base,
        }

    def start(self, argument: Any) -> str:
        """Begins the race in the background; what cannot be raced is refused before."""
        settings = self._settings(argument)
        plan = self.studio.generation.selections.plan(settings)

        def work(task: Task) -> Json:
            def started(identity: str) -> None:
                task.about["id"] = identity

            found = self.studio.generation.selections.select(
                settings, task.progress, task.cancelled.is_set, started
            )
            return {"id": found.id, "reason": found.reason}

        return self.page.tasks.start(KIND, work, name=plan.settings.name).id

    def status(self, argument: Any) -> Json:
        """The newest race, and the run that trains meanwhile."""
        task = self.page.tasks.latest(KIND)
        return {"task": task.view() if task else None, "training": self.glance.name()}

    def interrupt(self, argument: Any) -> None:
        """Cancels it; the images so far are kept."""
        task = self.page.tasks.latest(KIND)
        if task:
            task.cancelled.set()

    def _settings(self, argument: Any) -> SelectionSettings:
        runs, strengths, steps = read(argument, runs=list, strengths=list, checkpoints=list)
        prompts, reference, name = read(argument, prompts=str, reference=str, name=str)
        images, race = read(argument, images=int, race=bool)
        if not all(isinstance(run, str) for run in runs):
            raise InputError("The page sent no usable runs", remedy="Reload the page.")
        return SelectionSettings.parse(
            {
                "runs": [self.studio.runs.folder(run).name for run in runs[: MOST_RUNS + 1]],
                "strengths": strengths,
                "checkpoints": steps,
                "prompts": [line.strip() for line in lines(prompts) if line.strip()],
                "reference": str(named_reference(self.studio, reference)) if reference else "",
                "name": name.strip(),
                "images": images,
                "race": race,
            }
        )
