"""Where images lie by the settings files of other programs: kohya's .toml, OneTrainer's .json.

Owns: recognising these files, what is read of them, and naming what is not taken over.
Refuses to know: the layouts that need no file (`layouts`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from studio.core.text import TextError, read_json, read_toml
from studio.formats.captions import CAPTION_ENDINGS, Looked
from studio.formats.dataset_file import DATASET_FILE, DatasetFile, is_kohyas
from studio.formats.folder import Folder
from studio.formats.layout_parts import Layout, Part, inside

LARGEST = 1 << 20  # bytes; settings people write are a thousand times smaller
Json = dict[str, Any]
_TAKEN = {
    "image_dir", "num_repeats", "class_tokens", "is_reg", "subsets", "caption_extension",
    "metadata_file", "recursive", "enable_wildcard",
}  # fmt: skip


def kohya_config(root: Folder, says: DatasetFile, looked: Looked) -> Layout | None:
    """A dataset config of kohya's sd-scripts: its subsets' folders, repeats and class tokens."""
    names = [name for name in root.files if name.lower().endswith(".toml")]
    for name in sorted(names, key=lambda name: (name != DATASET_FILE, name)):
        try:
            values = read_toml(root.path / name, LARGEST)
        except (TextError, OSError):
            continue  # ours is read, and complained about, elsewhere
        if is_kohyas(values):
            return _subsets(root, name, values)
    return None


def _subsets(root: Folder, name: str, values: Json) -> Layout:
    layout = Layout(known={root.path / name})
    general = _table(values.get("general"))
    counts, elsewhere, ignored = [], [], dict(general)
    for dataset in _tables(values.get("datasets")):
        ignored |= dataset
        for subset in _tables(dataset.get("subsets")):
            ignored |= subset
            said = {**general, **dataset, **subset}
            where = str(said.get("image_dir") or "")
            place = inside(root.path, where)
            if place is None:
                elsewhere.append(where)
                continue
            layout.known.add(place)
            if said.get("is_reg") is True:
                layout.notes.append(
                    f"“{where}” holds class (regularization) images: to use them, choose this "
                    "folder as class images of the run."
                )
                continue
            repeats = _count(said.get("num_repeats"))
            if not repeats:
                continue
            words = said.get("class_tokens")
            layout.parts.append(
                Part(
                    place,
                    repeats,
                    words.strip() if isinstance(words, str) else None,
                    several=said.get("enable_wildcard") is True,
                )
            )
            counts.append(f"“{place.name}” × {repeats}")
    if counts:
        layout.notes.append(f"Read from {name}, a dataset config of kohya's: {', '.join(counts)}.")
    if elsewhere:
        layout.notes.append(
            f"{name} names folders that are not inside this one: {', '.join(elsewhere[:3])}. "
            "Open them by themselves, or move them here."
        )
    _ending(layout, name, ignored.get("caption_extension"))
    others = [f"{key} = {ignored[key]}" for key in sorted(ignored.keys() - _TAKEN)]
    if others:
        layout.notes.append(
            f"Not taken over from {name}: {', '.join(others)[:300]}. Set in the form what you need."
        )
    return layout


def _ending(layout: Layout, name: str, ending: Any) -> None:
    if isinstance(ending, str) and ending and ending != CAPTION_ENDINGS[0]:
        known = ending.lower() in CAPTION_ENDINGS
        layout.notes.append(
            f"{name} says that captions end in “{ending}”. "
            + (
                "They are read, unless an image has a .txt as well."
                if known
                else "That ending is not known here: rename them to .txt."
            )
        )


def concepts(root: Folder, says: DatasetFile, looked: Looked) -> Layout | None:
    """OneTrainer's concepts: their paths, repeats, and names as captions where it says so."""
    name = "concepts.json"
    if name not in root.files:
        return None
    try:
        rows = read_json(root.path / name, LARGEST)
    except (TextError, OSError):
        return None
    rows = [row for row in rows if "path" in row] if isinstance(rows, list) else []
    if not (rows := _tables(rows)):
        return None
    layout = Layout(known={root.path / name})
    counts = []
    for row in rows:
        where, place = str(row["path"]), inside(root.path, str(row["path"]))
        kind = str(row.get("type") or "STANDARD")
        if place is None:
            layout.notes.append(
                f"{name} names “{where}”, which is not inside this folder: open it by itself."
            )
            continue
        layout.known.add(place)
        if row.get("enabled") is False or kind != "STANDARD":
            why = "it is switched off" if row.get("enabled") is False else f"its type is {kind}"
            layout.notes.append(f"“{where}” of {name} is not trained on: {why}.")
            continue
        strategy = row.get("balancing_strategy", "REPEATS")
        repeats = _count(row.get("balancing")) or 1 if strategy == "REPEATS" else 1
        source = _table(row.get("text")).get("prompt_source", "sample")
        folders = [place, *_below(place)] if row.get("include_subdirectories") else [place]
        layout.parts += [Part(one, repeats, None, source == "filename") for one in folders]
        counts.append(f"“{place.name}” × {repeats}")
        if source == "concept":
            layout.notes.append(
                f"“{where}” takes its prompts from one file for all images; that is not read here: "
                "write a caption template instead."
            )
    if counts:
        layout.notes.append(f"Read from {name} of OneTrainer: {', '.join(counts)}.")
    return layout


def _below(folder: Path, depth: int = 4) -> list[Path]:
    """Sub-folders, theirs, and so on, hidden ones left out."""
    if not depth:
        return []
    found = []
    for name in Folder(folder).folders:
        found += [folder / name, *_below(folder / name, depth - 1)]
    return found


def _count(value: Any) -> int:
    """A number of repeats as another program writes it: kohya's default is 1."""
    if value is None:
        return 1
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e6:
        return 1
    return round(value) if value == 0 or value >= 1 else 1


def _table(value: Any) -> Json:
    return value if isinstance(value, dict) else {}


def _tables(value: Any) -> list[Json]:
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []
