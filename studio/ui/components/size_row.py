"""The size of images: usual sizes of the base, width and height, and the two exchanged.

Owns: these inputs, and which sizes are offered. Refuses to know: what a base can make (`infer`
refuses the rest in words).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import gradio as gr

from studio.ui.components.bases import native_size
from studio.ui.live import QUIET

if TYPE_CHECKING:
    from studio.app import Studio
    from studio.ui.form import Form

RATIOS = ((1, 1), (4, 3), (3, 2), (16, 9), (3, 4), (2, 3), (9, 16))
STEP = 64  # pixels; an eighth of the native size where that is less
OWN = "0 × 0"


def size_row(studio: Studio, form: Form, base: gr.Dropdown, first: str) -> None:
    """The inputs; they follow `base`."""
    sizes = gr.Dropdown(
        size_choices(native_size(studio, first)), value=OWN, label="Size", elem_id="cs-generate-size",
        elem_classes=["cs-field"],
    )  # fmt: skip
    with gr.Row(elem_classes=["gen-size"]):
        form.show(advanced=True, keys=["generate.width", "generate.height"])
        swap = gr.Button("Swap", size="sm", elem_id="cs-generate-swap", scale=0, min_width=60)
    sides = [form.components["generate.width"], form.components["generate.height"]]

    def shown(width: Any, height: Any, base: str) -> gr.Dropdown:
        choices = size_choices(native_size(studio, base))
        written = text_of(int(width or 0), int(height or 0))
        if written not in {value for _, value in choices}:
            choices.append((f"{written} · your own", written))
        return gr.Dropdown(choices, value=written)

    def chosen(text: str) -> tuple[int, ...]:
        return tuple(int(side) for side in text.split(" × "))

    sizes.input(chosen, sizes, sides, **QUIET)
    swap.click(lambda width, height: (height, width), sides, sides, **QUIET)
    gr.on([*(side.change for side in sides), base.change], shown, [*sides, base], sizes, **QUIET)


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


def text_of(width: int, height: int) -> str:
    """A size as text, and as the value of a choice."""
    return f"{width} × {height}"
