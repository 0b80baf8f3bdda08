"""Entries of the library in the workspace's trash, and on their way back.

Owns: what the trash remembers of an entry. Refuses to know: pages, the rest of the trash.

Each entry has a folder, with a record that is written before the first file goes: a process that
dies in between leaves files in either place, and restoring brings back those that are in the trash.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field

from studio.core import atomic
from studio.core.errors import FileError, InputError, MissingError
from studio.core.names import original, path_of, printable
from studio.core.paths import entries as listed
from studio.core.paths import is_file, is_name, there
from studio.core.record import Filed
from studio.core.text import read_json
from studio.library.entries import Entry
from studio.library.entry_store import MODELS, EntryStore, is_model, move_all
from studio.library.notes import NONE, Note

RECORD = "library-entry.json"


class _Record(Filed):
    """What the trash remembers of an entry."""

    title: str = ""
    kind: str = ""
    stem: str = ""
    root: str = ""
    """The word for the folder it was in: “adapters”, “bases”."""
    folder: str = ""
    """Below that."""
    files: tuple[str, ...] = ()
    """Names, the main file's first; of a model the one of its folder."""
    at: float = 0.0
    """When, in seconds since 1970."""
    notes: dict[str, Any] = Field(default_factory=dict)
    """By file."""


@dataclass(frozen=True)
class Trashed:
    """An entry in the trash."""

    id: str
    title: str
    kind: str
    where: str
    """The folder it was in."""
    at: float
    """When it was put here, in seconds since 1970."""


class Trash:
    """The trashed entries of one library."""

    def __init__(self, store: EntryStore) -> None:
        self._store, self._notes = store, store.notes
        self._library, self._workspace = store.library, store.library.workspace

    def put(self, entry: Entry) -> Trashed:
        """Moves an entry with all that belongs to it to the trash."""
        self._notes.check()
        model = is_model(entry)
        files = [entry.path.parent] if model else self._store.files(entry)
        notes = {path: self._notes.of(path) for path in entry.paths}
        record = _Record(
            title=entry.title,
            kind=entry.info.kind,
            stem=printable(entry.path.stem),
            root=entry.where.split("/")[0],
            folder="" if model else entry.folder,
            files=tuple(printable(file.name) for file in files),
            at=round(time.time(), 3),
            notes={printable(path.name): n.as_json() for path, n in notes.items() if n != NONE},
        )
        home = self._workspace.new_folder(self._workspace.trash, entry.path.stem)
        atomic.write_json(home / RECORD, record.as_json())
        for file in files:
            atomic.move_to_trash(file, home)
        self._notes.forget(notes)
        return _shown(home, record)

    def all(self) -> list[Trashed]:
        """What can be restored, the newest first."""
        found = []
        for folder in listed(self._workspace.trash):
            if is_file(folder / RECORD):
                with contextlib.suppress(FileError):
                    found.append(_shown(folder, _read(folder)))
        return sorted(found, key=lambda one: (one.at, one.id), reverse=True)

    def find(self, name: str) -> Trashed:
        """One by its id, or the newest of a name. MissingError."""
        found = [one for one in self.all() if name in (one.id, one.title)]
        if not found:
            raise MissingError(
                f"There is no “{name[:200]}” of the library in the trash",
                remedy="List what is there: studio.py library list --trash",
            )
        return found[0]

    def restore(self, identity: str) -> Entry:
        """Puts an entry back where it was, under the next free name where that one is taken."""
        home = path_of(self._workspace.trash / identity)
        if not is_name(identity) or not is_file(home / RECORD):
            raise MissingError("This is not in the trash any more", where=identity[:200])
        record = _read(home)
        self._notes.check()
        here = [
            file for name in record.files if is_name(name) and there(file := home / path_of(name))
        ]
        if not here or record.root not in self._library.roots:
            raise MissingError("The files of this entry are not in the trash any more", where=home)
        root = self._library.roots[record.root]
        target = root / path_of(record.folder)
        self._workspace.resolve(target, [root])  # a record may say anything
        model = record.root == MODELS
        places = _places(here, here[0].name if model else original(record.stem), target, model)
        move_all(places)
        main = places[here[0]]
        names = {places[file]: file.name for file in here}
        if model:
            main = main / f"{main.name}.safetensors"
            names = {main: main.name}
        noted = {path: record.notes.get(printable(name)) for path, name in names.items()}
        self._notes.brought({path: Note.read(found) for path, found in noted.items() if found})
        if {path.name for path in listed(home)} <= {RECORD}:  # nothing else lies in it
            atomic.remove_folder(home)
        return self._store.entry(main)


def _places(here: list[Path], stem: str, target: Path, fixed: bool) -> dict[Path, Path]:
    """A free place for each file, all under one name; a model is known by its own alone."""
    for count in range(1, 2 if fixed else 10_000):
        name = stem if count == 1 else f"{stem}-{count}"
        places = {file: target / (name + file.name[len(stem) :]) for file in here}
        if not any(there(place) for place in places.values()):
            return places
    raise InputError(
        f"There is a “{printable(stem)}” already",
        where=target,
        remedy="Rename that one first.",
        safe="The other one stays in the trash.",
    )


def _shown(home: Path, record: _Record) -> Trashed:
    where = "/".join(part for part in (record.root, record.folder) if part)
    return Trashed(printable(home.name), record.title, record.kind, where, record.at)


def _read(folder: Path) -> _Record:
    try:
        return _Record.read(read_json(folder / RECORD))
    except (OSError, ValueError) as error:
        raise FileError(
            "What the trash knows of this entry cannot be read",
            where=folder,
            remedy="Move its files back by hand.",
        ) from error
