"""A mask brushed onto the image to start from, and which adapters act inside of it.

Owns: the component, and strokes → a mask as a file. Refuses to know: what is generated (`studio.infer`).
The value is JSON text, or "" where nothing is marked:

    {"image": path, "fresh": bool, "stack": null | "" | id of a saved stack,
     "strokes": [{"size": pixels, "erase": bool, "points": [[x, y], …]}]}

Points are pixels of the image. `fresh`: the image only shows where to paint; what is inpainted are images
that are generated first, a second pass on the subject. The strokes come with the other inputs, so Generate never uses a mask that
is still on its way.
"""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING, Any

import gradio as gr

from studio.core.errors import InputError, MissingError
from studio.core.text import parse_json
from studio.ui.components.start_image import kept
from studio.ui.live import Json, component

if TYPE_CHECKING:
    from PIL.Image import Image

    from studio.app import Studio

SKELETON = """
<div class="mb">
  <p class="mb-none cs-small cs-muted">Choose an image to start from, or press “Inpaint” at a generated one;
    then paint over what is to be inpainted. Nothing is found by itself: there is no detector.</p>
  <div class="mb-work" hidden>
    <div class="mb-tools" role="toolbar" aria-label="Brush"></div>
    <div class="mb-stage"><img alt="the image to start from"><canvas class="mb-canvas" tabindex="0"></canvas></div>
    <div class="mb-fresh cs-small"></div>
    <p class="mb-said cs-small cs-muted" role="status"></p>
    <label class="mb-stack cs-small">Stack in the mask <select class="cs-input"></select></label>
  </div>
</div>
"""
_MOST_POINTS = 200_000


def mask_brush(studio: Studio) -> gr.HTML:
    """The component; it follows the image to start from by itself."""

    def saved_stacks(argument: Any) -> list[Json]:
        found = studio.library.stacks.all()
        return [{name: one[name] for name in ("id", "name")} for one in found if not one["problem"]]

    return component(
        "mask_brush", SKELETON, [saved_stacks], events=["input"], value="", elem_id="cs-mask-brush"
    )


def with_mask(studio: Studio, values: Json, text: Any) -> Json:
    """The values of the settings with what the component says: the same while nothing is marked on
    their image. InputError for a value that no page sends, MissingError for a saved stack, or files
    of it, that are gone."""
    image = values.get("image")
    if not (image and isinstance(text, str) and text):
        return values
    try:
        sent = parse_json(text)
        if sent["image"] != image or not sent["strokes"]:
            return values
        strokes = [_checked(stroke) for stroke in sent["strokes"]]
        name, fresh = sent["stack"], sent["fresh"] is True
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError("The mask is unreadable", remedy="Reload the page.") from error
    if sum(len(points) for _, _, points in strokes) > _MOST_POINTS:
        raise InputError("The mask has too many strokes", remedy="Clear it and use a wider brush.")
    mask = {"mask": _kept_mask(studio, image, text, strokes), "stack": _stack(studio, name)}
    inpaint = {**values.get("inpaint", {}), **mask}
    return {**values, "image": "" if fresh else image, "inpaint": inpaint}


Stroke = tuple[float, bool, list[tuple[float, float]]]
"""(size, whether it erases, points)."""


def painted(size: tuple[int, int], strokes: list[Stroke]) -> Image:
    """The mask of an image of `size`: white under strokes, black under those that erase."""
    from PIL import Image, ImageDraw

    mask = Image.new("L", size, 0)
    brush = ImageDraw.Draw(mask)
    for width, erase, points in strokes:
        colour, half = 0 if erase else 255, width / 2
        brush.line(points, fill=colour, width=max(round(width), 1))
        for x, y in points:
            brush.ellipse((x - half, y - half, x + half, y + half), fill=colour)
    return mask


def _checked(stroke: Any) -> Stroke:
    size, points = float(stroke["size"]), [(float(x), float(y)) for x, y in stroke["points"]]
    numbers = [size, *(value for point in points for value in point)]
    if not all(math.isfinite(value) and abs(value) < 1e6 for value in numbers) or size <= 0:
        raise ValueError("no stroke")
    return size, stroke["erase"] is True, points


def _kept_mask(studio: Studio, image: str, text: str, strokes: list[Stroke]) -> str:
    from studio.formats.image_write import save_png
    from studio.formats.images import image_size

    folder = kept(studio)
    path = studio.workspace.resolve(image, [studio.workspace.outputs, folder])
    size = image_size(path)
    digest = hashlib.sha256(f"{size}{text}".encode()).hexdigest()[:32]
    target = folder / f"mask-{digest}.png"
    return str(target if target.is_file() else save_png(target, painted(size, strokes)))


def _stack(studio: Studio, name: Any) -> list[Json] | None:
    if name is None:
        return None
    if not name:
        return []
    loaded = studio.library.stacks.load(studio.library.stacks.path(str(name)))
    if loaded.missing:
        raise MissingError(
            "Files of the stack in the mask are not here",
            where=", ".join(loaded.missing)[:200],
            remedy="Put them into the workspace's folder “adapters”, or choose another stack.",
        )
    return [item.model_dump() for item in loaded.items]
