"""Generated images: run bar, the newest batch, earlier ones, the large view.

Owns: the component, the list of images in `outputs/`, and what is written in an image.
Refuses to know: the settings form, the stack, how an image is generated.
An image is named by its place below `outputs/`; nothing else can be asked for.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from studio.core.names import printable
from studio.library.outputs import saved_files
from studio.ui.jobs import Jobs
from studio.ui.live import Json, Page, component, read

if TYPE_CHECKING:
    from studio.app import Studio

KIND = "generate"
BATCH = 48
MOST = 960  # earlier images of one answer

SKELETON = """
<div class="pg">
  <div class="pg-run"></div>
  <div class="cs-card jq" hidden></div>
  <div class="cs-grid pg-results" aria-label="Newest images"></div>
  <div class="cs-empty pg-empty" hidden>
    <p class="cs-empty-title">Nothing generated yet</p>
    <p>Write what you want to see and press Generate. Add adapters on the left to teach the base
    something new: the same seed shows what each of them changes.</p>
  </div>
  <div class="cs-card pg-earlier" hidden>
    <h3 class="cs-card-title">Earlier images</h3>
    <div class="pg-days"></div>
    <button type="button" class="cs-button pg-more" hidden>Show more</button>
  </div>
</div>
"""


def image_grid(studio: Studio, page: Page, jobs: Jobs[Any]) -> gr.HTML:
    """The component. Events: `generate` (data: `{"repeats"}`), `finished`, `reuse` (data: `{"id", "lane", "stack"}`) and
    `begin` (`{"id", "inpaint"}`)."""

    glance = TrainingGlance(studio)

    def status(argument: Any) -> Json:
        (known,) = read(argument, known=str)
        task = page.tasks.latest(KIND)
        view = task.view() if task else None
        if view and view["id"] == known:
            view["result"] = None  # the page has it already
        return {"task": view, "training": glance.name(), "queue": jobs.view()}

    def queue_remove(argument: Any) -> None:
        jobs.remove(*read(argument, id=str))

    def queue_change(argument: Any) -> None:
        (action,) = read(argument, action=str)
        actions = {"clear": jobs.clear, "resume": jobs.resume, "once": jobs.stop_repeating}
        if action in actions:
            actions[action]()

    def interrupt(argument: Any) -> None:
        jobs.stop_repeating()
        task = page.tasks.latest(KIND)
        if task:
            task.cancelled.set()

    def history(argument: Any) -> Json:
        offset, count = read(argument, offset=int, count=int)
        start = max(0, offset)
        end = start + min(max(BATCH, count), MOST)
        files = saved_files(studio.workspace.outputs, end + 1)
        chosen = files[start:end]
        root = studio.workspace.outputs
        images = [
            {
                "id": (name := printable(path.relative_to(root).as_posix())),
                "path": printable(path),
                "day": name.split("/")[0],
            }
            for path in chosen
        ]
        return {"images": images, "more": end < len(files)}

    def image(argument: Any) -> Json:
        (identity,) = read(argument, id=str)
        return image_facts(image_file(studio, identity))

    return component(
        "images",
        SKELETON,
        [status, interrupt, queue_remove, queue_change, history, image],
        events=["generate", "finished", "reuse", "begin"],
        elem_id="cs-images",
        started="",
        refused="",
    )


class TrainingGlance:
    """The name of a training that holds the device; looked up every other second at most."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._seen: tuple[float, str | None] = (0.0, None)

    def name(self) -> str | None:
        """None when nothing is being trained."""
        if time.monotonic() - self._seen[0] > 2:
            names = [
                run.name or run.run
                for run in self._studio.runs.all()
                if run.state in ("preparing", "running")
            ]
            self._seen = (time.monotonic(), names[0] if names else None)
        return self._seen[1]


def image_file(studio: Studio, identity: str) -> Path:
    """The image named by its place below `outputs/`; anything else is refused."""
    return studio.library.outputs.path(identity)


def image_facts(path: Path) -> Json:
    """What is written in an image: its text, the settings in it, and those worth showing."""
    from studio.library.image_settings import image_settings

    found = image_settings(path)
    settings, text = (found.settings, found.text) if found else ({}, "")
    titles = {"seed": "Seed", "steps": "Steps", "guidance": "Guidance", "sampler": "Sampler"}
    facts = [(titles[name], _plain(settings[name])) for name in titles if name in settings]
    if settings.get("width"):
        facts.append(("Size", f"{settings['width']} × {settings['height']}"))
    if settings.get("base"):
        facts.append(("Base", str(settings["base"])))
    for entry in settings.get("stack", []):
        facts.append(("Adapter", f"{Path(entry['path']).stem} × {entry['strength']:g}"))
    return {"parameters": text, "settings": settings, "facts": facts}


def _plain(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
