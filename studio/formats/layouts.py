"""Where the images of a dataset lie: the layouts of several programs, one row each.

    kohya's dataset config   a .toml with [[datasets]] and subsets; ours may have the same name
    OneTrainer's concepts    concepts.json: a list of paths
    kohya's project folder   img/ (with “10_sks dog” in it), reg/, log/, model/
    Hugging Face             train/ with metadata.jsonl or metadata.csv
    folders                  images at the top, kohya's “10_sks dog”, what dataset.toml names,
                             what metadata.jsonl names; plain sub-folders when there is nothing else

Owns: `LAYOUTS`, and what is said of what was found and not taken over.
Refuses to know: captions' texts, pixels. Only folders inside the dataset are ever looked into: a
file that came from somewhere must not choose what is read on this machine.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

from studio.core.errors import DatasetError
from studio.formats.captions import Looked
from studio.formats.dataset_file import DATASET_FILE, DatasetFile
from studio.formats.folder import Folder
from studio.formats.layout_files import concepts, kohya_config
from studio.formats.layout_parts import MOST_REPEATS, Layout, Part, repeats_of
from studio.formats.masks import holds_masks

Read = Callable[[Folder, DatasetFile, Looked], Layout | None]
"""A layout's reader: None where the folder is not laid out like that."""


def find_parts(root: Path, says: DatasetFile, looked: Looked) -> Layout:
    """The parts of the dataset in `root`. Raises DatasetError when dataset.toml names none."""
    notes: list[str] = []
    known: set[Path] = set()
    layout = Layout()
    for read in LAYOUTS:
        found = read(looked.folder(root), says, looked)
        if found is not None:
            notes += found.notes
            known |= found.known
            if found.parts:
                layout = found
                break
    return Layout(list(dict.fromkeys(layout.parts)), notes, known)


def _project(root: Folder, says: DatasetFile, looked: Looked) -> Layout | None:
    """kohya's project folder."""
    name = next((name for name in root.folders if name.casefold() in ("img", "image")), None)
    if root.images or name is None or says.folders:
        return None
    images = looked.folder(root.path / name)
    layout = Layout([Part(images.path)], known={images.path})
    _add_numbered(layout, images)
    if len(layout.parts) == 1 and not images.images:
        return None
    for other in root.folders:
        if other.casefold() in ("reg", "regularization", "regularisation"):
            layout.known.add(root.path / other)
            layout.notes.append(
                f"“{other}” holds class (regularization) images: to use them, choose this folder "
                "as class images of the run."
            )
        elif other.casefold() in ("log", "logs", "model", "models"):
            layout.known.add(root.path / other)
    return layout


def _hugging_face(root: Folder, says: DatasetFile, looked: Looked) -> Layout | None:
    """A folder `train`, as Hugging Face's image folders have it."""
    place = next((root.path / p for p in ("train", "data/train") if (root.path / p).is_dir()), None)
    if root.images or place is None or says.folders:
        return None
    train = looked.folder(place)
    layout = Layout([Part(place)], known={root.path / place.relative_to(root.path).parts[0]})
    for name in train.folders:
        if looked.folder(place / name).images:
            layout.parts.append(Part(place / name, 1))
    if not any(looked.folder(part.folder).images for part in layout.parts):
        return None
    others = [name for name in root.folders if name.casefold() in ("test", "validation", "val")]
    layout.known |= {root.path / name for name in others}
    if others:
        layout.notes.append(
            f"“{'” and “'.join(others)}” is not trained on. To measure with it, write "
            f'held_out = "{others[0]}" into {DATASET_FILE}.'
        )
    return layout


def _folders(root: Folder, says: DatasetFile, looked: Looked) -> Layout:
    """Images at the top, and the sub-folders that names, dataset.toml or a table make part of it."""
    missing = says.folders.keys() - set(root.folders)
    if missing:
        raise DatasetError(
            f"The folder “{min(missing)}” is not there",
            where=root.path / DATASET_FILE,
            why="Its table [folders] names it.",
            remedy="Correct the name, or remove the line.",
        )
    layout = Layout([Part(root.path)])
    _add_numbered(layout, root, says.folders)
    taken = {part.folder for part in layout.parts}
    for place in sorted({place.parent for place in looked.tables(root.path).places()}):
        inner = root.path / place
        if inner not in taken and os.path.isdir(inner):
            layout.parts.append(Part(inner, 1))
    if not any(looked.folder(part.folder).images for part in layout.parts):
        _add_plain(layout, root, says, looked)
    return layout


def _add_plain(layout: Layout, root: Folder, says: DatasetFile, looked: Looked) -> None:
    """Sub-folders of any name: there is nothing else, so nothing else can be meant."""
    taken = {part.folder for part in layout.parts}
    plain = [
        name
        for name in root.folders
        if name != (says.held_out or "held_out")
        and not holds_masks(name)
        and root.path / name not in taken
        and root.path / name not in layout.known
        and looked.folder(root.path / name).images
    ]
    layout.parts += [Part(root.path / name, 1) for name in plain]
    if plain:
        layout.notes.append(
            f"All images lie in sub-folders: {_listed(plain)} count once each. "
            f"Give them other weights under [folders] in {DATASET_FILE}."
        )


def _add_numbered(layout: Layout, root: Folder, weights: dict[str, int] | None = None) -> None:
    """kohya's sub-folders and those with a weight of their own, with a note on what was taken."""
    counts: list[str] = []
    odd: list[str] = []
    never: list[str] = []
    for name in root.folders:
        weight, found = (weights or {}).get(name), repeats_of(name)
        if found is None and weight is None:
            continue
        repeats, words = found or (1, None)
        repeats = weight or repeats
        if not repeats:
            never.append(name)
            layout.known.add(root.path / name)
            continue
        layout.parts.append(Part(root.path / name, repeats, words))
        large = not weight and int(name.partition("_")[0] if found else 0) > MOST_REPEATS
        (odd if large else counts).append(name if large else f"“{name}” × {repeats}")
    if counts:
        layout.notes.append(f"How often each image counts, by its folder: {', '.join(counts)}.")
    if odd:
        layout.notes.append(
            f"{_listed(odd)} counts once: a number over {MOST_REPEATS} in front of a name is taken "
            f"for a year or a date. Say otherwise under [folders] in {DATASET_FILE}."
        )
    if never:
        layout.notes.append(f"{_listed(never)} is left out: its name says that it counts 0 times.")


def _listed(names: Iterable[str]) -> str:
    names = list(names)
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"“{'”, “'.join(names[:3])}”{more}"


LAYOUTS: tuple[Read, ...] = (kohya_config, concepts, _project, _hugging_face, _folders)
"""Tried in this order; the first that finds folders of images is it."""
