"""The columns of a comparison: the base, and any stacks and runs beside it.

Owns: the component, the sources a column can be made of, and the way back from what a browser
sends to `Lane`s. Refuses to know: prompts, measures, how a comparison is generated.
The value is a list of `Lane` dictionaries.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from studio.core.counts import counted
from studio.core.errors import InputError, MissingError, StudioError
from studio.core.names import printable
from studio.library.adapter_info import AdapterInfo
from studio.library.entries import Entry, labels
from studio.runs.records import RunState
from studio.settings.generation import Lane
from studio.settings.stack import StackItem
from studio.ui.components.stack import base_facts, card, cards, stack_items, take
from studio.ui.live import Json, Page, component, read

if TYPE_CHECKING:
    from studio.app import Studio

MOST = 12
BASE_COLUMN: Json = {"name": "Base", "stack": [], "seconds": None}
FACTS = ("run", "step", "method", "training_seed", "group", "seconds", "trainable_parameters",
         "peak_memory")  # fmt: skip
"""What a column carries along about how its file was trained."""

SKELETON = """
<div class="cs-card co">
  <div class="st-bar">
    <h3 class="cs-card-title">Columns</h3><span class="cs-muted cs-small co-count"></span>
    <span class="cs-spacer"></span>
    <button type="button" class="cs-button co-add" aria-expanded="false">Add column</button>
  </div>
  <div class="co-menu" hidden>
    <input type="search" class="cs-input" placeholder="Search runs and adapters" aria-label="Search runs and adapters">
    <ul class="co-sources"></ul>
    <form class="co-folder"><input type="text" class="cs-input" placeholder="A folder of images made elsewhere"
      aria-label="Folder of images made elsewhere"><button type="submit" class="cs-button">Add</button></form>
  </div>
  <ol class="co-list" aria-label="Columns"></ol>
  <button type="button" class="cs-button cs-quiet co-quick" hidden>My last run and the base</button>
  <div class="st-troubles"></div>
</div>
"""


def column_builder(studio: Studio, page: Page, base: str) -> gr.HTML:
    """The component. Event: `input` (the person changed it), `shown` (it came into view)."""

    def sources(argument: Any) -> list[Json]:
        (base,) = read(argument, base=str)
        fit = base_facts(studio, base)
        return finished_runs(studio) + [
            {"group": "Adapters", **card(page, info, fit=fit, name=name, previews=False)}
            for info, name in named(studio.library.entries.all())
        ]

    def describe(argument: Any) -> list[Json]:
        paths, base = read(argument, paths=list, base=str)
        wanted = [path for path in paths[:256] if isinstance(path, str)]
        return cards(studio, page, wanted, base)

    def take_file(argument: Any) -> Json:
        path, name, base = read(argument, path=str, name=str, base=str)
        return take(studio, page, page.uploaded(path), Path(name).name, base)

    def checkpoints(argument: Any) -> list[Json]:
        run, free = read(argument, run=str, free=int)
        return checkpoint_columns(studio, run, free)

    def folder(argument: Any) -> Json:
        (path,) = read(argument, path=str)
        return folder_column(studio, path)

    return component(
        "columns",
        SKELETON,
        [sources, describe, take_file, checkpoints, folder],
        events=["input", "rebase", "shown"],
        value=[BASE_COLUMN],
        elem_id="cs-columns",
        base=base,
    )


def named(entries: list[Entry]) -> list[tuple[AdapterInfo, str]]:
    """Entries with what each is called where all of them are listed."""
    names = labels(entries)
    return [(entry.info, names[entry.path]) for entry in entries]


def finished_runs(studio: Studio) -> list[Json]:
    """Runs that left a file, newest first, as sources of a column."""
    found = [(run, path) for run in studio.runs.all() if (path := run_adapter(studio, run))]
    count = Counter(run.name for run, _ in found)
    return [
        {
            "group": "Runs",
            "run": run.run,
            "path": printable(path),
            "name": run.name if run.name and count[run.name] == 1 else f"{run.name} ({run.run})",
            "kind": run.method,
            "seconds": run.seconds,
            "steps": run.step,
            "checkpoints": len(steps_of(studio, run.run)),
            "base": run.base,
        }
        for run, path in found
    ]


def steps_of(studio: Studio, run: str) -> list[int]:
    """The steps of a run whose checkpoints can be columns; none where they cannot be read."""
    try:
        return studio.generation.grids.steps(run)
    except StudioError:
        return []


def checkpoint_columns(studio: Studio, run: str, free: int) -> list[Json]:
    """Checkpoints of a run as columns, at most `free` evenly spread ones, the last among them. Their
    files are written into the library when they are first asked for."""
    steps = steps_of(studio, run)
    if not steps:
        raise MissingError("This run has no checkpoint that can be a column", where=run[:100])
    count = max(1, min(free, len(steps), MOST))
    chosen = [steps[round((k + 1) * len(steps) / count) - 1] for k in range(count)]
    name = studio.runs.config(run).name or run
    method = studio.runs.config(run).method
    return [
        {
            "name": f"{name}, step {step}"[:60],
            "stack": [
                StackItem(path=printable(studio.generation.use_checkpoint(run, step))).model_dump()
            ],
            "run": run,
            "step": step,
            "method": method,
        }
        for step in chosen
    ]


def folder_column(studio: Studio, path: str) -> Json:
    """A folder of images from elsewhere as a column. InputError outside what may be opened."""
    from studio.formats.dataset import image_files

    folder = studio.workspace.images_folder(studio.workspace.named(path.strip()))
    if not image_files(folder):
        raise MissingError(
            "There is no image in this folder", where=printable(folder),
            remedy="Choose a folder with PNG, JPEG or WebP images.",
        )  # fmt: skip
    return {"name": printable(folder.name)[:60], "stack": [], "folder": printable(folder)}


def run_adapter(studio: Studio, run: RunState) -> Path | None:
    """The finished adapter file of a run, where it can be used; None when there is none."""
    if run.state not in ("finished", "stopped"):
        return None
    for found in studio.runs.files(run):
        try:
            path = studio.workspace.resolve(found)
        except StudioError:
            continue
        if path.is_file():
            return path
    return None


def columns_of(studio: Studio, value: Any) -> list[Lane]:
    """What a browser sent → checked columns with absolute paths inside the allowed folders."""
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise InputError("The columns are unreadable", remedy="Reload the page.")
    if not value:
        raise InputError("There is nothing to compare", remedy="Add the base or an adapter.")
    if len(value) > MOST:
        raise InputError(
            f"{counted(len(value), 'column')} are too many", remedy=f"Use at most {MOST}."
        )
    found = []
    for number, entry in enumerate(value, 1):
        stack = stack_items(studio, entry.get("stack") or [])
        name = str(entry.get("name") or "").strip()[:60] or f"Column {number}"
        facts = {key: entry[key] for key in FACTS if entry.get(key) not in (None, "")}
        if folder := str(entry.get("folder") or "").strip():
            place = studio.workspace.images_folder(studio.workspace.named(folder))
            facts["folder"] = str(place)
        found.append(
            Lane.parse({"name": name, "stack": [item.model_dump() for item in stack], **facts})
        )
    return found


def usable_columns(studio: Studio, value: Any) -> list[Json]:
    """Of columns that were kept those that can still be used; the base alone when none can."""
    found: list[Lane] = []
    for entry in value if isinstance(value, list) else []:
        try:
            found += columns_of(studio, [entry])
        except StudioError:  # its file is gone, or may not be named from here
            continue
    return [column.model_dump() for column in found[:MOST]] or [dict(BASE_COLUMN)]
