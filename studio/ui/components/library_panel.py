"""The library on the page: every adapter, searchable, to be added to a stack or dragged there.

Owns: the component, and what its script may ask: news of the library in small portions, and small
previews of the rows in view. Refuses to know: what a stack does with an adapter. The library is
looked through in the background; only headers are read, and they are remembered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gradio as gr

from studio import architectures
from studio.core.names import original, printable
from studio.ui.components.library_entry import LibraryEntry
from studio.ui.components.stack import base_facts, has_image, preview_of
from studio.ui.live import Json, Page, component, read

if TYPE_CHECKING:
    from studio.app import Studio
    from studio.library.entries import Entry

IN_VIEW = 60
FIELDS = (
    "path", "title", "where", "kind", "family_title", "size", "trigger", "modified", "has_image",
    "problem", "folder", "sample", "favourite", "noted", "run", "others",
)  # fmt: skip

SKELETON = """
<div class="cs-card">
  <div class="st-bar">
    <h3 class="cs-card-title">Library</h3><span class="cs-muted cs-small sh-count"></span>
    <span class="cs-spacer"></span>
    <label class="sh-fits cs-small cs-muted">fits this base
      <button type="button" role="switch" aria-checked="true" class="cs-switch" aria-label="Only adapters that work with this base"></button></label>
    <span class="sh-buttons"></span>
  </div>
  <div class="sh-tools">
    <input type="search" class="cs-input sh-search" placeholder="Search" aria-label="Search the library">
    <select class="cs-input sh-kind" aria-label="Kind"></select>
    <select class="cs-input sh-sort" aria-label="Order"><option value="new">Newest</option><option value="name">Name</option></select>
    <select class="cs-input sh-folder" aria-label="Folder" hidden></select>
  </div>
  <div class="sh-look" role="status" hidden><span class="cs-small cs-muted"></span><div class="cs-progress"><i></i></div></div>
  <div class="sh-view"><ul class="sh-list" aria-label="Adapters in the library"></ul></div>
  <div class="sh-empty cs-muted cs-small" hidden></div>
</div>
"""


def library_panel(studio: Studio, page: Page, target: str, base: str) -> gr.HTML:
    """The component; `target` names the stack that its Add buttons serve."""

    def library(argument: Any) -> Json:
        base, epoch, since, look = read(argument, base=str, epoch=str, since=int, look=bool)
        if look:
            studio.library.index.look()
        news = studio.library.index.news(epoch, since)
        family = (base_facts(studio, base) or ("", ""))[0]
        return {
            "epoch": news.epoch,
            "version": news.version,
            "rows": [row(entry) for entry in news.changed],
            "gone": [printable(path) for path in news.gone],
            "more": news.more,
            "looking": news.looking,
            "done": news.done,
            "total": news.total,
            "family": architectures.title(family),
        }

    def previews(argument: Any) -> Json:
        (paths,) = read(argument, paths=list)
        asked = (
            studio.library.index.entry(original(path))
            for path in paths[:IN_VIEW]
            if isinstance(path, str)
        )
        return {printable(entry.path): preview_of(page, entry.info) for entry in asked if entry}

    return component(
        "library",
        SKELETON,
        [library, previews, *LibraryEntry(studio, page).functions()],
        events=["shown"],
        elem_id=f"cs-library-{target}",
        target=target,
        base=base,
    )


def row(entry: Entry) -> list[Any]:
    """One entry, short: `FIELDS` names the places, so that thousands are sent in one go."""
    info, note = entry.info, entry.note
    return [
        printable(info.path), entry.title, entry.where, info.kind, architectures.title(info.family),
        info.size, info.trigger_word, info.modified, has_image(info), info.problem, entry.folder,
        entry.sample, note.favourite, bool(note.notes), note.run, len(entry.others),
    ]  # fmt: skip
