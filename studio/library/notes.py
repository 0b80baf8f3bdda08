"""What a person and the studio noted about adapter files: favourite, notes, and the run they came from.

Owns: `library.json` of the workspace, its one place. Refuses to know: what the files hold, pages.

A note is kept by the file's unmistakable name (`adapter_names.name_of`) together with the file's size
and time of change: a file that somebody moved with another program is found again by these.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from studio.core import atomic, locks
from studio.core.errors import FileError, StorageError
from studio.core.paths import Workspace
from studio.core.record import Record
from studio.core.text import read_json

FILE = "library.json"
VERSION = 1
LONGEST_NOTES = 10_000
LOCK_SECONDS = 10.0
NameOf = Callable[[Path], str]


class Note(Record):
    """What is known of one file besides what is in it."""

    favourite: bool = False
    notes: str = ""
    run: str = ""
    """The id of the run that wrote it."""
    name: str = ""
    """What that run is called; a file that was given another name has none."""
    size: int = 0
    """Bytes, when it was noted."""
    modified: float = 0.0
    """Seconds since 1970, when it was noted."""


NONE = Note()


class Notes:
    """The notes of a workspace; safe to ask from several threads and several studios."""

    def __init__(self, workspace: Workspace, name_of: NameOf) -> None:
        self._file = workspace.root / FILE
        self._lock_file = workspace.root / "cache" / ".library"
        self._name_of = name_of
        self._table: dict[str, Any] = {}
        self._notes: dict[str, Note] = {}
        self._stamp: tuple[int, int, int] | None = None
        self._assumed: dict[str, Note] = {}
        self._lock = threading.RLock()

    def of(self, path: Path) -> Note:
        """The note of a file; an empty one where nothing was noted."""
        return self.named(self._name_of(path))

    def named(self, name: str) -> Note:
        """The same by the file's unmistakable name."""
        with self._lock, contextlib.suppress(FileError):
            self._refresh()
        return self._notes.get(name) or self._assumed.get(name, NONE)

    def of_run(self, run: str) -> list[str]:
        """The names of the files that a run wrote, wherever they are now."""
        with self._lock, contextlib.suppress(FileError):
            self._refresh()
            known = {**self._assumed, **self._notes}
            return [name for name, note in known.items() if note.run == run]
        return []

    def check(self) -> None:
        """FileError where the notes cannot be read, hence not be changed."""
        with self._lock:
            self._refresh()

    def change(self, path: Path, **facts: Any) -> Note:
        """Notes other facts about a file. FileError where the notes cannot be read: they stay."""
        name = self._name_of(path)
        with self._changing() as table:
            note = self.of(path).changed(**facts, **_stamp_of(path))
            table[name] = note.as_json()
        return note

    def assume(self, notes: Mapping[Path, Note]) -> None:
        """What holds for files about which nothing is noted; it is not written."""
        with self._lock:
            self._assumed |= {self._name_of(path): note for path, note in notes.items()}

    def moved(self, places: Mapping[Path, Path], *, renamed: bool) -> None:
        """Files are elsewhere now. What was `renamed` has its own name, no longer its run's."""
        notes = {new: self.of(old) for old, new in places.items()}
        with self._changing() as table:
            for old, new in places.items():
                table.pop(self._name_of(old), None)
                self._assumed.pop(self._name_of(old), None)
                _put(table, self._name_of(new), notes[new], new, renamed)

    def forget(self, paths: Iterable[Path]) -> None:
        """Nothing is noted about these files any more."""
        with self._changing() as table:
            for name in map(self._name_of, paths):
                table.pop(name, None)
                self._assumed.pop(name, None)

    def brought(self, notes: Mapping[Path, Note]) -> None:
        """What was noted about files that are here again."""
        with self._changing() as table:
            for path, note in notes.items():
                _put(table, self._name_of(path), note, path, False)

    def follow(self, seen: Mapping[Path, tuple[int, float]]) -> bool:
        """Finds again what was moved with another program, among all files there are (size in
        bytes, time of change); whether anything was."""
        with self._lock, contextlib.suppress(FileError):
            self._refresh()
        here = {self._name_of(path): (path, stamp) for path, stamp in seen.items()}
        lost = {
            (note.size, note.modified): name
            for name, note in self._notes.items()
            if name not in here and note.size
        }
        places = {
            name: lost[stamp]
            for name, (_, stamp) in here.items()
            if name not in self._notes and stamp in lost
        }
        if not places:
            return False
        with self._changing() as table:
            for new, old in places.items():
                renamed = Path(old).name != Path(new).name
                if values := table.pop(old, None):
                    _put(table, new, Note.read(values), here[new][0], renamed)
        return True

    @contextmanager
    def _changing(self) -> Iterator[dict[str, Any]]:
        """The table as it is on disk now; written afterwards."""
        with self._lock, _alone(self._lock_file):
            self._refresh()
            table = dict(self._table)
            yield table
            if table == self._table:
                return
            atomic.write_json(self._file, {"version": VERSION, "files": table})
            self._refresh()

    def _refresh(self) -> None:
        """Reads the file where it changed; FileError when it cannot be understood."""
        try:
            status = self._file.stat()
        except OSError:
            self._table, self._notes, self._stamp = {}, {}, None
            return
        stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
        if stamp == self._stamp:
            return
        self._table = _read(self._file)
        self._notes = dict(_notes(self._table))
        self._stamp = stamp


def _read(file: Path) -> dict[str, Any]:
    try:
        found = read_json(file)["files"]
        return {str(name): value for name, value in found.items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise FileError(
            "The notes of the library cannot be read",
            where=file,
            why="The file is damaged, or is no table.",
            remedy="Mend it, or move it away: then favourites and notes begin anew.",
            safe="No adapter file was changed.",
        ) from error


def _notes(table: Mapping[str, Any]) -> Iterator[tuple[str, Note]]:
    for name, value in table.items():
        with contextlib.suppress(ValueError):  # one that makes no sense stays in the file as it is
            yield name, Note.read(value)


def _put(table: dict[str, Any], name: str, note: Note, path: Path, renamed: bool) -> None:
    if note == NONE:
        return
    own = {"name": ""} if renamed else {}
    table[name] = note.changed(**own, **_stamp_of(path)).as_json()


def _stamp_of(path: Path) -> dict[str, Any]:
    try:
        status = path.stat()
    except OSError:
        return {}
    return {"size": status.st_size, "modified": status.st_mtime}


@contextmanager
def _alone(file: Path) -> Iterator[None]:
    """No other studio changes the notes meanwhile, as far as the file system knows locks."""
    lock, until = None, time.monotonic() + LOCK_SECONDS
    with contextlib.suppress(OSError, StorageError):
        atomic.make_folder(file.parent)
        while (lock := locks.take(file)) is None and time.monotonic() < until:
            time.sleep(0.02)
    try:
        yield
    finally:
        if lock is not None:
            lock.release()
