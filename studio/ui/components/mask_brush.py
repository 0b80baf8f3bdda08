"""A mask brushed onto the image to start from, and which adapters act inside of it.

Owns: the component, and strokes → a mask as a file. Refuses to know: what is generated (`studio.infer`).
The value is JSON text, or "" where nothing is marked:

    {"image": path, "fresh": bool, "stack": null | "" | id of a saved stack | items of a stack,
     "strokes": [{"size": pixels, "erase": bool, "points": [[x, y], …]}], "file": path or absent}

Points are pixels of the image. `file` is a mask that was brought: strokes are added to it.
`fresh`: the image only shows where to paint; what is inpainted are images
that are generated first, a second pass on the subject. The strokes come with the other inputs, so Generate never uses a mask that
is still on its way.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from studio.core import atomic
from studio.core.errors import InputError, MissingError
from studio.core.names import printable
from studio.core.text import parse_json
from studio.formats.mask_strokes import Stroke, TooManyStrokes, painted, read_strokes
from studio.ui.components.stack import stack_items
from studio.ui.components.start_image import kept
from studio.ui.live import Json, Page, component, read

if TYPE_CHECKING:
    from PIL.Image import Image

    from studio.app import Studio

SKELETON = """
<div class="mb">
  <p class="mb-none cs-small cs-muted">Choose an image to start from, or press “Inpaint” at a generated one;
    then paint over what is to be inpainted, or drop a mask (white is inpainted). Nothing is found by
    itself: there is no detector.</p>
  <div class="mb-work" hidden>
    <div class="mb-tools" role="toolbar" aria-label="Brush"></div>
    <div class="mb-stage"><img alt="the image to start from"><canvas class="mb-canvas" tabindex="0"></canvas></div>
    <div class="mb-fresh cs-small"></div>
    <p class="mb-said cs-small cs-muted" role="status"></p>
    <div class="mb-trouble"></div>
    <label class="mb-stack cs-small">Stack in the mask <select class="cs-input"></select></label>
  </div>
</div>
"""


def mask_brush(studio: Studio, page: Page) -> gr.HTML:
    """The component; it follows the image to start from by itself."""

    def take_mask(argument: Any) -> Json:
        """A mask that was dropped on an image: white is what is inpainted."""
        upload, image = read(argument, path=str, image=str)
        return shown(page, brought(studio, page.uploaded(upload), image))

    def describe_mask(argument: Any) -> Json:
        (text,) = read(argument, path=str)
        return shown(page, _ours(studio, text))

    def saved_stacks(argument: Any) -> list[Json]:
        found = studio.library.stacks.all()
        return [{name: one[name] for name in ("id", "name")} for one in found if not one["problem"]]

    return component(
        "mask_brush", SKELETON, [saved_stacks, take_mask, describe_mask], events=["input"], value="",
        elem_id="cs-mask-brush",
    )  # fmt: skip


def with_mask(studio: Studio, values: Json, text: Any) -> Json:
    """The values of the settings with what the component says: the same while nothing is marked on
    their image. InputError for a value that no page sends, MissingError for a saved stack, or files
    of it, that are gone."""
    image = values.get("image")
    if not (image and isinstance(text, str) and text):
        return values
    try:
        sent = parse_json(text)
        file = sent.get("file") or ""
        if sent["image"] != image or not (sent["strokes"] or file):
            return values
        strokes = read_strokes(sent["strokes"])
        name, fresh = sent["stack"], sent["fresh"] is True
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError("The mask is unreadable", remedy="Reload the page.") from error
    except TooManyStrokes:
        raise too_many_strokes() from None
    under = open_mask(_ours(studio, file)) if file else None
    mask = {"mask": _kept_mask(studio, image, text, strokes, under), "stack": _stack(studio, name)}
    inpaint = {**values.get("inpaint", {}), **mask}
    return {**values, "image": "" if fresh else image, "inpaint": inpaint}


def too_many_strokes() -> InputError:
    """For a mask of more points than anybody paints."""
    return InputError("The mask has too many strokes", remedy="Clear it and use a wider brush.")


def brought(studio: Studio, upload: Path, image: str) -> Path:
    """Keeps a mask that was sent for an image. Errors as of `read_mask`: it has to be as large, and to
    mark something."""
    from studio.formats.image_write import save_png
    from studio.formats.images import image_size
    from studio.infer.mask import read_mask

    mask = read_mask(str(upload), image_size(_ours(studio, image)))
    target = kept(studio) / f"brought-{atomic.sha256(upload)[:32]}.png"
    return target if target.is_file() else save_png(target, mask)


def open_mask(path: Path) -> Image:
    """A mask of ours; MissingError where it is gone."""
    from studio.formats.images import open_image
    from studio.infer.mask import as_mask

    if not path.is_file():
        raise MissingError(
            "The mask is not there any more", where=path.name, remedy="Clear it and mark it again."
        )
    return as_mask(open_image(path))


def shown(page: Page, path: Path) -> Json:
    """What the brush shows of a mask."""
    open_mask(path)  # or say that it is gone
    return {"path": printable(path), "large": str(page.thumbnails.of(path, 1024))}


def _ours(studio: Studio, text: str) -> Path:
    return studio.workspace.resolve(text, [studio.workspace.outputs, kept(studio)])


def _kept_mask(
    studio: Studio, image: str, text: str, strokes: list[Stroke], under: Image | None
) -> str:
    from studio.formats.image_write import save_png
    from studio.formats.images import image_size

    folder = kept(studio)
    size = image_size(_ours(studio, image))
    if under is not None and under.size != size:
        raise InputError(
            "The mask has another size than the image", remedy="Clear it and mark it again."
        )
    digest = hashlib.sha256(f"{size}{text}".encode()).hexdigest()[:32]
    target = folder / f"mask-{digest}.png"
    return str(target if target.is_file() else save_png(target, painted(size, strokes, under)))


def _stack(studio: Studio, name: Any) -> list[Json] | None:
    if name is None:
        return None
    if not name:
        return []
    if isinstance(name, list):
        return [item.model_dump() for item in stack_items(studio, name)]
    loaded = studio.library.stacks.load(studio.library.stacks.path(str(name)))
    if loaded.missing:
        raise MissingError(
            "Files of the stack in the mask are not here",
            where=", ".join(loaded.missing)[:200],
            remedy="Put them into the workspace's folder “adapters”, or choose another stack.",
        )
    return [item.model_dump() for item in loaded.items]
