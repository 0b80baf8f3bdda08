"""Training runs in the page: one run live, those that wait, and the list of all of them.

Owns: the component and what its script may ask. All it knows comes from run folders on disk, so
a reloaded page or a second browser shows the same. Refuses to know: forms, how training works.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from studio.core.errors import InputError, StudioError
from studio.core.names import path_of, printable
from studio.methods import METHODS
from studio.runs import history
from studio.settings.training import RunConfig
from studio.ui.form import Form, fields_of
from studio.ui.live import Json, Page, component, read

if TYPE_CHECKING:
    from studio.app import Studio

LISTED = (
    "run", "name", "method", "base", "state", "step", "steps", "seconds", "created_at",
    "started_at", "updated_at", "reason",
)  # fmt: skip
TEMPLATE = '<div class="cs-runs cs-stack"></div>'


def run_view(studio: Studio, page: Page) -> gr.HTML:
    """The component. Python opens a run with `gr.HTML(open_run=<id>)`."""

    def runs(argument: Any) -> Json:
        """Every run, newest first, in the few facts a list needs; and the queue."""
        states = studio.runs.all()
        listed = [{name: state.get(name) for name in LISTED} for state in states]
        return {"runs": listed, "queue": studio.runs.queue(states)}

    def view(argument: Any) -> Json:
        """What is new in a run since byte offset `since`; steps as [step, loss, rate]."""
        run, since = read(argument, run=str, since=int)
        found = studio.runs.view(run, max(0, since))
        events = found["events"]
        steps = [[e.get("step"), e.get("loss"), e.get("lr")] for e in events if _is_step(e)]
        answer: Json = {
            "state": _shown(found["state"]),
            "steps": steps,
            "events": [_with_files(studio, run, e) for e in events if not _is_step(e)],
            "next": found["next"],
        }
        config = found["config"]
        if since == 0 and config is not None:
            answer["config"] = config
            answer["dataset"] = Path(str(config["data"]["folder"])).name
        return answer

    def command(argument: Any) -> bool:
        """pause, continue, stop, save or sample."""
        run, what = read(argument, run=str, command=str)
        studio.runs.command(run, what)
        return True

    def resume(argument: Any) -> str:
        """Goes on with a run that ended before its last step; `accept` what changed meanwhile."""
        run, accept = read(argument, run=str, accept=bool)
        return studio.runs.resume(run, accept_changes=accept)

    def delete(argument: Any) -> str:
        """Moves a run to the workspace's trash; says where."""
        (run,) = read(argument, run=str)
        return str(studio.runs.delete(run))

    def reorder(argument: Any) -> list[str]:
        """Moves a waiting run; place 0 is next."""
        run, place = read(argument, run=str, place=int)
        return studio.runs.reorder(run, place)

    def policy(argument: Any) -> bool:
        """Whether the queue goes on after a failure."""
        (value,) = read(argument, continue_on_error=bool)
        studio.runs.continue_on_error = value
        return bool(value)

    def go_on(argument: Any) -> bool:
        """Lets a queue that a failure holds go on."""
        studio.runs.go_on()
        return True

    def requeue(argument: Any) -> list[str]:
        """Puts back what waited when the program ended."""
        return studio.runs.requeue()

    def difference(argument: Any) -> Json:
        """How two runs differ: `names`, `settings` with labels, `probes`, `figures`."""
        (pair,) = read(argument, runs=list)
        if len(pair) != 2 or not all(isinstance(run, str) for run in pair):
            raise InputError("A difference is between two runs", remedy="Choose two.")
        views = [
            studio.runs.view(run) | {"config": studio.runs.config(run).model_dump()} for run in pair
        ]
        found, labels = history.difference(views), _labels(views)
        return found | {
            "names": [
                view["state"].get("name") or run for view, run in zip(views, pair, strict=True)
            ],
            "incomparable": [labels.get(key, key) for key in found["incomparable"]],
            "settings": [
                {"key": key, "label": labels.get(key, key), "values": values}
                for key, *values in found["settings"]
            ],
        }

    return component(
        "run_view",
        TEMPLATE,
        [runs, view, command, resume, delete, reorder, policy, go_on, requeue, difference],
        events=["clone"],
        elem_id="cs-runs",
        open_run="",
    )


def _labels(views: list[Json]) -> dict[str, str]:
    """The form's labels by key, with those of both runs' methods."""
    labels = {item.key: item.label for item in Form(RunConfig).fields}
    for view in views:
        method = METHODS.get(view["config"]["method"])
        if method is not None:
            labels |= {item.key: item.label for item in fields_of(method.Options, "options.")}
    return labels


def _is_step(event: Json) -> bool:
    return event.get("kind") == "step"


def _shown(state: Json) -> Json:
    """The state with finished files as the page's other tabs name them, and their sizes."""
    files = []
    for name in state.get("files") or []:
        path = path_of(str(name))
        files.append(
            {"path": printable(path), "name": printable(path.name), "size": history.size_of(path)}
        )
    return {**state, "files": files}


def _with_files(studio: Studio, run: str, event: Json) -> Json:
    """A sample event with its pictures as full paths below the run's folder."""
    if event.get("kind") != "sample":
        return event
    pictures = []
    for name in event.get("pictures", []):
        try:
            pictures.append(str(studio.runs.file(run, str(name))))
        except (InputError, StudioError):
            pictures.append("")
    return {**event, "pictures": pictures}
