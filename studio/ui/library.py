"""The datasets as the page sees them: a list with names, each known by an id.

Owns: which folders a page may name (the library, and folders opened by hand) and their look.
Refuses to know: tabs, training. A path from a browser is only ever an id looked up here.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.checkup.captions import trigger_words
from studio.core import atomic
from studio.core.errors import DatasetError, InputError, MissingError
from studio.core.names import original, path_of, printable
from studio.core.paths import ASSETS, is_folder, there
from studio.ui.opened_folders import OpenedFolders

if TYPE_CHECKING:
    from studio.app import Studio
    from studio.formats.captions import Looked
    from studio.formats.dataset import DatasetInfo
    from studio.formats.dataset_list import DatasetSummary
    from studio.formats.image_memory import ImageMemory

Json = dict[str, Any]
AWAY = "This folder is not there now"


class Library:
    """Datasets by id (their path as text)."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self.opened = OpenedFolders(studio.workspace)
        self._known: dict[str, Path] = {}
        self._lock = threading.Lock()

    def all(self) -> list[DatasetSummary]:
        """The library, then the folders that were opened by hand."""
        found = list(self._studio.library.datasets())
        listed = {printable(info.path) for info in found}
        extra = [path for key, path in self.opened.all().items() if key not in listed]
        found += [info for path in extra if (info := self._summary(path)).images or info.problems]
        with self._lock:
            self._known = {printable(info.path): info.path for info in found}
        return found

    def _summary(self, folder: Path) -> DatasetSummary:
        """A folder that was opened by hand, also while it is not there."""
        if is_folder(folder):
            return self._studio.library.summary(folder)
        from studio.formats.dataset_list import DatasetSummary

        name = printable(folder.name) or printable(folder)
        return DatasetSummary(name=name, path=folder, problems=[AWAY])

    def path(self, identity: str) -> Path:
        """The folder with this id; raises MissingError."""
        with self._lock:
            path = self._known.get(identity)
        if path is None:
            self.all()
            path = self._known.get(identity)
        if path is None:
            raise MissingError(
                "This dataset is not in the list any more", remedy="Open its folder again."
            )
        return self._studio.workspace.images_folder(path)

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
        """A copy of a dataset in the workspace, sub-folders included; returns its id."""
        source = self.path(identity)
        return printable(self._studio.library.import_dataset([source], source.name).path)

    def open(self, folder: str) -> str:
        """Adds a folder on this machine; returns its id. Raises DatasetError when it is unusable."""
        if not folder.strip() or "\x00" in folder:
            raise DatasetError("No folder is named", remedy="Type or paste the path of a folder.")
        workspace = self._studio.workspace
        text = folder.strip().strip("\"'")
        inside = path_of(workspace.datasets / text)
        path = workspace.named(inside if there(inside) else text)
        info = self._studio.library.read_dataset(workspace.images_folder(path))
        return self.opened.add(workspace.open_folder(info.path))

    def file(self, identity: str, name: str) -> Path:
        """An image of a dataset by its relative name; raises InputError outside the folder."""
        folder = self.path(identity).resolve()
        return self._studio.workspace.resolve(folder / original(name), [folder])

    def discard_strays(self, identity: str, names: Sequence[str]) -> int:
        """Moves captions without an image to the trash, of those named what still is one."""
        folder = self.own(identity)
        strays = self._studio.library.read_dataset(folder).unused.groups.get("captions", [])
        found = [name for name in strays if name in names]
        for name in found:
            atomic.move_to_trash(folder / original(name), self._studio.workspace.trash)
        return len(found)


def contents(folder: Path, images: ImageMemory, looked: Looked | None = None) -> Json:
    """A dataset image by image, broken ones with their reason. Captions keyed by file name.

    `looked` as in `read_captions`."""
    from studio.formats.captions import Looked
    from studio.formats.dataset import read_captions, read_dataset
    from studio.formats.several import Listed

    looked = looked or Looked()
    captions = read_captions(folder, looked)
    info: DatasetInfo | None = None
    trouble: list[str] = []
    try:
        info = read_dataset(folder, images, looked)
    except DatasetError as error:
        if not captions:
            raise
        trouble = [error.sentence()]
    broken = info.broken if info else images.broken(captions)
    words = _own_words(info) if info else {}
    items = []
    for path, text in captions.items():
        item: Json = {"file": printable(path.relative_to(folder).as_posix()), "caption": text or ""}
        item["several"] = isinstance(text, Listed) or bool(info and info.lines)
        if path in broken:
            item["problem"] = broken[path]
        if path in words:
            item["word"] = words[path]
        items.append(item)
    return {
        "name": info.name if info else printable(folder.name),
        "path": printable(folder),
        "trigger": info.trigger if info else "",
        "class_word": info.class_word if info else "",
        "kind": info.kind if info else "subject",
        "held_out": bool(info and info.held_out),
        "lines": bool(info and info.lines),
        "problems": _worth_knowing(info) if info else trouble,
        "strays": info.unused.groups.get("captions", []) if info else [],
        "items": items,
    }


def _own_words(info: DatasetInfo) -> dict[Path, str]:
    """The trigger word of each image in a dataset of several concepts; else none, it has one of its own."""
    words = trigger_words(info, info.trigger)
    own = zip(words, info.items, strict=False)
    return {item.path: word for word, item in own if word != info.trigger}


def _worth_knowing(info: DatasetInfo) -> list[str]:
    """What a person should hear of a dataset before its images are described: what went wrong, what
    of the folder is not used, how it was read."""
    unused = info.unused.sentence(masks_used=True)  # whether masks are used is the run's to say
    return [*info.problems, *([unused] if unused else []), *info.notes]
