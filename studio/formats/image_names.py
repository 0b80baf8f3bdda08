"""What a file is by its name: an image that can be read, one that cannot, or nothing of the kind.

Owns: the endings, as cameras, phones, browsers and sites write them. Refuses to know: contents;
an image is opened by its content whatever it is called. Imports no Pillow.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

READING = 2
"""Goes up when the same file gives other pixels than before; what is made of pixels and kept on
disk has it in its name."""

IMAGE_ENDINGS = (
    ".png", ".jpg", ".jpeg", ".webp", ".bmp",
    ".jfif", ".jpe", ".jif", ".avif", ".gif", ".tif", ".tiff", ".apng", ".dib",
)  # fmt: skip
NOT_READ = (
    ".heic", ".heif", ".hif", ".jxl", ".jp2", ".j2k", ".jpx", ".psd", ".psb", ".xcf", ".kra", ".clip",
    ".svg", ".eps", ".ai", ".exr", ".hdr", ".tga", ".dds", ".ico", ".pcx", ".ppm", ".pgm",
    ".cr2", ".cr3", ".nef", ".nrw", ".arw", ".sr2", ".dng", ".raf", ".orf", ".rw2", ".pef", ".srw",
    ".mp4", ".mov", ".webm", ".mkv", ".avi", ".m4v", ".pdf",
)  # fmt: skip
"""Images, raw files and films that cannot be read here."""

# “x.jpg_large” and “x.jpg:orig” as sites name their sizes, “x.jpg-1” as downloads are counted
_WITH_SIZE = re.compile(r"\.(?:png|jpe?g|jfif|webp|gif|avif)[_:\-~!@][\w\-]{1,20}$", re.IGNORECASE)
_SYSTEM = {"thumbs.db", "desktop.ini", "__macosx", "@eadir", "ehthumbs.db"}


def is_image(path: str | Path) -> bool:
    """True when the name ends like an image's that can be read and is not hidden."""
    name = os.path.basename(path)  # no `Path`: folders of tens of thousands ask this
    if name.startswith("."):
        return False
    ending = os.path.splitext(name)[1].lower()
    return ending in IMAGE_ENDINGS or bool(_WITH_SIZE.search(name))


def is_hidden(name: str) -> bool:
    """Files and folders that a system keeps for itself: nobody means them for training."""
    return name.startswith(".") or name.casefold() in _SYSTEM


def natural_key(name: str) -> tuple[tuple[int, int, str], ...]:
    """Sort key under which “2” comes before “10”, whatever the case of letters."""
    parts = re.split(r"([0-9]+)", name.casefold())
    return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part)
