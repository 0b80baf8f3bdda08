"""The datasets as the page sees them: a list with names, each known by an id.

Owns: which folders a page may name (the library, and folders opened by hand) and their look.
Refuses to know: tabs, training. A path from a browser is only ever an id looked up here.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio import atomic
from studio.errors import DatasetError, InputError, MissingError, StudioError
from studio.paths import ASSETS, is_folder

if TYPE_CHECKING:
    from studio.formats.dataset import DatasetInfo
    from studio.jobs import Studio

Json = dict[str, Any]


class Library:
    """Datasets by id (their path as text)."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._opened: dict[str, Path] = {}
        self._known: dict[str, Path] = {}
        self._lock = threading.Lock()

    def all(self) -> list[DatasetInfo]:
        """The library, then the folders that were opened by hand."""
        from studio.formats.dataset import read_dataset

        found = list(self._studio.datasets())
        listed = {str(info.path) for info in found}
        with self._lock:
            extra = [path for key, path in self._opened.items() if key not in listed]
        for path in extra:
            try:
                found.append(read_dataset(path))
            except DatasetError:
                continue
        with self._lock:
            self._known = {str(info.path): info.path for info in found}
        return found

    def path(self, identity: str) -> Path:
        """The folder with this id; raises MissingError."""
        with self._lock:
            path = self._known.get(identity) or self._opened.get(identity)
        if path is None:
            self.all()
            path = self._known.get(identity)
        if path is None:
            raise MissingError(
                "This dataset is not in the list any more", remedy="Open its folder again."
            )
        return path

    def own(self, identity: str) -> Path:
        """`path`, but refused for the samples that ship: they stay as they are."""
        path = self.path(identity)
        if path.resolve().is_relative_to(ASSETS):
            raise InputError(
                "This is a sample that ships with the studio",
                remedy="Make a copy of it first; the copy is yours.",
            )
        return path

    def copy(self, identity: str) -> str:
        """A copy of a dataset in the workspace, held-out pictures included; returns its id."""
        source = self.path(identity)
        files = sorted(path for path in source.iterdir() if path.is_file())
        info = self._studio.import_dataset(files, source.name)
        held_out = next(
            (known.held_out for known in self.all() if known.path == source and known.held_out),
            None,
        )
        for file in sorted(held_out.iterdir()) if held_out else []:
            if file.is_file():
                atomic.copy_file(file, info.path / file.relative_to(source))
        return str(info.path)

    def open(self, folder: str) -> str:
        """Adds a folder on this machine; returns its id. Raises DatasetError when it is unusable."""
        from studio.formats.dataset import read_dataset

        if not folder.strip() or "\x00" in folder:
            raise DatasetError("No folder is named", remedy="Type or paste the path of a folder.")
        path = Path(folder.strip().strip("\"'")).expanduser()
        if not path.is_absolute():
            inside = self._studio.workspace.datasets / path
            path = inside if is_folder(inside) else path.absolute()
        info = read_dataset(path)
        resolved = self._studio.workspace.open_folder(info.path)
        with self._lock:
            self._opened[str(resolved)] = resolved
        return str(resolved)

    def file(self, identity: str, name: str) -> Path:
        """A picture of a dataset by its relative name; raises InputError outside the folder."""
        folder = self.path(identity).resolve()
        return self._studio.workspace.resolve(folder / name, [folder])


def contents(folder: Path) -> Json:
    """A dataset picture by picture, broken ones with their reason. Captions keyed by file name."""
    from studio.formats.dataset import read_captions, read_dataset
    from studio.formats.images import image_size

    captions = read_captions(folder)
    try:
        info = read_dataset(folder)
    except DatasetError:
        if not captions:
            raise
        info = None
    good = {item.path for item in info.items} if info else set()
    items = []
    for path, text in captions.items():
        item: Json = {"file": path.relative_to(folder).as_posix(), "caption": text or ""}
        if path not in good:
            try:
                image_size(path)
            except StudioError as error:
                item["problem"] = " ".join(filter(None, (error.what + ".", error.why)))
        items.append(item)
    return {
        "name": info.name if info else folder.name,
        "path": str(folder),
        "trigger": info.trigger if info else "",
        "class_word": info.class_word if info else "",
        "kind": info.kind if info else "subject",
        "held_out": bool(info and info.held_out),
        "problems": info.problems if info else [],
        "items": items,
    }
