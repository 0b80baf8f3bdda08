"""The mask of an image, and the image it lay on, kept beside what was generated from them.

Owns: their names, which follow from their pixels, their place, and finding them again.
Refuses to know: sampling, the text block that names them (`infotext_passes`).

They lie in the folder `inpaint` beside the images, a file for each content: however many images are
generated with one mask, it is kept once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from studio.core.paths import entries, is_file
from studio.formats.image_write import save_png
from studio.formats.images import open_image
from studio.infer.infotext_passes import is_kept_name
from studio.infer.mask import as_mask
from studio.settings.generation import GenerateSettings

FOLDER = "inpaint"


def names(settings: GenerateSettings) -> tuple[str, str]:
    """What the mask and the image to start from are called; empty where there is none, or no mask."""
    found = dict(_images(settings))
    return found.get("mask", ("", None))[0], found.get("image", ("", None))[0]


def keep(folder: Path, settings: GenerateSettings) -> None:
    """Puts both beside the images in `folder`. Raises StorageError, and the errors of `open_image`."""
    for _, (name, image) in _images(settings):
        if not is_file(target := folder / FOLDER / name):
            save_png(target, image)


def find(outputs: Path, name: str) -> Path | None:
    """The file of that name beside any of the images below `outputs`; None where it is gone."""
    if not is_kept_name(name):
        return None
    places = (folder / FOLDER / name for folder in sorted(entries(outputs), reverse=True))
    return next((path for path in places if is_file(path)), None)


def _images(settings: GenerateSettings) -> Iterator[tuple[str, tuple[str, Image.Image]]]:
    if not settings.inpaint.mask:
        return
    found = {"mask": as_mask(open_image(settings.inpaint.mask))}
    if settings.image:
        found["image"] = open_image(settings.image)
    for kind, image in found.items():
        digest = hashlib.sha256(f"{image.mode}{image.size}".encode() + image.tobytes())
        yield kind, (f"{kind}-{digest.hexdigest()[:24]}.png", image)
