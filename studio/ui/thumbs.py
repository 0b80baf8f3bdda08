"""Small copies of images, made once and served from the cache folder.

Owns: their size, names and cache; the page is given no image in any other way. Originals are
only read. Refuses to know: whose images they are (callers resolve paths first).
"""

from __future__ import annotations

import base64
import hashlib
import io
import os
import threading
from pathlib import Path

from studio.core import atomic
from studio.core.errors import StorageError
from studio.formats.image_names import READING
from studio.formats.image_recipe import AS_IT_IS, ImageRecipe

SIDE = 320  # pixels of the longer side: sharp on a dense screen at the largest grid size
_MAKING = threading.BoundedSemaphore(2)  # leaves the cores to whatever trains


class Thumbnails:
    """Thumbnails in one folder, named by what they show: path, size, time of change."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def made(self, path: Path, side: int = SIDE) -> Path | None:
        """The thumbnail of an image if there is one already; the image is not opened."""
        target = self._place(path, side)
        return target if target.exists() else None

    def _place(self, path: Path, side: int, recipe: str = "") -> Path:
        facts = path.stat()
        key = f"{path}|{facts.st_size}|{facts.st_mtime_ns}|{side}|{READING}" + (
            recipe and f"|{recipe}"
        )
        name = hashlib.sha256(os.fsencode(key)).hexdigest()[:32]
        return self.folder / f"{name}.webp"

    def of(self, path: Path, side: int = SIDE, recipe: ImageRecipe = AS_IT_IS) -> Path | str:
        """The thumbnail of an image as its recipe has it, or of the one that an adapter file carries:
        its file, or where the disk takes none, itself as a data URL.

        Raises FileError when there is none, or a broken one.
        """
        target = self._place(path, side, recipe.key)
        if target.exists():
            return target
        from studio.formats.image_prepare import open_prepared
        from studio.formats.images import carried_image

        with _MAKING:
            carried = path.suffix.lower() == ".safetensors"
            image = carried_image(path) if carried else open_prepared(path, recipe)
            image.thumbnail((side, side))
            if image.mode not in ("RGB", "RGBA"):
                image = image.convert("RGBA" if "transparency" in image.info else "RGB")
            lossless = max(image.size) <= 128  # small images (the starter's) show every artefact
            data = io.BytesIO()
            image.save(data, "WEBP", lossless=lossless, quality=84, method=2)
            try:
                atomic.write_bytes(target, data.getvalue())
            except StorageError:  # a cache is not needed to see an image
                return "data:image/webp;base64," + base64.b64encode(data.getvalue()).decode()
        return target
