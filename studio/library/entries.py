"""The library's entries: one for each trained thing, whatever number of files it has.

Owns: which files are one entry, what it is called, and how entries of one name are told apart.
Refuses to know: what headers say (`files`), who looks through the folders (`index`), pages.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from studio.core.names import printable
from studio.library import adapter_names
from studio.library.adapter_info import ADAPTER_ENDINGS, AdapterInfo
from studio.library.notes import Note

SAMPLES = "samples"
"""The word for the folder of what ships."""


@dataclass(frozen=True)
class Entry:
    """One trained thing: its main file, and what is noted about it."""

    info: AdapterInfo
    """Of the main file, the safest format that there is."""
    others: tuple[AdapterInfo, ...]
    """The same in other formats."""
    where: str
    """The name by which it cannot be mistaken: “adapters/folder/file.safetensors”."""
    note: Note

    @property
    def path(self) -> Path:
        """The main file."""
        return self.info.path

    @property
    def paths(self) -> tuple[Path, ...]:
        """Every format, the main file first."""
        return tuple(info.path for info in (self.info, *self.others))

    @property
    def title(self) -> str:
        """The name of its run; of what was renamed, or comes from elsewhere, that of its file."""
        return self.note.name or self.info.name

    @property
    def folder(self) -> str:
        """Below the folder of adapters, “” at its top."""
        return "/".join(self.where.split("/")[1:-1])

    @property
    def sample(self) -> bool:
        """Whether it ships with the studio."""
        return self.where.startswith(f"{SAMPLES}/")

    @property
    def movable(self) -> bool:
        """Whether it lies among the adapters of the workspace, in one of its folders."""
        return self.where.startswith("adapters/")


def grouped(paths: Iterable[Path]) -> list[list[Path]]:
    """Files side by side that share a name without its ending, together."""
    key: Callable[[Path], tuple[str, str]] = lambda path: (str(path.parent), path.stem)  # noqa: E731
    return [list(files) for _, files in groupby(sorted(paths, key=key), key)]


def entries_of(
    infos: Sequence[AdapterInfo], roots: Mapping[str, Path], note_of: Callable[[str], Note]
) -> list[Entry]:
    """The entries among files of one group: one for each kind, one for each that is broken.

    `note_of` is asked by unmistakable names.
    """
    found: dict[str, list[AdapterInfo]] = {}
    for info in sorted(infos, key=lambda info: _rank(info.path)):
        if not info.is_plain_image:
            found.setdefault(info.kind if info.usable else str(info.path), []).append(info)
    mains = [
        (adapter_names.name_of(first.path, roots), first, others)
        for first, *others in found.values()
    ]
    return [Entry(first, tuple(others), where, note_of(where)) for where, first, others in mains]


def labels(entries: Iterable[Entry]) -> dict[Path, str]:
    """What each entry is called where all of them are listed: no two alike."""
    entries = list(entries)
    count = Counter(entry.title.casefold() for entry in entries)
    return {
        entry.path: entry.title
        if count[entry.title.casefold()] == 1
        else f"{entry.title} ({entry.where})"
        for entry in entries
    }


def names(entries: Iterable[Entry]) -> list[str]:
    """The shortest name of each main file that means no other; for fields that take names."""
    entries = list(entries)
    count = Counter(entry.path.name.casefold() for entry in entries)
    return [
        printable(entry.path.name) if count[entry.path.name.casefold()] == 1 else entry.where
        for entry in entries
    ]


def _rank(path: Path) -> tuple[int, str]:
    ending = path.suffix.lower()
    known = ADAPTER_ENDINGS.index(ending) if ending in ADAPTER_ENDINGS else len(ADAPTER_ENDINGS)
    return known, path.name
