"""The size of images: usual sizes of the base, width and height, and the two exchanged.

Owns: these inputs, and which sizes are offered. Refuses to know: what a base can make (`infer`
refuses the rest in words).
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

import gradio as gr

from studio.core.errors import InputError
from studio.ui.components.bases import native_size
from studio.ui.live import ACTION, QUIET, handler

if TYPE_CHECKING:
    from studio.app import Studio
    from studio.ui.form import Form

RATIOS = ((1, 1), (4, 3), (3, 2), (16, 9), (3, 4), (2, 3), (9, 16))
STEP = 64  # pixels; an eighth of the native size where that is less
OWN = "0 × 0"
SIDES = ("generate.width", "generate.height")


def size_row(studio: Studio, form: Form, base: gr.Dropdown, first: str) -> list[Any]:
    """The inputs; they follow `base`. Returns the events that change width and height."""
    sizes = gr.Dropdown(
        size_choices(native_size(studio, first)), value=OWN, label="Size", elem_id="cs-generate-size",
        elem_classes=["cs-field"], allow_custom_value=True,
    )  # fmt: skip
    with gr.Row(elem_classes=["gen-size"]):
        form.show(advanced=True, keys=SIDES)
        swap = gr.Button("Swap", size="sm", elem_id="cs-generate-swap", scale=0, min_width=60)
    sides = [form.components[key] for key in SIDES]
    for side in sides:
        side.placeholder = own_side(native_size(studio, first))

    def shown(width: Any, height: Any, base: str) -> gr.Dropdown:
        choices = size_choices(native_size(studio, base))
        written = text_of(int(width or 0), int(height or 0))
        if written not in {value for _, value in choices}:
            choices.append((f"{written} · your own", written))
        return gr.Dropdown(choices, value=written)

    @handler
    def chosen(text: Any) -> list[int | None]:
        return [side or None for side in size_of(str(text or OWN))]

    def rebased(base: str) -> list[gr.Number]:
        return [gr.Number(placeholder=own_side(native_size(studio, base))) for _ in SIDES]

    picked = sizes.input(chosen, sizes, sides, **ACTION)
    swapped = swap.click(lambda width, height: (height, width), sides, sides, **QUIET)
    base.change(rebased, base, sides, **QUIET)
    gr.on([*(side.change for side in sides), base.change], shown, [*sides, base], sizes, **QUIET)
    return [picked, swapped]


def own_side(native: int | None) -> str:
    """What an empty width or height shows: the side of the base's own size."""
    return str(native) if native else "own"


def size_choices(native: int | None) -> list[tuple[str, str]]:
    """(title, text) of the sizes for a base whose own is `native` px: about as many pixels, in
    the usual proportions."""
    title = f"{native} × {native} · the base's own" if native else "The base's own"
    choices = {OWN: title}
    for wide, high in RATIOS[1:] if native else ():
        size = near(native or 0, wide / high)
        kind = "landscape" if wide > high else "portrait"
        choices.setdefault(text_of(*size), f"{text_of(*size)} · {kind} {wide}:{high}")
    return [(title, value) for value, title in choices.items()]


def near(native: int, ratio: float) -> tuple[int, int]:
    """(width, height) in steps that bases can make, with about native² pixels."""
    step = max(min(STEP, native // 8) // 8 * 8, 8)
    sides = native * math.sqrt(ratio), native / math.sqrt(ratio)
    width, height = (max(round(side / step), 1) * step for side in sides)
    return width, height


def size_of(text: str) -> tuple[int, int]:
    """The size that a text says: “640 × 480”, “640x480”. InputError."""
    found = re.fullmatch(r"\s*(\d{1,5})\s*[×x*]\s*(\d{1,5})\s*(?:·.*)?", text, re.IGNORECASE)
    if found is None:
        raise InputError(f"“{text[:40]}” is no size", remedy="Write width × height: 640 × 480.")
    return int(found[1]), int(found[2])


def text_of(width: int, height: int) -> str:
    """A size as text, and as the value of a choice."""
    return f"{width} × {height}"
