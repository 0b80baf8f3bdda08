"""The adapter stack: one `gr.HTML` with one lane of cards, or several side by side.

Owns: the component, what its script may ask (facts of cards, taking a dropped file), and the way
back from what a browser sends to `Lane`s and `StackItem`s. Refuses to know: images, tabs.
The value is a list of `Lane` dictionaries, at least one; `target` is the name other parts use to
add an adapter. A browser remembers its lanes under a name that tells workspaces apart.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from studio import architectures
from studio.core.errors import InputError, MissingError, StudioError
from studio.core.names import printable
from studio.formats.image_kinds import KINDS
from studio.formats.sniff import sniff
from studio.generation.records import FileReport
from studio.library.image_settings import stack_named
from studio.settings.generation import Lane
from studio.settings.lanes import MOST_LANES, MOST_LETTERS
from studio.settings.training import StackItem
from studio.ui.components.stack_files import check_blocks, loaded_stack, stack_files
from studio.ui.live import Json, Page, component, read

if TYPE_CHECKING:
    from studio.app import Studio
    from studio.library.adapter_info import AdapterInfo

MOST = 64
PREVIEW = 96  # pixels
EFFECT = "effect"
EMPTY_LANE: Json = {"name": "", "prompt": "", "stack": []}

SKELETON = """
<div class="cs-card st">
  <div class="st-bar">
    <h3 class="cs-card-title">Adapter stack</h3><span class="cs-muted cs-small st-count"></span>
    <span class="cs-spacer"></span>
    <button type="button" class="cs-button cs-quiet cs-icon st-undo" aria-label="Undo" title="Undo the last change (Ctrl+Z)"></button>
    <span class="st-files"></span>
    <span class="st-actions">
      <button type="button" class="cs-button st-browse">Add files</button>
      <button type="button" class="cs-button st-lane" title="Several stacks side by side, with the same seeds">Add a lane</button>
    </span>
    <input type="file" multiple class="st-picker cs-hidden" tabindex="-1" aria-label="Adapter files"
      accept=".json,.safetensors,.pt,.bin,.ckpt,.png,.webp,.jpg,.jpeg">
  </div>
  <div class="st-saved" hidden></div>
  <div class="st-lanes"></div>
  <p class="st-pending" role="status" hidden></p>
  <p class="st-said cs-visually-hidden" role="status" aria-live="polite"></p>
  <div class="st-troubles"></div>
</div>
"""


def adapter_stack(studio: Studio, page: Page, target: str, base: str, prompt: str) -> gr.HTML:
    """The component; `prompt` is the element id of the prompt that all lanes share.

    Events: `input` (the person changed it), `settings` (an image's settings), `effect` (one card
    is to be measured), `rebase` (another tab asks for a base).
    """

    def describe(argument: Any) -> list[Json]:
        paths, base = read(argument, paths=list, base=str)
        wanted = [path for path in paths[:MOST] if isinstance(path, str)]
        return cards(studio, page, wanted, base)

    def take_file(argument: Any) -> Json:
        path, name, base = read(argument, path=str, name=str, base=str)
        return take(studio, page, page.uploaded(path), Path(name).name, base)

    def inside(argument: Any) -> Json:
        (path,) = read(argument, path=str)
        return studio.library.inspect(studio.workspace.resolve(path))

    def measured(argument: Any) -> Json | None:
        task = page.tasks.latest(EFFECT)
        return task.view() if task else None

    def stop_measuring(argument: Any) -> None:
        (token,) = read(argument, token=str)
        page.tasks.recall(token)

    return component(
        "stack",
        SKELETON,
        [
            describe,
            take_file,
            inside,
            measured,
            stop_measuring,
            check_blocks(studio),
            *stack_files(studio),
        ],
        events=["input", "settings", "effect", "rebase"],
        value=[EMPTY_LANE],
        elem_id=f"cs-stack-{target}",
        target=target,
        base=base,
        prompt=prompt,
        place=hashlib.sha256(os.fsencode(studio.workspace.root)).hexdigest()[:12],
        reports={},
        refused=None,
    )


def take(studio: Studio, page: Page, path: Path, name: str, base: str) -> Json:
    """A dropped file: an image with settings in it, or an adapter that enters the library."""
    from studio.library.image_settings import usable_settings

    if name.lower().endswith(".json"):
        return {"stack": loaded_stack(studio.library.stacks.load(path))}
    if sniff(path) in KINDS and (found := usable_settings(path, name)):
        return {"settings": {**found.settings, "program": found.program, "notes": found.notes}}
    return {
        "card": card(page, studio.library.import_adapter(path, name), fit=base_facts(studio, base))
    }


def cards(studio: Studio, page: Page, paths: Sequence[str], base: str) -> list[Json]:
    """The facts that cards show, in the order asked; a file that is gone says so."""
    fit = base_facts(studio, base)
    found = []
    for path in paths:
        try:
            file = studio.workspace.resolve(path)
            found.append(card(page, studio.library.adapter(file), path, fit))
        except StudioError:
            problem = "This file is not in the library any more. Remove it, or put the file back."
            found.append({"path": path, "name": Path(path).name[:120], "problem": problem})
    return found


def card(
    page: Page,
    info: AdapterInfo,
    path: str | None = None,
    fit: tuple[str, str] | None = None,
    *,
    name: str | None = None,
    previews: bool = True,
) -> Json:
    """An adapter as lists and the stack show it; `fit` is the base's (family, title). Lists of all
    that there is come without `previews` that would first have to be made."""
    family = architectures.title(info.family)
    problem = info.problem or info.stale
    if not info.problem and fit and fit[0] and info.family and info.family != fit[0]:
        problem = f"Made for {family}; this base is {architectures.title(fit[0])}."
    return {
        "path": path or printable(info.path),
        "name": name or page.studio.library.called(info),
        "kind": info.kind,
        "family_title": family,
        "size": info.size,
        "trigger": info.trigger_word,
        "preview": preview_of(page, info, previews),
        "problem": problem,
        "modified": info.modified,
    }


def base_facts(studio: Studio, base: str) -> tuple[str, str] | None:
    """(family, title) of a base by name or path; None when it is unknown."""
    for info in studio.library.bases():
        if base in (info.name, printable(info.path)):
            return info.family or "", info.title
    return None


def lanes_of(studio: Studio, value: Any) -> list[Lane]:
    """What a browser sent → checked lanes, their stacks as `stack_items` gives them."""
    if not isinstance(value, list) or not 0 < len(value) <= MOST_LANES:
        raise InputError("The lanes are unreadable", remedy="Reload the page.")
    lanes = []
    for entry in value:
        values = entry if isinstance(entry, dict) else {"": entry}
        stack = [item.model_dump() for item in stack_items(studio, values.get("stack", []))]
        lanes.append(Lane.parse(values | {"stack": stack}))
        if len(lanes[-1].name) > MOST_LETTERS:
            raise InputError(f"The name of a lane has at most {MOST_LETTERS} letters")
    return lanes


def stack_items(studio: Studio, value: Any) -> list[StackItem]:
    """What a browser sent → checked settings with absolute paths inside the allowed folders."""
    if not isinstance(value, list) or len(value) > MOST:
        raise InputError("The adapter stack is unreadable", remedy="Reload the page.")
    items = []
    for entry in value:
        item = StackItem.parse(entry if isinstance(entry, dict) else {})
        path = studio.workspace.resolve(item.path)
        if item.enabled and not path.is_file():
            raise MissingError(
                "An adapter of the stack is not there any more",
                where=path.name,
                remedy="Remove its card, or put the file back.",
            )
        items.append(item.model_copy(update={"path": printable(path)}))
    return items


def report_facts(reports: Sequence[FileReport]) -> Json:
    """Adapter reports by path, as the cards show them."""
    return {
        report.path: {
            "message": report.message,
            "unmatched": report.unmatched[:200],
            "unmatched_count": len(report.unmatched),
        }
        for report in reports
    }


def named_stack(studio: Studio, entries: Any) -> tuple[list[Json], list[str]]:
    """A stack written in an image names files: → stack value, and names that nobody has here, or
    that several files have."""
    return stack_named(entries, studio.library)


def has_image(info: AdapterInfo) -> bool:
    """Whether there is an image of what an adapter does, beside the file or in it."""
    return info.preview is not None or info.thumbnail


def preview_of(page: Page, info: AdapterInfo, make: bool = True) -> str | None:
    """Where the page finds a small copy of an adapter's image; None when it must not be made now."""
    if not has_image(info):
        return None
    try:
        place = page.studio.workspace.inside(info.preview or info.path)
        find = page.thumbnails.of if make else page.thumbnails.made
        small = find(place, PREVIEW)
        return str(small) if small else None
    except (StudioError, OSError):
        return None
