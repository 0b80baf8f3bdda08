"""Masks by prompt for images of a dataset.

Owns: who may name a model, and the turn on the device. Refuses to know: how a mask is found, recipes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from studio.caption.source import is_hub_id
from studio.core.errors import InputError
from studio.runtime.runtime import Runtime

if TYPE_CHECKING:
    from PIL.Image import Image

SAFE = "Nothing was written."


def segment(
    runtime: Runtime,
    images: Sequence[Path],
    model: str,
    words: str,
    threshold: float,
    on_image: Callable[[int, int], None] | None = None,
) -> tuple[dict[Path, Image], dict[Path, str]]:
    """The masks that were found, as large as their images as shown, and why others have none. Of one
    image alone the reason is raised. Errors of `Segmenter.load`."""
    from studio.caption.segmenter import Segmenter
    from studio.formats.images import open_image

    if model.strip() and not is_hub_id(model):
        model = str(runtime.library.workspace.named(model))
    found: dict[Path, Image] = {}
    without: dict[Path, str] = {}
    with runtime.turn("finding masks", "captions", SAFE):
        segmenter = Segmenter.load(model)
        for number, path in enumerate(images, 1):
            try:
                found[path] = segmenter.mask(open_image(path), words, threshold)
            except InputError as error:
                if len(images) == 1 or not words.strip():
                    raise
                without[path] = error.sentence()
            if on_image is not None:
                on_image(number, len(images))
    return found, without
