"""Bringing images, captions, masks and tables into a dataset: nothing overwritten, nothing unsaid.

Owns: copying what arrived, new names for what is already there under another content, and the
account of all that was left out. Refuses to know: uploads, the page, what a caption means.
The originals are only read.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from studio.core import atomic
from studio.core.counts import counted
from studio.core.errors import DatasetError, StudioError
from studio.core.names import same_name
from studio.core.paths import slug
from studio.formats.caption_tables import TABLES, Tables
from studio.formats.captions import is_image, write_caption
from studio.formats.dataset import HELD_OUT, DatasetInfo, read_dataset
from studio.formats.dataset_file import DATASET_FILE
from studio.formats.masks import holds_masks
from studio.library.arrivals import Arrival, Group, LeftOut, grouped, usable
from studio.library.given_files import Given, arrivals_of, files_below
from studio.library.unpacking import unpacked


@dataclass(frozen=True)
class Imported(DatasetInfo):
    """A dataset after an import, and what became of every file. Paths are relative to it."""

    copied: list[str] = field(default_factory=list)
    """Files that were written, by the names they have now."""
    renamed: dict[str, str] = field(default_factory=dict)
    """Name it came with → name it has now, where another file had that name."""
    same: list[str] = field(default_factory=list)
    """Files that were here already with the same content."""
    left_out: list[LeftOut] = field(default_factory=list)
    """Files that are not in the dataset now, each with the reason."""


def import_files(
    given: Iterable[Given], datasets: Path, name: str, into: Path | None = None
) -> Imported:
    """Copies files and folders into a new dataset below `datasets`, or into the dataset `into`.

    Raises DatasetError when no image is among them, StorageError when the disk refuses; a new
    dataset that could not be finished is removed again.
    """
    arrivals, left_out = arrivals_of(list(given))
    with unpacked(arrivals, datasets, left_out) as all_of_them:
        return _imported(all_of_them, left_out, datasets, name, into)


def _imported(arrivals: list[Arrival], left_out: list[LeftOut], datasets: Path, name: str,
              into: Path | None) -> Imported:  # fmt: skip
    places, unusable = usable([arrival.name for arrival in arrivals])
    left_out += unusable
    arrivals = [arrivals[place] for place in places]
    if not any(is_image(arrival.name) for arrival in arrivals) and into is None:
        first = f" The first: {left_out[0].name} is {left_out[0].why}." if left_out else ""
        raise DatasetError(
            "There is no image among these files",
            why=f"{counted(len(left_out), 'file')} cannot be used.{first}" if left_out else None,
            remedy="Drop PNG, JPEG or WebP images, or the folder that holds them.",
        )
    folder = _new_folder(datasets, name) if into is None else into
    work = _Import(folder, left_out)
    try:
        work.run(arrivals)
        if into is None:
            _count_plain_folders(folder, work.copied)
        info = read_dataset(folder)
    except StudioError:
        if into is None:
            atomic.remove_folder(folder)
        raise
    facts = {f.name: getattr(info, f.name) for f in dataclasses.fields(info)}
    return Imported(**facts, copied=work.copied, renamed=work.renamed, same=work.same,
                    left_out=work.left_out)  # fmt: skip


class _Import:
    """One import into one folder."""

    def __init__(self, folder: Path, left_out: list[LeftOut]) -> None:
        self.folder = folder
        self.left_out = left_out
        self.copied: list[str] = []
        self.renamed: dict[str, str] = {}
        self.same: list[str] = []
        self.placed: list[tuple[Group, str]] = []
        here = [
            Arrival(path.relative_to(folder).as_posix(), path)
            for path in files_below(folder, [])
            if not path.name.startswith(".")
        ]
        groups, _ = grouped(here)
        self.files = {same_name(a.name): a.file for a in here}
        self.groups = {(same_name(g.folder), same_name(g.stem)): g for g in groups}

    def run(self, arrivals: list[Arrival]) -> None:
        """Copies one group of files after another, then the tables."""
        groups, tables = grouped(self._without_twins_by_case(arrivals))
        self.told = _Told(tables, arrivals)
        for group in groups:
            for one in self._apart(group):
                self._place(one)
        staying = [table for table in tables if not self._place_table(table)]
        if staying:
            for group, stem in self.placed:
                self._tell(group, stem)

    def _leave(self, arrival: Arrival, why: str) -> None:
        self.left_out.append(LeftOut(arrival.name, why))

    def _without_twins_by_case(self, arrivals: list[Arrival]) -> list[Arrival]:
        """Without names that differ from an earlier one by case alone, and what belongs to them.

        On systems that do not tell them apart one would replace the other, and a caption of the
        one would be read as the other's.
        """
        first: dict[str, str] = {}
        for arrival in arrivals:
            first.setdefault(same_name(arrival.name), arrival.name)
        kept = []
        for group in [*(groups := grouped(arrivals))[0]]:
            twin = next((first[same_name(a.name)] for a in group.images
                         if first[same_name(a.name)] != a.name), None)  # fmt: skip
            for arrival in group.arrivals:
                other = twin or first[same_name(arrival.name)]
                if twin or other != arrival.name:
                    self._leave(arrival, f"but for upper and lower case it is called as {other}")
                else:
                    kept.append(arrival)
        for table in groups[1]:
            if (other := first[same_name(table.name)]) != table.name:
                self._leave(table, f"but for upper and lower case it is called as {other}")
            else:
                kept.append(table)
        return kept

    def _apart(self, group: Group) -> list[Group]:
        """Groups in which no name occurs twice: the n-th of each name belong together."""
        by_name: dict[str, list[Arrival]] = {}
        for arrival in group.arrivals:
            by_name.setdefault(arrival.name, []).append(arrival)
        most = max(len(by_name[a.name]) for a in group.arrivals)
        if most == 1:
            return [group]
        apart = [Group(group.folder, group.stem) for _ in range(most)]
        for name, several in by_name.items():
            if len(several) != most:
                for arrival in several:
                    self._leave(arrival, f"of {most} files of one name, it is not clear to which "
                                f"{name} belongs")  # fmt: skip
                continue
            for one, arrival in zip(apart, several, strict=True):
                one.arrivals.append(arrival)
        return [one for one in apart if one.arrivals]

    def _tell(self, group: Group, stem: str) -> None:
        """Writes beside images what an arriving table says of them, where it cannot say it itself:
        it knows them under other names, or stays away."""
        for image in group.images:
            target = group.renamed(image, stem)
            text = self.told.of(image)
            if text is None or target not in self.copied or _has_caption(group):
                continue
            file = write_caption(self.folder / target, text)
            if (name := file.relative_to(self.folder).as_posix()) not in self.copied:
                self.copied.append(name)

    def _place(self, group: Group) -> None:
        """Copies one image with all that belongs to it, under a name that is free for all."""
        for stem in _stems(group.stem):
            key = same_name(group.folder), same_name(stem)
            here = self.groups.get(key)
            if here is None:
                break
            if self._same_image(group, stem):
                self._beside(group, stem)
                return
        self.groups[key] = Group(group.folder, stem)
        for arrival in group.arrivals:
            self._copy(arrival, group.renamed(arrival, stem))
        self.placed.append((group, stem))
        if stem != group.stem:
            self._tell(group, stem)

    def _same_image(self, group: Group, stem: str) -> bool:
        """Whether every image of the group is here under this name; without images: any is."""
        if not group.images:
            return True
        return all(self._same(a, group.renamed(a, stem)) for a in group.images)

    def _beside(self, group: Group, stem: str) -> None:
        """The image is here: what belongs to it is added where it is missing, never replaced."""
        for arrival in group.arrivals:
            target = group.renamed(arrival, stem)
            if self._same(arrival, target):
                self.same.append(target)
            elif same_name(target) in self.files:
                self._leave(arrival, f"the dataset has another {target}, which stays")
            else:
                self._copy(arrival, target)

    def _place_table(self, table: Arrival) -> bool:
        """Copies a table of a whole folder; False when another one stays in its place."""
        if self._same(table, table.name):
            self.same.append(table.name)
        elif same_name(table.name) not in self.files:
            self._copy(table, table.name)
        else:
            self._leave(table, f"the dataset has another {table.name}, which stays")
            return False
        return True

    def _same(self, arrival: Arrival, target: str) -> bool:
        here = self.files.get(same_name(target))
        if here is None or here.stat().st_size != arrival.file.stat().st_size:
            return False
        return atomic.sha256(here) == atomic.sha256(arrival.file)

    def _copy(self, arrival: Arrival, target: str) -> None:
        if not os.access(arrival.file, os.R_OK):
            self._leave(arrival, "it cannot be read")
            return
        atomic.copy_file(arrival.file, self.folder / target)
        self.files[same_name(target)] = self.folder / target
        self.copied.append(target)
        if target != arrival.name:
            self.renamed[arrival.name] = target


class _Told:
    """What arriving tables say of arriving images."""

    def __init__(self, tables: list[Arrival], arrivals: list[Arrival]) -> None:
        self._names = Counter(arrival.name for arrival in arrivals)
        self._tables = [
            (str(PurePosixPath(table.name).parent), Tables(table.file.parent))
            for table in tables
            if table.file.name in TABLES and PurePosixPath(table.name).name in TABLES
        ]

    def of(self, image: Arrival) -> str | None:
        """The caption of an image; None also where two came under its name."""
        if self._names[image.name] > 1:
            return None
        for place, table in self._tables:
            path = PurePosixPath(image.name)
            if path.is_relative_to(place):
                text = table.of(table.folder / path.relative_to(place))
                if text is not None:
                    return text
        return None


def _stems(stem: str) -> Iterable[str]:
    yield stem
    yield from (f"{stem}-{count}" for count in range(2, 10_000))
    raise DatasetError(f"There are too many files called “{stem}”", remedy="Rename it.")


def _has_caption(group: Group) -> bool:
    return any(not is_image(arrival.name) for arrival in group.arrivals)


def _new_folder(datasets: Path, name: str) -> Path:
    """A folder made just now: two imports at once never get the same."""
    stem = slug(name, "my-dataset")
    for count in range(1, 10_000):
        folder = datasets / (stem if count == 1 else f"{stem}-{count}")
        with contextlib.suppress(FileExistsError):
            return atomic.new_folder(folder)
    raise DatasetError(f"There are too many datasets called “{stem}”", where=datasets)


def _count_plain_folders(folder: Path, names: list[str]) -> None:
    """Says in `dataset.toml` that sub-folders count, where no image would count otherwise.

    Images of two cameras, dropped together, lie in a sub-folder each.
    """
    inner = {PurePosixPath(name).parts[0] for name in names
             if is_image(name) and len(PurePosixPath(name).parts) == 2}  # fmt: skip
    plain = sorted(name for name in inner if name != HELD_OUT and not holds_masks(name))
    if not plain or (folder / DATASET_FILE).exists():
        return
    try:
        read_dataset(folder)
    except DatasetError:
        lines = [f"{json.dumps(name, ensure_ascii=False)} = 1\n" for name in plain]
        atomic.write_text(folder / DATASET_FILE, "[folders]\n" + "".join(lines))
