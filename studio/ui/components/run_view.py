"""Training runs in the page: one run live, those that wait, and the list of all of them.

Owns: the component and what its script may ask. All it knows comes from run folders on disk, so
a reloaded page or a second browser shows the same. Refuses to know: forms, how training works.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from studio.core.errors import InputError, StudioError
from studio.core.names import printable
from studio.methods import METHODS
from studio.runs import history
from studio.runs.changes import suggestion
from studio.runs.records import Event, RunState, Sampled, Step, only
from studio.settings.training import RunConfig
from studio.ui.components.learnt_images import LearntOfRun
from studio.ui.form import Form, fields_of
from studio.ui.live import Json, Page, component, read

if TYPE_CHECKING:
    from studio.app import Studio

TEMPLATE = '<div class="cs-runs cs-stack"></div>'


def run_view(studio: Studio, page: Page) -> gr.HTML:
    """The component. Python opens a run with `gr.HTML(open_run=<id>)`."""
    return RunView(studio, page).build()


class RunView:
    """What the runs of the page may ask."""

    def __init__(self, studio: Studio, page: Page) -> None:
        self.studio = studio
        self.learnt = LearntOfRun(studio, page)

    def build(self) -> gr.HTML:
        return component(
            "run_view",
            TEMPLATE,
            [
                self.runs,
                self.view,
                self.command,
                self.resume,
                self.delete,
                self.reorder,
                self.policy,
                self.go_on,
                self.requeue,
                self.difference,
                self.use_checkpoint,
                *self.learnt.functions(),
            ],
            events=["clone"],
            elem_id="cs-runs",
            open_run="",
        )

    def runs(self, argument: Any) -> Json:
        """Every run, newest first, in the few facts a list needs; and the queue."""
        states = self.studio.runs.all()
        queue = asdict(self.studio.runs.queue(states))
        return {"runs": [state.as_listed().as_json() for state in states], "queue": queue}

    def view(self, argument: Any) -> Json:
        """What is new in a run since byte offset `since`; steps as [step, loss, rate]."""
        run, since = read(argument, run=str, since=int)
        found = self.studio.runs.view(run, max(0, since))
        others = [event for event in found.events if not isinstance(event, Step)]
        answer: Json = {
            "state": self._shown(found.state),
            "checkpoints": self._checkpoints(run),
            "steps": [[step.step, step.loss, step.lr] for step in only(found.events, Step)],
            "events": [_with_files(self.studio, run, event) for event in others],
            "next": found.next,
        }
        if since == 0 and found.config is not None:
            answer["config"] = found.config.model_dump()
            answer["dataset"] = Path(found.config.data.folder).name
        if found.config is not None:
            answer["suggestion"] = suggestion(found.state, found.config)
        return answer

    def command(self, argument: Any) -> bool:
        """pause, continue, stop, save or sample."""
        run, what = read(argument, run=str, command=str)
        self.studio.runs.command(run, what)
        return True

    def resume(self, argument: Any) -> str:
        """Continues with a run that ended; `accept` what changed in its dataset meanwhile. `changes`
        are settings by key with which it goes on, as texts, numbers or lists."""
        run, accept, values = read(argument, run=str, accept=bool, changes=dict)
        changes = [
            f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in values.items()
        ]
        return self.studio.runs.resume(run, accept_changes=accept, changes=changes)

    def delete(self, argument: Any) -> str:
        """Moves a run to the workspace's trash; says where."""
        (run,) = read(argument, run=str)
        return str(self.studio.runs.delete(run))

    def reorder(self, argument: Any) -> list[str]:
        """Moves a waiting run; place 0 is next."""
        run, place = read(argument, run=str, place=int)
        return self.studio.runs.reorder(run, place)

    def policy(self, argument: Any) -> bool:
        """Whether the queue goes on after a failure."""
        (value,) = read(argument, continue_on_error=bool)
        self.studio.runs.continue_on_error = value
        return bool(value)

    def go_on(self, argument: Any) -> bool:
        """Lets a queue that a failure holds go on."""
        self.studio.runs.go_on()
        return True

    def requeue(self, argument: Any) -> list[str]:
        """Puts back what waited when the program ended."""
        return self.studio.runs.requeue()

    def use_checkpoint(self, argument: Any) -> Json:
        """A run's checkpoint as a file of the library: its path, and the run's base."""
        run, step = read(argument, run=str, step=int)
        path = self.studio.generation.use_checkpoint(run, step)
        self.studio.library.index.again(path)
        return {"path": printable(path), "base": self.studio.runs.config(run).base}

    def _checkpoints(self, run: str) -> list[int]:
        """The steps whose checkpoints can become files."""
        try:
            return self.studio.generation.grids.steps(run)
        except StudioError:
            return []

    def _shown(self, state: RunState) -> Json:
        """The state with finished files as the page's other tabs name them, and their sizes."""
        files = [
            {"path": printable(path), "name": printable(path.name), "size": history.size_of(path)}
            for path in self.studio.runs.files(state)
        ]
        return {**state.as_json(), "files": files}

    def difference(self, argument: Any) -> Json:
        """How two runs differ: `names`, `settings` with labels, `validations`, `figures`."""
        (pair,) = read(argument, runs=list)
        if len(pair) != 2 or not all(isinstance(run, str) for run in pair):
            raise InputError("A difference is between two runs", remedy="Choose two.")
        configs = [self.studio.runs.config(run) for run in pair]
        views = [self.studio.runs.view(run) for run in pair]
        found, labels = history.difference(views), _labels(configs)
        return {
            "names": [view.state.name or run for view, run in zip(views, pair, strict=True)],
            "incomparable": [labels.get(key, key) for key in found.incomparable],
            "settings": [
                {"key": key, "label": labels.get(key, key), "values": values}
                for key, *values in found.settings
            ],
            "validations": [[point.as_json() for point in points] for points in found.validations],
            "figures": [asdict(figures) for figures in found.figures],
        }


def _labels(configs: list[RunConfig]) -> dict[str, str]:
    """The form's labels by key, with those of both runs' methods."""
    labels = {item.key: item.label for item in Form(RunConfig).fields}
    for config in configs:
        method = METHODS.get(config.method)
        if method is not None:
            labels |= {item.key: item.label for item in fields_of(method.Options, "options.")}
    return labels


def _with_files(studio: Studio, run: str, event: Event) -> Json:
    """A sample event with its images as full paths below the run's folder."""
    if not isinstance(event, Sampled):
        return event.as_json()
    images = []
    for name in event.images:
        try:
            images.append(str(studio.runs.file(run, name)))
        except (InputError, StudioError):
            images.append("")
    return {**event.as_json(), "images": images}
