"""The layouts that a dataset is exported in, file by file, and what of it goes where.

Owns: `Entry`, `Row`, and one function per layout. Refuses to know: which kinds there are
(`dataset_export`), writing.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomli_w

from studio.core.counts import counted
from studio.core.names import printable
from studio.core.refused_names import why_refused
from studio.formats.caption_tables import METADATA_FILE
from studio.formats.dataset import HELD_OUT
from studio.formats.dataset_file import DATASET_FILE
from studio.formats.dataset_info import DatasetImage, DatasetInfo
from studio.formats.image_recipes import RECIPES_FILE, RecipeFile
from studio.formats.layout_parts import MOST_REPEATS, repeats_of
from studio.formats.masks import MASK_FOLDERS
from studio.formats.several import KEYS, as_list, captions_of

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
class Row:
    """An image with all that belongs to it."""

    path: Path
    caption: str | None
    """`several.Listed` where it has several."""
    mask: Path | None
    item: DatasetImage | None = None
    """None for an image that is held out."""


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


def _caption(row: Row, image: str, lines: bool) -> Entry:
    """The file beside an image: a list of several captions, unless there is one on each line."""
    stem = image.rpartition(".")[0]
    if captions_of(row.caption) and not lines:
        listed = {KEYS[0]: as_list(row.caption or "")}
        return Entry(f"{stem}.json", text=json.dumps(listed, ensure_ascii=False) + "\n")
    return Entry(f"{stem}.txt", text=f"{row.caption or ''}\n".lstrip("\n"))


def _as_lines(info: DatasetInfo, rows: list[Row]) -> bool:
    """Whether text files can hold several captions, one on each line."""
    several = any(captions_of(row.caption) for row in rows)
    return info.lines or (
        several
        and not any("\n" in (row.caption or "") for row in rows if not captions_of(row.caption))
    )


def recipes(info: DatasetInfo, names: dict[Path, str]) -> list[Entry]:
    """How images are prepared, by the names that they have in the export, and painted masks."""
    if info.recipes is None:
        return []
    found = {path: info.recipes.of(path) for path in names}
    rows = {names[path]: one.as_json() for path, one in found.items() if not one.empty}
    if not rows:
        return []
    painted = {one.mask_file: info.recipes.mask(path) for path, one in found.items()}
    masks = [Entry(name, source) for name, source in painted.items() if source is not None]
    text = json.dumps(RecipeFile(images=dict(rows)).as_json(), ensure_ascii=False)
    return [*masks, Entry(RECIPES_FILE, text=text + "\n")]


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


def _says(info: DatasetInfo, usual: int, lines: bool, folders: dict[str, int]) -> Entry:
    """`dataset.toml` of an export."""
    values: dict[str, Any] = {
        "name": info.name,
        "trigger": info.trigger,
        "class_word": info.class_word,
        "kind": info.kind,
        "repeats": usual,
    }
    if lines:
        values["captions"] = "lines"
    if info.held_out is not None:
        values["held_out"] = HELD_OUT
    if folders:
        values["folders"] = folders
    return Entry(DATASET_FILE, text=tomli_w.dumps(values))


def _own_folders(
    info: DatasetInfo, rows: list[Row]
) -> tuple[list[tuple[Row, str]], dict[str, int]]:
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


def sidecars(info: DatasetInfo, rows: list[Row]) -> tuple[list[Entry], list[str]]:
    """A text file beside each image; weights in `dataset.toml`."""
    placed, folders = _own_folders(info, rows)
    places, entries, lines = _Places(), [], _as_lines(info, rows)
    for row, folder in placed:
        name = places.of(folder, row.path)
        entries += [Entry(name, row.path), *_masked(row, name)]
        if row.caption is not None and not _by_its_folder(row):
            entries.append(_caption(row, name, lines))
    return [*entries, _says(info, _usual(info), lines, folders)], []


def metadata(info: DatasetInfo, rows: list[Row]) -> tuple[list[Entry], list[str]]:
    """One table of captions, and one more for held-out images."""
    placed, folders = _own_folders(info, rows)
    places, entries = _Places(), []
    tables: dict[str, list[str]] = {}
    for row, folder in placed:
        name = places.of(folder, row.path)
        entries += [Entry(name, row.path), *_masked(row, name)]
        if row.caption is None:
            continue
        inside = HELD_OUT if row.item is None else ""
        line: dict[str, Any] = {
            "file_name": printable(name.removeprefix(f"{inside}/" if inside else ""))
        }
        several = captions_of(row.caption)
        line |= {KEYS[0]: as_list(row.caption)} if len(several) > 1 else {"text": row.caption}
        tables.setdefault(inside, []).append(json.dumps(line, ensure_ascii=False) + "\n")
    for inside, found in tables.items():
        entries.append(Entry(f"{inside}/{METADATA_FILE}".lstrip("/"), text="".join(found)))
    notes = []
    if missing := sum(row.caption is None for row in rows):
        notes.append(
            f"{counted(missing, 'image has', 'images have')} no caption, and so no line in the table."
        )
    return [*entries, _says(info, _usual(info), info.lines, folders)], notes


def kohya(info: DatasetInfo, rows: list[Row]) -> tuple[list[Entry], list[str]]:
    """kohya's folders, and the config that names them."""
    words, places, entries = _words(info), _Places(), list[Entry]()
    usual = " ".join(filter(None, (info.trigger, info.class_word))) or printable(info.name)
    subsets: dict[str, dict[str, Any]] = {}
    blank, lines = 0, _as_lines(info, rows)
    for row in rows:
        folder = HELD_OUT
        if row.item is not None:
            said = words.get(row.path.parent, usual) if row.item.trigger else usual
            folder = _safe(f"{row.item.repeats}_{said}", f"{row.item.repeats}_images")
            subsets[folder] = {
                "image_dir": folder,
                "num_repeats": row.item.repeats,
                "class_tokens": said,
            } | ({"enable_wildcard": True} if lines else {})
        name = places.of(folder, row.path)
        entries += [Entry(name, row.path), *_masked(row, name)]
        if row.item is not None and row.caption is None:
            blank += 1
        if not _by_its_folder(row) and (row.caption is not None or row.item is not None):
            entries.append(_caption(row, name, lines))
    notes = []
    if not lines and any(captions_of(row.caption) for row in rows):
        notes.append(
            "kohya’s programs do not read lists of captions; they are there for this studio."
        )
    if blank:
        some = counted(blank, "image without a caption gets", "images without a caption get")
        notes.append(f"{some} an empty one: else the folder’s name would be taken for it.")
    if any(row.mask for row in rows):
        notes.append(
            "kohya’s programs find no masks in a folder of their own; they are there for this studio."
        )
    entries.append(Entry(KOHYA_FILE, text=_config(list(subsets.values()))))
    return [*entries, _says(info, _usual(info), lines, {})], notes


def _config(subsets: list[dict[str, Any]]) -> str:
    """kohya's dataset config, written as its own examples are: not every reader takes tables in a line."""
    parts = [_PATHS, tomli_w.dumps({"general": {"caption_extension": ".txt"}}), "\n[[datasets]]\n"]
    parts += [f"\n[[datasets.subsets]]\n{tomli_w.dumps(subset)}" for subset in subsets]
    return "".join(parts)


def _masked(row: Row, image: str) -> list[Entry]:
    return [Entry(_mask_place(image, row.mask), row.mask)] if row.mask is not None else []


def _by_its_folder(row: Row) -> bool:
    """Whether its caption is what its folder is called."""
    item = row.item
    return item is not None and bool(item.trigger and row.caption) and not item.captioned
