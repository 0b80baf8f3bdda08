"""A dataset: a folder of pictures with captions beside them, and what `dataset.toml` says of it.

    my cat/                 what people drop: pictures and captions of the same name
      1.png  1.txt
      2.jpg  2.caption      the older ending is read, never written
      dataset.toml          optional: name, trigger, class_word, kind, repeats, held_out, folders
      metadata.jsonl        optional captions by file name (Hugging Face's image folders)
      10_sks dog/           kohya's sub-folders: repeats, then trigger and class word
      close-ups/            any other sub-folder counts when `[folders]` of dataset.toml names it
      masks/                masks of the pictures, see formats/masks.py
      held_out/             pictures that are never trained on

Owns: which files count, their order, reading and writing captions, `DatasetInfo`.
Refuses to know: pixels (only headers are looked at), tokens, training. Imports no torch.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from studio.errors import DatasetError, StudioError
from studio.formats.captions import (
    PICTURE_ENDINGS,
    is_picture,
    metadata_captions,
    natural_key,
    read_caption,
    side_car,
    write_caption,
)
from studio.formats.dataset_file import DATASET_FILE, DatasetFile, read_dataset_file
from studio.formats.masks import is_mask
from studio.names import printable

__all__ = [
    "DatasetFile", "DatasetInfo", "DatasetPicture", "find_datasets", "is_picture", "natural_key",
    "picture_files", "read_caption", "read_captions", "read_dataset", "write_caption",
]  # fmt: skip

HELD_OUT = "held_out"
_KOHYA_FOLDER = re.compile(r"^([1-9][0-9]{0,3})_(.+)$")


@dataclass(frozen=True)
class DatasetPicture:
    """One usable picture. `caption` is its own, or the words of a kohya folder, or None."""

    path: Path
    caption: str | None
    repeats: int
    trigger: str = ""
    """First word of the kohya folder it lies in: datasets of several concepts have several."""


@dataclass(frozen=True)
class DatasetInfo:
    """A dataset as one look at its folder shows it. `problems` are sentences for people."""

    name: str
    path: Path
    pictures: int
    """Usable pictures; broken ones are in `problems` instead."""
    captioned: int
    """Pictures that have a caption of their own which is not blank."""
    trigger: str
    kind: Literal["subject", "style"]
    class_word: str
    repeats: int
    held_out: Path | None
    problems: list[str] = field(default_factory=list)
    items: list[DatasetPicture] = field(default_factory=list)
    """The usable pictures in order."""

    def phrase(self, trigger: str) -> str:
        """What calls the subject: the trigger, with the class word where most captions have both."""
        both = f"{trigger} {self.class_word}"
        found = sum(both in (item.caption or "") for item in self.items)
        return both if self.class_word and found > len(self.items) / 2 else trigger


def picture_files(folder: str | Path) -> list[Path]:
    """The pictures of a dataset in natural order (2 before 10), sub-folders after the top level.

    Hidden files, masks and held-out pictures are left out. Raises DatasetError when `folder` is
    not a folder; an empty list is no error here.
    """
    folder = _folder(folder)
    return [path for inner in _parts(folder) for path in _pictures_in(inner)]


def _parts(folder: Path) -> dict[Path, tuple[int, str | None] | None]:
    """The folder itself and the sub-folders that belong to it, in order: for each of these how often
    its pictures count, and the words of a kohya folder's name."""
    found: dict[Path, tuple[int, str | None] | None] = {folder: None}
    weights = read_dataset_file(folder).folders
    inside = [inner for inner in sorted(_entries(folder), key=_natural) if inner.is_dir()]
    missing = weights.keys() - {inner.name for inner in inside}
    if missing:
        raise DatasetError(
            f"The folder “{min(missing)}” is not there",
            where=folder / DATASET_FILE,
            why="Its table [folders] names it.",
            remedy="Correct the name, or remove the line.",
        )
    for inner in inside:
        match = _KOHYA_FOLDER.match(inner.name)
        if match or inner.name in weights:
            words = match[2].strip() if match else None
            found[inner] = (weights.get(inner.name) or int(match[1] if match else 1), words)
    return found


def read_captions(folder: str | Path) -> dict[Path, str | None]:
    """Every picture of a dataset with its caption or None, in natural order."""
    return {path: text for path, text, _ in _captioned(_folder(folder), [])}


def read_dataset(folder: str | Path) -> DatasetInfo:
    """Looks at a dataset: its pictures' headers, captions and `dataset.toml`.

    Raises DatasetError when it is not a folder, holds no usable picture, or when `dataset.toml`
    is wrong. A broken picture among good ones is left out and named in `problems`.
    """
    from studio.formats.images import image_size  # Pillow, only when pictures are looked at

    folder = _folder(folder)
    says = read_dataset_file(folder)
    problems: list[str] = []
    held_out = _held_out(folder, says.held_out, problems)
    rows = [row for row in _captioned(folder, problems) if row[0].parent != held_out]
    if not rows:
        raise DatasetError(
            "There are no pictures in this folder",
            where=folder,
            why=f"Looked for files ending in {', '.join(PICTURE_ENDINGS)}, here and in "
            "sub-folders named like “10_sks dog”",
            remedy="Put the pictures directly into the folder.",
        )
    problems += _same_names([path for path, _, _ in rows])
    items, captioned = [], 0
    for path, text, kohya in rows:
        try:
            image_size(path)
        except StudioError as error:
            problems.append(
                f"{path.relative_to(folder)} is left out: {error.what}. {error.why or ''}"
            )
            continue
        captioned += bool(text and text.strip())
        repeats, words = kohya or (says.repeats, None)
        trigger = (words or "").partition(" ")[0]
        items.append(DatasetPicture(path, text if text is not None else words, repeats, trigger))
    if not items:
        raise DatasetError(
            f"None of the {len(rows)} pictures in this folder can be read",
            where=folder,
            why=problems[-1],
            remedy="Export the pictures again as PNG or JPEG.",
        )
    trigger, class_word, repeats = _kohya_words(rows, says)
    return DatasetInfo(
        name=says.name or printable(folder.resolve().name),
        path=folder,
        pictures=len(items),
        captioned=captioned,
        trigger=trigger,
        kind=says.kind,
        class_word=class_word,
        repeats=repeats,
        held_out=held_out,
        problems=[" ".join(problem.split()) for problem in problems],
        items=items,
    )


def find_datasets(roots: Iterable[str | Path]) -> list[DatasetInfo]:
    """The datasets that are direct sub-folders of `roots`, by root, in natural order.

    Folders without pictures are passed over. One whose `dataset.toml` is wrong stays visible:
    without pictures, the reason in `problems`.
    """
    found: list[DatasetInfo] = []
    seen: set[Path] = set()
    for root in map(Path, roots):
        if not (root.is_dir() and os.access(root, os.R_OK | os.X_OK)):
            continue
        for folder in sorted(_entries(root), key=_natural):
            if not folder.is_dir() or folder.name == HELD_OUT or folder.resolve() in seen:
                continue
            seen.add(folder.resolve())
            try:
                found.append(read_dataset(folder))
            except DatasetError as error:
                if _meant_as_dataset(folder):
                    found.append(
                        DatasetInfo(
                            folder.name, folder, 0, 0, "", "subject", "", 1, None, [str(error)]
                        )
                    )
    return found


def _meant_as_dataset(folder: Path) -> bool:
    try:
        return bool((folder / DATASET_FILE).is_file() or picture_files(folder))
    except (DatasetError, OSError):  # not ours to open: nobody meant it for the studio
        return False


def _natural(path: Path) -> tuple:
    return natural_key(path.name), path.name


def _folder(folder: str | Path) -> Path:
    folder = Path(folder)
    if not str(folder).strip() or not folder.is_dir():
        raise DatasetError(
            "This is a file, not a folder" if folder.is_file() else "This folder is not there",
            where=folder,
            remedy="Choose the folder that holds the pictures.",
        )
    if not os.access(folder, os.R_OK | os.X_OK):
        raise DatasetError(
            "This folder cannot be opened", where=folder, remedy="Check that you may read it."
        )
    return folder


def _entries(folder: Path) -> list[Path]:
    try:
        return [path for path in folder.iterdir() if not path.name.startswith(".")]
    except OSError as error:
        why = f"The system said: {error.strerror}"
        raise DatasetError("This folder cannot be read", where=folder, why=why) from error


def _pictures_in(folder: Path) -> list[Path]:
    files = [path for path in _entries(folder) if is_picture(path) and path.is_file()]
    stems = {path.stem for path in files}
    return sorted((path for path in files if not is_mask(path, stems)), key=_natural)


def _captioned(
    folder: Path, problems: list[str]
) -> list[tuple[Path, str | None, tuple[int, str | None] | None]]:
    """Pictures with their captions and, in sub-folders, (repeats, words of a kohya folder)."""
    tables: dict[Path, dict[str, str]] = {}
    rows = []
    parts = _parts(folder)
    for path in (path for inner in parts for path in _pictures_in(inner)):
        text: str | None = None
        try:
            text = side_car(path)
        except DatasetError as error:
            problems.append(str(error))
        for place in (path.parent, folder):
            if text is None:
                if place not in tables:
                    tables[place] = metadata_captions(place, problems)
                text = tables[place].get(path.relative_to(place).as_posix())
        rows.append((path, text, parts[path.parent]))
    return rows


def _held_out(folder: Path, named: str, problems: list[str]) -> Path | None:
    held_out = folder / (named or HELD_OUT)
    if named and not held_out.resolve().is_relative_to(folder.resolve()):
        raise DatasetError(
            "held_out must name a folder inside the dataset",
            where=folder / DATASET_FILE,
            why=f"It says “{named}”",
        )
    if held_out.is_dir() and held_out.resolve() != folder.resolve():
        return held_out
    if named:
        problems.append(f"The held-out folder “{named}” is not there; nothing is held out.")
    return None


def _same_names(paths: list[Path]) -> list[str]:
    groups: dict[Path, list[str]] = {}
    for path in paths:
        groups.setdefault(path.with_suffix(""), []).append(path.name)
    return [
        f"{' and '.join(names)} share one caption file; rename one of them."
        for names in groups.values()
        if len(names) > 1
    ]


def _kohya_words(rows: list, says: DatasetFile) -> tuple[str, str, int]:
    """Trigger, class word and repeats: `dataset.toml` first, else a single kohya folder's name."""
    folders = {row[2] for row in rows}
    only = next(iter(folders)) if len(folders) == 1 else None
    if only is None or only[1] is None:
        return says.trigger, says.class_word, says.repeats
    repeats, words = only
    trigger, _, class_word = words.partition(" ")
    return says.trigger or trigger, says.class_word or class_word.strip(), repeats
