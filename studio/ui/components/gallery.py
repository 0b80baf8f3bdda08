"""The gallery of the Generate tab: every image of `outputs/`, searched, marked, deleted, sent elsewhere.

Owns: the component, and what its script may ask. Refuses to know: how images are found and kept
(`studio.library.outputs`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gradio as gr

from studio.core import atomic
from studio.core.errors import InputError, StudioError
from studio.core.names import printable
from studio.formats.dataset import write_caption
from studio.infer.prompt import plain
from studio.ui.components.image_grid import image_facts, image_file
from studio.ui.components.stack import named_stack
from studio.ui.live import Json, Page, component, read

if TYPE_CHECKING:
    from studio.app import Studio

MOST = 1200  # images of one answer; the page shows sixty more at a time
VIEWS = ("all", "favourites", "trash")

SKELETON = """
<div class="cs-card ga">
  <div class="cs-toolbar">
    <input type="search" class="cs-input ga-search" placeholder="Search prompt, model, adapter …"
      aria-label="Search the images">
    <span class="ga-views"></span>
    <span class="ga-said cs-small cs-muted" role="status"></span>
    <span class="cs-spacer"></span>
    <span class="ga-refresh"></span>
  </div>
  <div class="ga-grid cs-grid" role="list" aria-label="Images"></div>
  <div class="cs-empty ga-empty" hidden></div>
  <button type="button" class="cs-button ga-more" hidden>Show more</button>
</div>
"""


def gallery(studio: Studio, page: Page) -> gr.HTML:
    """The component. Events as in `image_grid`: `reuse` and `begin`."""
    parts = Gallery(studio, page)
    return component(
        "gallery",
        SKELETON,
        [
            parts.images,
            parts.image,
            parts.mark,
            parts.remove,
            parts.restore,
            parts.datasets,
            parts.to_dataset,
            parts.to_compare,
        ],
        events=["reuse", "begin"],
        elem_id="cs-gallery",
    )


class Gallery:
    """What the gallery may ask of Python."""

    def __init__(self, studio: Studio, page: Page) -> None:
        self.studio, self.page, self.outputs = studio, page, studio.library.outputs

    def images(self, argument: Any) -> Json:
        query, view, offset, count = read(argument, query=str, view=str, offset=int, count=int)
        start, most = max(offset, 0), min(max(count, 1), MOST)
        if view == "trash":
            found = self.outputs.removed()
            shown = [self._thrown(path) for path in found[start : start + most]]
            return {"images": shown, "count": len(found), "unread": 0}
        marked = set(self.outputs.favourites())
        search = self.outputs.search(query)
        named = [(self.outputs.name(path), path) for path in search.images]
        if view == "favourites":
            named = [(name, path) for name, path in named if name in marked]
        shown = [
            {"id": name, "path": printable(path), "favourite": name in marked}
            for name, path in named[start : start + most]
        ]
        return {"images": shown, "count": len(named), "unread": search.unread}

    def _thrown(self, path: Any) -> Json:
        try:
            small = str(self.page.thumbnails.of(path))
        except (StudioError, OSError):
            small = ""
        return {"id": printable(path.name), "path": small, "favourite": False}

    def image(self, argument: Any) -> Json:
        (identity,) = read(argument, id=str)
        return image_facts(image_file(self.studio, identity))

    def mark(self, argument: Any) -> None:
        self.outputs.mark(*read(argument, id=str, on=bool))

    def remove(self, argument: Any) -> str:
        return self.outputs.remove(*read(argument, id=str))

    def restore(self, argument: Any) -> str:
        return self.outputs.restore(*read(argument, id=str))

    def datasets(self, argument: Any) -> list[Json]:
        root = self.studio.workspace.datasets
        return [
            {"id": printable(info.path), "name": info.name}
            for info in self.page.library.all()
            if info.path.is_relative_to(root)
        ]

    def to_dataset(self, argument: Any) -> None:
        """Copies an image into a dataset, with its prompt as the caption."""
        identity, dataset = read(argument, id=str, dataset=str)
        source, folder = self.outputs.path(identity), self.page.library.own(dataset)
        target = folder / source.name
        if target.exists():
            raise InputError("This image is in the dataset already", where=printable(target.name))
        prompt = str(image_facts(source)["settings"].get("prompt", ""))
        atomic.copy_file(source, target, exclusive=True)
        if prompt.strip():
            write_caption(target, plain(prompt))

    def to_compare(self, argument: Any) -> Json:
        """The stack of an image as a column of Compare, and what of it is not here."""
        (identity,) = read(argument, id=str)
        settings = image_facts(self.outputs.path(identity))["settings"]
        stack, missing = named_stack(self.studio, settings.get("stack"))
        name = " + ".join(item["path"].rsplit("/", 1)[-1].rsplit(".", 1)[0] for item in stack)
        known = {info.name for info in self.studio.library.bases()}
        base = settings.get("base")
        return {
            "columns": [{"name": name[:60], "stack": stack, "seconds": None}] if stack else [],
            "base": base if base in known else "",
            "missing": missing,
        }
