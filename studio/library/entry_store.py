"""The entries of a library: found by name, listed, moved to another name or folder.

Owns: which files go along with an entry, which names it may have. Refuses to know: pages, what
headers say. Every file is moved in one step of the system; what is noted about it follows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from studio.core import atomic
from studio.core.errors import InputError, MissingError
from studio.core.names import original, printable
from studio.core.paths import entries as listed
from studio.core.paths import there
from studio.core.refused_names import why_refused
from studio.library.adapter_info import ADAPTER_ENDINGS
from studio.library.entries import Entry, entries_of, grouped
from studio.library.files import LibraryFiles
from studio.library.notes import Notes

MODELS = "bases"
ALONG = (
    ".pt.optim", ".preview.png", ".preview.jpg", ".preview.jpeg", ".preview.webp", ".png", ".jpg",
    ".jpeg", ".webp", ".txt", ".json", ".yaml", ".civitai.info",
)  # fmt: skip
"""Endings of what programs put beside an adapter file of the same name."""
FORBIDDEN = '<>:"|?*\\/'
LONGEST_NAME = 200  # bytes; endings come on top


class EntryStore:
    """Finds and moves entries of one library."""

    def __init__(self, library: LibraryFiles, notes: Notes) -> None:
        self.library, self.notes = library, notes

    def all(self) -> list[Entry]:
        """Every entry, by title; headers only, cached."""
        groups = grouped(self.library.adapter_files())
        found = [entry for group in groups for entry in self.of_group(group)]
        self.library.headers.save()
        if self.notes.follow(stamps(found)):
            found = [entry for group in groups for entry in self.of_group(group)]
        return sorted(found, key=lambda entry: (entry.title.casefold(), entry.where))

    def of_group(self, group: Iterable[Path]) -> list[Entry]:
        """The entries among files side by side that share a name without its ending."""
        infos = [self.library.listed(path) for path in group if path.exists()]
        return entries_of(infos, self.library.roots, self.notes.named)

    def of_run(self, run: str) -> list[Path]:
        """The files of a run, wherever they are now."""
        named = (name.partition("/") for name in self.notes.of_run(run))
        paths = [self.library.roots[word] / original(rest) for word, _, rest in named]
        return [path for path in paths if path.is_file()]

    def entry(self, name: str | Path) -> Entry:
        """An entry by its name, or by the path of one of its files.

        Raises MissingError, and InputError where a name fits several files.
        """
        path = name if isinstance(name, Path) else self.library.adapter_path(name)
        found = [entry for entry in self._beside(path) if path in entry.paths]
        if not found:
            raise MissingError("This is no adapter of the library", where=printable(path.name))
        return found[0]

    def own(self, name: str | Path) -> Entry:
        """The same, but InputError for what ships with the studio: it stays as it is."""
        entry = self.entry(name)
        if entry.sample:
            raise InputError(
                "This is a sample that ships with the studio",
                where=entry.title,
                why="Samples stay as they are.",
                safe="Nothing was changed.",
            )
        if entry.where.split("/")[0] not in self.library.roots:
            raise InputError("This file is not in the library", where=entry.path)
        return entry

    def move(self, entry: Entry, name: str | None = None, folder: str | None = None) -> Entry:
        """Gives an entry another name, or puts it into another folder below `adapters/`.

        InputError for a name that cannot be, or that is taken; then nothing is moved.
        """
        self.notes.check()
        stem, target = entry.path.stem, entry.path.parent
        new = stem if name is None else _named(name, entry)
        if folder is not None:
            if is_model(entry):
                raise InputError("A whole model stays in the folder of bases", where=entry.title)
            target = self.library.workspace.inside(_below(self.library.roots["adapters"], folder))
        places = {file: target / (new + file.name[len(stem) :]) for file in self.files(entry)}
        if all(old == place for old, place in places.items()):
            return entry
        _check_free(places)
        move_all(places)
        if is_model(entry):
            home = _rename_folder(entry.path.parent, new)
            places = {old: home / place.name for old, place in places.items()}
        noted = {old: places[old] for old in entry.paths}
        self.notes.moved(noted, renamed=new != stem)
        return self.entry(places[entry.path])

    def files(self, entry: Entry) -> list[Path]:
        """All that goes along with an entry: its formats, previews, what programs put beside it.

        The main file comes first. What lies beside two entries of one name stays.
        """
        own = list(entry.paths)
        if len(self._beside(entry.path)) > 1:
            return own
        beside = (entry.path.with_name(entry.path.stem + ending) for ending in ALONG)
        return own + [file for file in beside if file not in own and file.is_file()]

    def _beside(self, path: Path) -> list[Entry]:
        """The entries whose files are called as `path` is, up to their endings."""
        return self.of_group(
            file
            for file in listed(path.parent)
            if file.stem == path.stem and file.suffix.lower() in ADAPTER_ENDINGS
        )


def stamps(entries: Iterable[Entry]) -> dict[Path, tuple[int, float]]:
    """Size in bytes and time of change of each file, by which a moved one is found again."""
    infos = (info for entry in entries for info in (entry.info, *entry.others))
    return {info.path: (info.size, info.modified) for info in infos}


def is_model(entry: Entry) -> bool:
    """Whether it is a whole model, which has a folder of its own."""
    return entry.where.startswith(f"{MODELS}/")


def move_all(places: Mapping[Path, Path]) -> None:
    """Moves every file to its place; when one cannot be, those before it go back."""
    done: list[tuple[Path, Path]] = []
    try:
        for old, new in places.items():
            if old != new:
                atomic.move(old, new)
                done.append((old, new))
    except BaseException as error:
        for old, new in reversed(done):
            atomic.move(new, old)
        if isinstance(error, FileExistsError):
            raise _taken(Path(str(error.filename2 or error.filename or ""))) from error
        raise


def _rename_folder(folder: Path, name: str) -> Path:
    try:
        return atomic.move(folder, folder.with_name(name))
    except FileExistsError as error:
        raise _taken(folder.with_name(name)) from error


def _check_free(places: Mapping[Path, Path]) -> None:
    for old, new in places.items():
        if old != new and there(new):
            raise _taken(new)


def _taken(path: Path) -> InputError:
    return InputError(
        f"There is a file “{printable(path.name)}” already",
        where=path.parent,
        remedy="Take another name.",
        safe="Nothing was moved.",
    )


def _named(name: str, entry: Entry) -> str:
    """The name that somebody wrote, without the ending; InputError for one that cannot be."""
    new = original(name.strip())
    ending = entry.path.suffix
    new = new[: -len(ending)] if new.lower().endswith(ending.lower()) and new != ending else new
    why = why_refused(new)
    if bad := sorted({letter for letter in new if letter in FORBIDDEN}):
        why = f"It holds {' '.join(bad)}, which prompts, options and other systems read otherwise."
    elif new.startswith("."):
        why = "A name that begins with a full stop is hidden."
    elif len(new.encode("utf-8", "surrogateescape")) > LONGEST_NAME:
        why = "It is too long."
    if why:
        raise InputError(
            f"“{printable(new)[:100]}” cannot be the name of a file"
            if new
            else "The name is empty",
            why=why[0].upper() + why[1:],
            remedy="Take another name.",
            safe="Nothing was moved.",
        )
    return new


def _below(root: Path, folder: str) -> Path:
    """A folder below `root`, “” for itself; InputError for one that leads elsewhere."""
    inside = original(folder.strip().replace("\\", "/").strip("/"))
    parts: Iterable[str] = inside.split("/") if inside else ()
    if inside and (why_refused(inside) or any(part.startswith(".") for part in parts)):
        raise InputError(
            f"“{printable(inside)[:100]}” cannot be a folder of the library",
            remedy="Write the names of folders, with “/” between them.",
            safe="Nothing was moved.",
        )
    return root / inside
