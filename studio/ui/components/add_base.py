"""“Add a model …”: a base by its path on the machine, sent as a file, or downloaded from the hub.

Owns: the dialog's component, and what its script may ask. Refuses to know: the selects that show bases
(they hear of a new one), what a base is, how files are sent (`studio.ui.base_uploads`).
"""

from __future__ import annotations

import shutil
from typing import Any

import gradio as gr

from studio.core.errors import InputError, Interrupted
from studio.core.names import printable
from studio.library import base_arrival
from studio.ui.live import Json, Page, Task, component, read

KIND = "hub"
TEMPLATE = '<span class="cs-add-base"></span>'


def add_base(page: Page) -> gr.HTML:
    """The component; one serves every select of the page."""
    parts = AddBase(page)
    return component(
        "add_base",
        TEMPLATE,
        [
            parts.place, parts.add_path, parts.look, parts.download, parts.downloading,
            parts.cancel, parts.forget,
        ],
        elem_id="cs-add-base",
    )  # fmt: skip


class AddBase:
    """What the dialog may ask."""

    def __init__(self, page: Page) -> None:
        self.page, self.studio = page, page.studio

    def place(self, argument: Any) -> Json:
        """Where bases are, what may be sent there, and what was added from elsewhere."""
        workspace, library = self.studio.workspace, self.studio.library
        elsewhere = {printable(place) for place in library.added.all()}
        return {
            "folder": printable(workspace.bases),
            "free": max(shutil.disk_usage(workspace.bases).free - base_arrival.SPARE, 0),
            "largest": base_arrival.LARGEST,
            "head": base_arrival.LARGEST_HEAD,
            "remote": workspace.access.remote,
            "elsewhere": [
                {"name": info.name, "path": printable(info.path), "problem": info.problems[:1]}
                for info in library.bases()
                if printable(info.path) in elsewhere or info.name in elsewhere
            ],
        }

    def add_path(self, argument: Any) -> Json:
        """A folder or file on this machine; it stays where it is."""
        (path,) = read(argument, path=str)
        if not path.strip():
            raise InputError("No path is named", remedy="Type or paste a folder or a file.")
        return {"name": self.studio.library.add(path).name}

    def look(self, argument: Any) -> Json:
        """What would be downloaded of a repository on the hub."""
        from studio.families import hub_download, hub_repository

        name, half = self._asked(argument)
        found = hub_repository.look(name, half)
        return {
            "name": name,
            "bytes": found.size,
            "missing": hub_download.missing(found),
            "files": len(found.files),
            "licence": found.licence,
            "gated": found.gated,
        }

    def download(self, argument: Any) -> Json:
        """Begins, or goes on with, a download in the background."""
        name, half = self._asked(argument)
        asked = str(argument.get("asked", ""))[:20]

        def work(task: Task) -> Json:
            from studio.families import hub

            def progress(done: int, total: int) -> None:
                task.progress(done, total)
                if task.cancelled.is_set():
                    raise Interrupted("The download was stopped", where=name)

            hub.fetch(name, half, progress=progress)
            return {"name": self.studio.library.add(name).name}

        return self.page.tasks.start(KIND, work, name=name, half=half, asked=asked).view()

    def downloading(self, argument: Any) -> Json | None:
        """The latest download, going on or ended."""
        task = self.page.tasks.latest(KIND)
        return task.view() if task else None

    def cancel(self, argument: Any) -> None:
        """Stops the download; what is here stays."""
        if task := self.page.tasks.latest(KIND):
            task.cancelled.set()

    def forget(self, argument: Any) -> None:
        """Takes a base that lies elsewhere off the list."""
        (name,) = read(argument, name=str)
        self.studio.library.forget(name)

    def _asked(self, argument: Any) -> tuple[str, bool]:
        from studio.families import hub

        name, half = read(argument, name=str, half=bool)
        name = name.strip().removeprefix("https://huggingface.co/").strip("/")
        if not hub.has_form(name):
            raise InputError(
                "This is no name on the hub",
                where=name[:200],
                remedy="Write owner/name, or owner/name@revision.",
            )
        return name, half
