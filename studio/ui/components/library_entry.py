"""What can be done with an entry of the library on the page: star, notes, name, folder, trash.

Owns: these server functions. Refuses to know: how rows and dialogs look, how entries are moved.
A page names an entry by the path of a row that it was sent; any other path is refused.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from studio import architectures
from studio.core.errors import InputError, MissingError, StudioError
from studio.core.names import original, printable
from studio.library.entries import Entry
from studio.library.notes import LONGEST_NOTES
from studio.runs.records import Sampled, only
from studio.ui.live import Json, Page, read

if TYPE_CHECKING:
    from studio.app import Studio

MOST_SAMPLES = 12


class LibraryEntry:
    """The entries of one studio, as a page asks about them."""

    def __init__(self, studio: Studio, page: Page) -> None:
        self.studio, self.page = studio, page
        self.library = studio.library

    def functions(self) -> list[Any]:
        """The server functions of the library that concern single entries."""
        return [
            self.about, self.favourite, self.note, self.rename, self.thumbnail, self.discard,
            self.trashed, self.restore,
        ]  # fmt: skip

    def about(self, argument: Any) -> Json:
        """Everything that the dialog of an entry shows."""
        entry = self._entry(argument)
        info, run = entry.info, entry.note.run
        return {
            "path": printable(info.path),
            "title": entry.title,
            "name": info.name,
            "files": [printable(path.name) for path in entry.paths],
            "folder": entry.folder,
            "folders": self.library.index.folders(),
            "sample": entry.sample,
            "movable": entry.movable,
            "notes": entry.note.notes,
            "facts": [
                ["Base", architectures.title(info.family)],
                ["Trigger", info.trigger_word],
                ["Preferred strength", f"{info.strength:g}" if info.strength else ""],
                ["Problem", info.problem or info.stale],
            ],
            "size": sum(one.size for one in (info, *entry.others)),
            "modified": info.modified,
            "run": self._run(run),
            "samples": self._samples(run),
        }

    def favourite(self, argument: Any) -> bool:
        """Sets or takes away the star."""
        (value,) = read(argument, value=bool)
        entry = self._entry(argument)
        self.library.notes.change(entry.path, favourite=value)
        self.library.index.again(entry.path)
        return bool(value)

    def note(self, argument: Any) -> None:
        """Keeps what somebody wrote about an entry."""
        (text,) = read(argument, notes=str)
        if len(text) > LONGEST_NOTES:
            raise InputError(f"Notes have at most {LONGEST_NOTES:,} characters")
        entry = self._entry(argument)
        self.library.notes.change(entry.path, notes=text.strip())
        self.library.index.again(entry.path)

    def rename(self, argument: Any) -> str:
        """Gives an entry another name, or another folder; its new path."""
        name, folder = read(argument, name=str, folder=str)
        entry = self._own(argument)
        store = self.library.entries
        moved = store.move(
            entry,
            None if name == entry.info.name else name,
            None if folder.strip("/ ") == entry.folder else folder,
        )
        self.library.index.again(entry.path, moved.path)
        return printable(moved.path)

    def thumbnail(self, argument: Any) -> None:
        """Takes a sample of an entry's run as its thumbnail."""
        (file,) = read(argument, file=str)
        entry = self._own(argument)
        if not entry.note.run:
            raise MissingError("The run of this file is not known", where=entry.title)
        image = self.studio.runs.file(entry.note.run, file)
        self.library.choose_thumbnail(entry, image)
        self.library.index.again(entry.path)

    def discard(self, argument: Any) -> Json:
        """Moves an entry to the trash."""
        entry = self._own(argument)
        gone = self.library.trash.put(entry)
        self.library.index.again(entry.path)
        return asdict(gone)

    def trashed(self, argument: Any) -> list[Json]:
        """What can be restored, the newest first."""
        return [asdict(one) for one in self.library.trash.all()]

    def restore(self, argument: Any) -> Json:
        """Brings an entry back; its path and name."""
        (identity,) = read(argument, id=str)
        entry = self.library.trash.restore(original(identity))
        self.library.index.again(entry.path)
        return {"path": printable(entry.path), "title": entry.title, "file": entry.info.name}

    def _entry(self, argument: Any) -> Entry:
        """The entry that a page means, as it is now."""
        (path,) = read(argument, path=str)
        known = self.library.index.entry(original(path))
        if known is None:
            raise MissingError(
                "This file is not in the library any more", remedy="Look through the library again."
            )
        self.studio.workspace.inside(known.path)
        return self.library.entries.entry(known.path)

    def _own(self, argument: Any) -> Entry:
        return self.library.entries.own(self._entry(argument).path)

    def _run(self, run: str) -> Json | None:
        """The run that an entry came from, if it is still there."""
        try:
            return {"id": run, "name": self.studio.runs.view(run).state.name} if run else None
        except StudioError:
            return None

    def _samples(self, run: str) -> list[Json]:
        """The newest sample row of a run, as thumbnails that can be chosen."""
        try:
            rows = only(self.studio.runs.view(run).events, Sampled) if run else []
            names = rows[-1].images[:MOST_SAMPLES] if rows else ()
            files = [(name, self.studio.runs.file(run, name)) for name in names]
            return [
                {"file": name, "thumb": str(self.page.thumbnails.of(path, 96))}
                for name, path in files
            ]
        except (StudioError, OSError):
            return []
