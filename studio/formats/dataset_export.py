"""What a dataset is written as for other programs, planned file by file before anything is written.

    metadata   images at the top, captions in metadata.jsonl (Hugging Face's image folders)
    kohya      a folder per number of repeats, “10_sks dog”, a .txt beside each image, dataset_config.toml
    zip        one file: a .txt beside each image, dataset.toml

Owns: the three layouts. Each holds all that the studio knows of a dataset, so that what is exported
and imported again has the same images, captions, repeats, masks and held-out images: what another
program has no word for is in `dataset.toml`, which it does not read. Refuses to know: writing.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tomli_w

from studio.core.counts import counted
from studio.core.names import printable
from studio.core.paths import is_file
from studio.core.refused_names import why_refused
from studio.formats.caption_tables import METADATA_FILE
from studio.formats.dataset import HELD_OUT, DatasetInfo, read_captions
from studio.formats.dataset_file import DATASET_FILE
from studio.formats.dataset_info import DatasetImage
from studio.formats.layout_parts import MOST_REPEATS, repeats_of
from studio.formats.masks import MASK_FOLDERS, Masks

KOHYA_FILE = "dataset_config.toml"
_PATHS = "# The folders are named from here: start the training in this folder, or write its path in front.\n"


@dataclass(frozen=True)
class Entry:
    """One file of an export: a copy of `source`, or `text`."""

    name: str
    """Below the exported folder, with “/”."""
    source: Path | None = None
    text: str = ""


@dataclass(frozen=True)
class ExportPlan:
    """All files of an export, and what a person should know before it is written."""

    kind: str
    images: int
    held_out: int
    masks: int
    entries: list[Entry]
    notes: list[str] = field(default_factory=list)

    @property
    def bytes(self) -> int:
        """About how large it will be."""
        return sum(_size(entry) for entry in self.entries)


@dataclass(frozen=True)
class _Row:
    """An image with all that belongs to it."""

    path: Path
    caption: str | None
    mask: Path | None
    item: DatasetImage | None = None
    """None for an image that is held out."""


def plan_export(info: DatasetInfo, kind: str) -> ExportPlan:
    """The files of one kind of export of a dataset as `read_dataset` gives it."""
    rows = list(_rows(info))
    entries, notes = KINDS[kind].plan(info, rows)
    if info.broken:
        left = counted(
            len(info.broken), "image that cannot be read is", "images that cannot be read are"
        )
        notes.append(f"{left} left out.")
    return ExportPlan(
        kind=kind,
        images=len(info.items),
        held_out=len(rows) - len(info.items),
        masks=sum(row.mask is not None for row in rows),
        entries=entries,
        notes=notes,
    )


def _rows(info: DatasetInfo) -> Iterator[_Row]:
    masks = Masks()
    for item in info.items:
        yield _Row(item.path, item.caption, masks.of(item.path), item)
    for path, text in (read_captions(info.held_out) if info.held_out else {}).items():
        yield _Row(path, text, masks.of(path))


def _size(entry: Entry) -> int:
    if entry.source is None:
        return len(entry.text.encode())
    return os.path.getsize(entry.source) if is_file(entry.source) else 0


class _Places:
    """A path for each image below the exported folder: its own name, with a number where two images of
    one folder would share their captions."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def of(self, folder: str, path: Path) -> str:
        inside = f"{folder}/" if folder else ""
        stem, count = path.stem, 2
        while f"{inside}{stem}".casefold() in self._taken:
            stem, count = f"{path.stem}-{count}", count + 1
        self._taken.add(f"{inside}{stem}".casefold())
        return f"{inside}{stem}{path.suffix}"


def _mask_place(image: str, mask: Path) -> str:
    folder, _, name = image.rpartition("/")
    stem = name.rpartition(".")[0]
    return f"{folder}/{MASK_FOLDERS[0]}/{stem}{mask.suffix}".lstrip("/")


def _beside(image: str) -> str:
    return image.rpartition(".")[0] + ".txt"


def _words(info: DatasetInfo) -> dict[Path, str]:
    """What the folders call their subjects, by folder: kohya's way of naming."""
    found: dict[Path, str] = {}
    for item in info.items:
        if not item.trigger:
            continue
        said = item.caption if not item.captioned else None
        named = (repeats_of(item.path.parent.name) or (1, None))[1]
        usual = f"{item.trigger} {info.class_word}".strip()
        if said or item.path.parent not in found:
            found[item.path.parent] = said or named or usual
    return found


def _usual(info: DatasetInfo) -> int:
    """How often images at the top count."""
    repeats = Counter(item.repeats for item in info.items if not item.trigger)
    return repeats.most_common(1)[0][0] if repeats else 1


def _safe(name: str, fallback: str) -> str:
    return fallback if "/" in name or why_refused(name) else name


def _says(info: DatasetInfo, usual: int, held: bool, folders: dict[str, int]) -> Entry:
    """`dataset.toml` of an export."""
    values: dict[str, Any] = {
        "name": info.name,
        "trigger": info.trigger,
        "class_word": info.class_word,
        "kind": info.kind,
        "repeats": usual,
    }
    if held:
        values["held_out"] = HELD_OUT
    if folders:
        values["folders"] = folders
    return Entry(DATASET_FILE, text=tomli_w.dumps(values))


def _own_folders(
    info: DatasetInfo, rows: list[_Row]
) -> tuple[list[tuple[_Row, str]], dict[str, int]]:
    """Each image's folder in a layout whose weights are in `dataset.toml`, and these weights."""
    words, usual = _words(info), _usual(info)
    placed, folders = [], {}
    for row in rows:
        folder = HELD_OUT
        if row.item is not None:
            folder = "" if row.item.repeats == usual else f"weight-{row.item.repeats}"
            if row.item.trigger:
                number = min(row.item.repeats, MOST_REPEATS)
                wanted = f"{number}_{words[row.path.parent]}"
                folder = _safe(wanted, f"{number}_{row.item.trigger}")
            if folder:
                folders[folder] = row.item.repeats
        placed.append((row, folder))
    return placed, folders


def _sidecars(info: DatasetInfo, rows: list[_Row]) -> tuple[list[Entry], list[str]]:
    placed, folders = _own_folders(info, rows)
    places, entries = _Places(), []
    for row, folder in placed:
        name = places.of(folder, row.path)
        entries += [Entry(name, row.path), *_masked(row, name)]
        if row.caption is not None and not _by_its_folder(row):
            entries.append(Entry(_beside(name), text=row.caption + "\n"))
    return [*entries, _says(info, _usual(info), info.held_out is not None, folders)], []


def _metadata(info: DatasetInfo, rows: list[_Row]) -> tuple[list[Entry], list[str]]:
    placed, folders = _own_folders(info, rows)
    places, entries = _Places(), []
    tables: dict[str, list[str]] = {}
    for row, folder in placed:
        name = places.of(folder, row.path)
        entries += [Entry(name, row.path), *_masked(row, name)]
        if row.caption is None:
            continue
        inside = HELD_OUT if row.item is None else ""
        line = {
            "file_name": printable(name.removeprefix(f"{inside}/" if inside else "")),
            "text": row.caption,
        }
        tables.setdefault(inside, []).append(json.dumps(line, ensure_ascii=False) + "\n")
    for inside, found in tables.items():
        entries.append(Entry(f"{inside}/{METADATA_FILE}".lstrip("/"), text="".join(found)))
    notes = []
    if missing := sum(row.caption is None for row in rows):
        notes.append(
            f"{counted(missing, 'image has', 'images have')} no caption, and so no line in the table."
        )
    return [*entries, _says(info, _usual(info), info.held_out is not None, folders)], notes


def _kohya(info: DatasetInfo, rows: list[_Row]) -> tuple[list[Entry], list[str]]:
    words, places, entries = _words(info), _Places(), list[Entry]()
    usual = " ".join(filter(None, (info.trigger, info.class_word))) or printable(info.name)
    subsets: dict[str, dict[str, Any]] = {}
    blank = 0
    for row in rows:
        folder = HELD_OUT
        if row.item is not None:
            said = words.get(row.path.parent, usual) if row.item.trigger else usual
            folder = _safe(f"{row.item.repeats}_{said}", f"{row.item.repeats}_images")
            subsets[folder] = {
                "image_dir": folder,
                "num_repeats": row.item.repeats,
                "class_tokens": said,
            }
        name = places.of(folder, row.path)
        entries += [Entry(name, row.path), *_masked(row, name)]
        if row.item is not None and row.caption is None:
            blank += 1
        if not _by_its_folder(row) and (row.caption is not None or row.item is not None):
            entries.append(Entry(_beside(name), text=f"{row.caption or ''}\n".lstrip("\n")))
    config = {
        "general": {"caption_extension": ".txt"},
        "datasets": [{"subsets": list(subsets.values())}],
    }
    notes = []
    if blank:
        some = counted(blank, "image without a caption gets", "images without a caption get")
        notes.append(f"{some} an empty one: else the folder’s name would be taken for it.")
    if any(row.mask for row in rows):
        notes.append(
            "kohya’s programs find no masks in a folder of their own; they are there for this studio."
        )
    entries.append(Entry(KOHYA_FILE, text=_PATHS + tomli_w.dumps(config)))
    return [*entries, _says(info, _usual(info), info.held_out is not None, {})], notes


def _masked(row: _Row, image: str) -> list[Entry]:
    return [Entry(_mask_place(image, row.mask), row.mask)] if row.mask is not None else []


def _by_its_folder(row: _Row) -> bool:
    """Whether its caption is what its folder is called."""
    item = row.item
    return item is not None and bool(item.trigger and row.caption) and not item.captioned


Planner = Callable[[DatasetInfo, list[_Row]], tuple[list[Entry], list[str]]]


@dataclass(frozen=True)
class ExportKind:
    """A row of the table."""

    title: str
    says: str
    plan: Planner
    packed: bool = False
    """Whether it is one zip instead of a folder."""


KINDS: dict[str, ExportKind] = {
    "metadata": ExportKind(
        "metadata.jsonl", "Images with one table of captions, as Hugging Face’s image folders have it.",
        _metadata,
    ),
    "kohya": ExportKind(
        "kohya", "A folder for each number of repeats, a text file beside each image, and the dataset config.",
        _kohya,
    ),
    "zip": ExportKind(
        "zip", "One file with the images and a text file beside each: to keep or to hand on.",
        _sidecars, packed=True,
    ),
}  # fmt: skip
