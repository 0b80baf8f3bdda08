"""The names in one folder, looked at once: which are images, masks, captions, and whose.

Owns: how files belong together by their names, also where case and endings differ.
Refuses to know: contents, sub-folders' meaning.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from studio.core.errors import DatasetError
from studio.core.names import same_name
from studio.formats.image_names import is_hidden, is_image, natural_key
from studio.formats.masks import is_condition, is_mask

CAPTION_ENDINGS = (".txt", ".caption", ".captions", ".cap", ".tags")
"""In this order where an image has several; a new caption gets the first."""


class Folder:
    """What lies in a folder; hidden files are left out. Raises DatasetError when it is closed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.files: set[str] = set()
        self.folders: list[str] = []
        self.blank: set[str] = set()
        """Caption files of no bytes at all."""
        try:
            with os.scandir(path) as entries:
                for entry in entries:
                    if not is_hidden(entry.name):
                        self._add(entry)
        except OSError as error:
            why = f"The system said: {error.strerror}"
            raise DatasetError("This folder cannot be read", where=path, why=why) from error
        self.folders.sort(key=lambda name: (natural_key(name), name))

    def _add(self, entry: os.DirEntry[str]) -> None:
        try:
            if entry.is_dir():
                self.folders.append(entry.name)
            elif entry.is_file():
                self.files.add(entry.name)
                if entry.name.lower().endswith(CAPTION_ENDINGS) and not entry.stat().st_size:
                    self.blank.add(entry.name)
        except OSError:  # a link in a circle, a share that went away
            return

    @cached_property
    def images(self) -> list[str]:
        """The images in natural order (2 before 10), without masks."""
        rest = self._named - {*self.masks, *self.conditions}
        return sorted(rest, key=lambda name: (natural_key(name), name))

    @cached_property
    def masks(self) -> list[str]:
        """Images that are taken for the masks of others beside them."""
        return sorted(name for name in self._named if is_mask(name, self._names))

    @cached_property
    def conditions(self) -> list[str]:
        """Images that another trainer conditions on."""
        return sorted(name for name in self._named if is_condition(name, self._names))

    @cached_property
    def _names(self) -> set[str]:
        return {same_name(os.path.splitext(name)[0]) for name in self._named}

    @cached_property
    def _named(self) -> set[str]:
        return {name for name in self.files if is_image(name)}

    def caption_file(self, image: str, endings: Sequence[str] = CAPTION_ENDINGS) -> str | None:
        """The file that holds an image's caption: “a.txt”, “A.TXT”, “a.png.txt”, “a.Caption”."""
        stem = os.path.splitext(image)[0]
        for ending in endings:
            for name in (stem + ending, image + ending):
                if name in self.files:
                    return name
            for name in (stem + ending, image + ending):
                for found in self._alike.get(same_name(name), ()):
                    if found[: -len(ending)] not in self._stems:
                        return found
                    if found[: -len(ending)] in (stem, image):
                        return found
        return None

    @cached_property
    def _alike(self) -> dict[str, list[str]]:
        """Caption files by what systems mix up in their names."""
        alike: dict[str, list[str]] = {}
        for name in sorted(self.files):
            if name.lower().endswith((*CAPTION_ENDINGS, ".json")):
                alike.setdefault(same_name(name), []).append(name)
        return alike

    @cached_property
    def _stems(self) -> set[str]:
        """What a caption's name may begin with exactly: then it belongs to that image alone."""
        return {part for name in self.images for part in (name, os.path.splitext(name)[0])}
