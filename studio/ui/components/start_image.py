"""An image to start from: one drop field, empty until somebody brings an image.

Owns: the component and taking an image in. Refuses to know: what is generated from it.
The value is the image's path inside the workspace, or "".
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from studio.core import atomic
from studio.ui.live import Json, Page, component, read

if TYPE_CHECKING:
    from studio.app import Studio

SKELETON = """
<div class="sp">
  <div class="sp-zone"></div>
  <input type="file" class="sp-picker cs-hidden" tabindex="-1" aria-label="Image to start from"
    accept=".png,.jpg,.jpeg,.jfif,.webp,.avif,.bmp,.gif,.tif,.tiff">
  <div class="sp-trouble"></div>
</div>
"""


def start_image(studio: Studio, page: Page) -> gr.HTML:
    """The component. Event: `input` (another image, or none)."""

    def take_file(argument: Any) -> Json:
        path, name = read(argument, path=str, name=str)
        return facts(page, taken(studio, page.uploaded(path)), Path(name).name[:120])

    def describe(argument: Any) -> Json:
        (text,) = read(argument, path=str)
        path = studio.workspace.resolve(text, [studio.workspace.outputs, kept(studio)])
        return facts(page, path, path.name)

    return component(
        "start_image",
        SKELETON,
        [take_file, describe],
        events=["input"],
        value="",
        elem_id="cs-start-image",
    )


def kept(studio: Studio) -> Path:
    """The folder of images that were brought to start from."""
    return studio.workspace.cache / "start"


def taken(studio: Studio, upload: Path) -> Path:
    """Keeps an uploaded image as a PNG of its own, without what else the file carried.

    Raises FileError for what is no image, or too large.
    """
    from studio.formats.image_write import save_png
    from studio.formats.images import open_image

    target = kept(studio) / f"{atomic.sha256(upload)[:32]}.png"
    return target if target.is_file() else save_png(target, open_image(upload))


def facts(page: Page, path: Path, name: str) -> Json:
    """What the field shows of an image, and the mask's brush."""
    from studio.formats.images import image_size

    width, height = image_size(path)
    small, large = (str(page.thumbnails.of(path, side)) for side in (192, 1024))
    return {
        "path": str(path), "name": name, "thumb": small, "large": large, "width": width, "height": height,
    }  # fmt: skip
