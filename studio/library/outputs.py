"""The images in `outputs/`: found by what is written in them, marked as favourites, moved to the trash.

Owns: the list, what of each image is searched (cached by path, size and time), the marks, and where a
deleted image came from. Refuses to know: the page.

An image is named by its place below `outputs/`.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studio.core import atomic
from studio.core.errors import MissingError, StorageError, StudioError
from studio.core.names import original, printable
from studio.core.paths import Workspace, entries, is_file, is_folder, modified
from studio.core.tables import read_table

ENDINGS = (".png", ".jpg", ".jpeg", ".webp")
PORTION = 200
"""Images that one search reads anew at most, so that it answers soon."""
MARKS, REMOVED, KNOWN = "favourite-images.json", "images.json", "outputs.json"
_DAY = re.compile(r"\d{4}-\d\d-\d\d")


@dataclass(frozen=True)
class Found:
    """What a search found: images, newest first, and how many have not been read yet."""

    images: list[Path]
    unread: int


def saved_files(root: Path, most: int | None = None) -> list[Path]:
    """Images below `root`, newest day first and newest first in each; of `most` of them no more
    days are looked at than it takes."""
    found: list[Path] = []
    for folder in sorted(entries(root), key=_day, reverse=True):
        if most is not None and len(found) >= most:
            break
        if is_folder(folder):
            files = [folder / name for name in _images(folder)]
            found += sorted(files, key=lambda path: (modified(path), path.name), reverse=True)
    return found[:most]


class Outputs:
    """The generated images of a workspace."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self._lock = threading.Lock()
        self._known: dict[str, list[Any]] | None = None

    def path(self, identity: str) -> Path:
        """The image of that name; MissingError for anything else."""
        root = self.workspace.outputs
        path = self.workspace.resolve(root / original(identity), [root])
        if path.suffix.lower() not in ENDINGS or not is_file(path):
            raise MissingError("This image is not there any more", where=Path(identity).name[:120])
        return path

    def name(self, path: Path) -> str:
        """The name of an image."""
        return printable(path.relative_to(self.workspace.outputs).as_posix())

    def search(self, query: str) -> Found:
        """Images whose prompts, model, adapters, sampler and seed hold every word of `query`,
        whatever its case; all without one."""
        files = saved_files(self.workspace.outputs)
        words = query.lower().split()
        if not words:
            return Found(files, 0)
        with self._lock:
            texts, unread = self._texts(files)
        return Found(
            [path for path in files if all(word in texts.get(path, "") for word in words)], unread
        )

    def favourites(self) -> list[str]:
        """Names of the marked images, the last marked first."""
        found = read_table(self.workspace.root / MARKS).get("images", [])
        return [str(name) for name in found] if isinstance(found, list) else []

    def mark(self, identity: str, on: bool) -> None:
        """Marks an image as a favourite, or takes the mark away."""
        self.path(identity)
        with self._lock:
            left = [name for name in self.favourites() if name != identity]
            marked = [identity, *left] if on else left
            atomic.write_json(self.workspace.root / MARKS, {"version": 1, "images": marked})

    def remove(self, identity: str) -> str:
        """Moves an image to the trash; its name there."""
        path = self.path(identity)
        with self._lock:
            target = atomic.move_to_trash(path, self.workspace.trash)
            record = self._removed() | {printable(target.name): identity}
            with suppress(StorageError):  # it can still be found by hand
                atomic.write_json(self.workspace.trash / REMOVED, record)
        return printable(target.name)

    def removed(self) -> list[Path]:
        """Images in the trash that can be restored, the last deleted first."""
        names = reversed(self._removed())
        return [path for name in names if is_file(path := self.workspace.trash / original(name))]

    def restore(self, name: str) -> str:
        """Brings an image back from the trash to the folder it was in; its name there."""
        with self._lock:
            record = self._removed()
            path = self.workspace.trash / original(name)
            if name not in record or not is_file(path):
                raise MissingError("This image is not in the trash any more", where=name[:120])
            root = self.workspace.outputs
            home = self.workspace.resolve(root / original(record[name]), [root])
            back = atomic.move_to_trash(path, home.parent)
            with suppress(StorageError):
                left = {key: value for key, value in record.items() if key != name}
                atomic.write_json(self.workspace.trash / REMOVED, left)
        return self.name(back)

    def _removed(self) -> dict[str, str]:
        """Name in the trash → name below `outputs/`."""
        return {str(k): str(v) for k, v in read_table(self.workspace.trash / REMOVED).items()}

    def _texts(self, files: Sequence[Path]) -> tuple[dict[Path, str], int]:
        """What of each image is searched, and how many are still to be read."""
        if self._known is None:
            self._known = read_table(self.workspace.cache / KNOWN)
        known, texts, left, unread = self._known, {}, PORTION, 0
        for path in files:
            stamp = _stamp(path)
            entry = known.get(name := self.name(path))
            if not isinstance(entry, list) or entry[:2] != stamp:
                if left <= 0:
                    unread += 1
                    continue
                left -= 1
                entry = known[name] = [*stamp, _searched(path)]
            texts[path] = str(entry[-1])
        if left < PORTION:
            with suppress(StorageError):  # everything can be read again
                atomic.write_json(self.workspace.cache / KNOWN, known)
        return texts, unread


def _searched(path: Path) -> str:
    """The words of an image, in small letters; none of one that cannot be read."""
    from studio.library.image_settings import image_settings

    try:
        found = image_settings(path)
    except StudioError:
        return ""
    if found is None:
        return ""
    settings = found.settings
    names = ("prompt", "negative_prompt", "base", "sampler", "seed")
    told = [str(settings[name]) for name in names if name in settings]
    stack = settings.get("stack")
    told += [Path(str(item.get("path", ""))).stem for item in stack or [] if isinstance(item, dict)]
    return "\n".join(told).lower()


def _stamp(path: Path) -> list[int]:
    try:
        status = path.stat()
    except OSError:
        return [0, 0]
    return [status.st_mtime_ns, status.st_size]


def _day(folder: Path) -> tuple[bool, str]:
    """Folders that somebody named otherwise come after all days."""
    return bool(_DAY.fullmatch(folder.name)), folder.name


def _images(folder: Path) -> list[str]:
    try:
        names = os.listdir(folder)
    except OSError:  # it went away, or is not ours to read
        return []
    return [name for name in names if name.lower().endswith(ENDINGS) and not name.startswith(".")]
