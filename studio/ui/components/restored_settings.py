"""Settings that an image or a text carries, as far as the Generate form can hold them.

Owns: what is taken over, and what the person is told. Refuses to know: who writes what
(`studio.library.image_settings`).
"""

from __future__ import annotations

import html
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from studio.core.errors import SettingsError
from studio.core.names import printable
from studio.infer.infotext import VERSION
from studio.library.image_settings import as_written, with_kept
from studio.settings.base import Settings
from studio.settings.generation import GenerateSettings, Lane
from studio.ui.components.bases import native_size
from studio.ui.components.stack import base_facts, named_stack
from studio.ui.live import Json

if TYPE_CHECKING:
    from studio.app import Studio


def tell_origin(found: Json) -> None:
    """Whose image it was, when it was somebody else's, and what could not be taken over."""
    notes = found.get("notes")
    said = [str(note) for note in notes] if isinstance(notes, list) else []
    program = str(found.get("program") or "")
    if said:
        gr.Warning(html.escape(f"From {program}: {' '.join(said)}"[:900]))
    elif program and program != VERSION:
        gr.Info(html.escape(f"These are settings of {program}."[:200]))


def usable(found: Json) -> Json:
    """Of an image's settings those that this form can hold."""
    others = ("stack", "device", "image")
    return as_written(valid(GenerateSettings, {k: v for k, v in found.items() if k not in others}))


def valid(kind: type[Settings], found: Json) -> Json:
    """Of `found` those settings of this kind that can be used, each checked on its own."""
    known: Json = {}
    for name in found.keys() & kind.model_fields.keys():
        try:
            value = getattr(kind.parse({name: found[name]}), name)
            known[name] = value.model_dump() if isinstance(value, Settings) else value
        except SettingsError:
            continue
    return known


def into_lane(studio: Studio, found: Json, lane: Lane, prompt: str) -> tuple[Lane, bool]:
    """(the lane with the stack and, where it has one of its own, the prompt; whether the prompt is
    now in the lane)."""
    update: Json = {}
    if "stack" in found:
        stack, missing = named_stack(studio, found["stack"])
        if missing:
            names = html.escape(", ".join(missing)[:300])
            gr.Warning(f"Not in your library, so left out: {names}")
        update["stack"] = stack
    if lane.prompt:  # its own prompt comes back to it, not to all
        update["prompt"] = prompt
    return (lane.model_copy(update=update) if update else lane), bool(lane.prompt)


def masked_again(studio: Studio, found: Json, shown: Path | None) -> list[Any]:
    """[the brush's value, the image to start from, the two parts of the form that hold them, open], so
    that what an image was generated with is on the page again; all as they are for one without a mask.
    `shown` is the image itself, where it is on this machine."""
    known, gone = with_kept(found, studio.workspace.outputs)
    if gone:
        gr.Warning(html.escape(gone))
    inpaint = known.get("inpaint") or {}
    if not (mask := inpaint.get("mask")):
        return [gr.skip()] * 4
    stack, missing = None, list[str]()
    if inpaint.get("stack") is not None:
        stack, missing = named_stack(studio, inpaint["stack"])
    if missing:
        gr.Warning(html.escape(f"Not in your library, so left out: {', '.join(missing)}"[:400]))
    image = str(known.get("image") or (printable(shown) if shown else mask))
    value = {
        "image": image, "fresh": "image" not in known, "stack": stack, "strokes": [], "file": mask,
    }  # fmt: skip
    return [json.dumps(value), image, gr.Accordion(open=True), gr.Accordion(open=True)]


def that_are_here(studio: Studio, known: Json, base: str) -> tuple[str, Json]:
    """(base, settings) without the base and VAE that are not here; `base` is the form's own."""
    known = dict(known)
    named = known.pop("base", None)
    if named and not base_facts(studio, named):
        gr.Warning(f"The base “{html.escape(str(named)[:100])}” is not here: yours stays.")
        named = None
    if (vae := known.get("vae")) and vae not in studio.library.vaes():
        gr.Warning(f"The VAE “{html.escape(str(vae)[:100])}” is not here: the base's own is used.")
        known["vae"] = ""
    base = named or base
    if known.get("width") == known.get("height") == native_size(studio, base):
        known["width"] = known["height"] = 0  # the base's own, also after changing the base
    return base, known
