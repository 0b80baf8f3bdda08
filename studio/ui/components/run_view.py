"""Training runs in the page: one run live, and the list of all of them.

Owns: the component and what its script may ask. All it knows comes from run folders on disk, so
a reloaded page or a second browser shows the same. Refuses to know: forms, how training works.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from studio.errors import InputError, StudioError
from studio.methods import METHODS
from studio.ui.live import Json, Page, component, read

if TYPE_CHECKING:
    from studio.jobs import Studio

LISTED = (
    "run", "name", "method", "base", "state", "step", "steps", "seconds", "created_at",
    "started_at", "updated_at", "reason",
)  # fmt: skip
TEMPLATE = '<div class="cs-runs cs-stack"></div>'


def run_view(studio: Studio, page: Page) -> gr.HTML:
    """The component. Python opens a run with `gr.HTML(open_run=<id>)`."""

    def runs(argument: Any) -> list[Json]:
        """Every run, newest first, in the few facts a list needs."""
        return [{name: state.get(name) for name in LISTED} for state in studio.runs()]

    def view(argument: Any) -> Json:
        """What is new in a run since byte offset `since`; steps as [step, loss, rate]."""
        run, since = read(argument, run=str, since=int)
        found = studio.view(run, max(0, since))
        events = found["events"]
        steps = [[e.get("step"), e.get("loss"), e.get("lr")] for e in events if _is_step(e)]
        answer: Json = {
            "state": _shown(found["state"]),
            "steps": steps,
            "events": [_with_files(studio, run, e) for e in events if not _is_step(e)],
            "next": found["next"],
        }
        if since == 0:
            config = found["config"]
            answer["config"] = config
            answer["dataset"] = Path(str(config["data"]["folder"])).name
        return answer

    def command(argument: Any) -> bool:
        """pause, continue, stop, save or sample."""
        run, what = read(argument, run=str, command=str)
        studio.command(run, what)
        return True

    def resume(argument: Any) -> str:
        """Goes on with a run that ended before its last step."""
        (run,) = read(argument, run=str)
        return studio.resume(run)

    def delete(argument: Any) -> str:
        """Moves a run to the workspace's trash; says where."""
        (run,) = read(argument, run=str)
        return str(studio.delete_run(run))

    return component(
        "run_view",
        TEMPLATE,
        [runs, view, command, resume, delete],
        scripts=["icons", "loss_plot", "sample_grid", "run_parts"],
        elem_id="cs-runs",
        open_run="",
        methods={name: method.title for name, method in METHODS.items()},
    )


def _is_step(event: Json) -> bool:
    return event.get("kind") == "step"


def _shown(state: Json) -> Json:
    """The state with finished files as the page's other tabs name them, and their sizes."""
    files = []
    for name in state.get("files") or []:
        path = Path(str(name))
        size = path.stat().st_size if path.is_file() else None
        files.append({"path": str(path), "name": path.name, "size": size})
    return {**state, "files": files}


def _with_files(studio: Studio, run: str, event: Json) -> Json:
    """A sample event with its pictures as full paths below the run's folder."""
    if event.get("kind") != "sample":
        return event
    pictures = []
    for name in event.get("pictures", []):
        try:
            pictures.append(str(studio.run_file(run, str(name))))
        except (InputError, StudioError):
            pictures.append("")
    return {**event, "pictures": pictures}
