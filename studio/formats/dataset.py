"""A dataset: a folder of images with captions beside them, and what `dataset.toml` says of it.

    my cat/                 what people drop: images and captions of the same name
      1.png  1.txt
      2.jpg  2.caption      an older ending; “2.TXT” and “2.jpg.txt” are found as well
      dataset.toml          optional: name, trigger, class_word, kind, repeats, held_out, folders
      metadata.jsonl        optional captions by file name, see formats/caption_tables.py; how one
                            image has several captions is in formats/several.py
      10_sks dog/           kohya's sub-folders: repeats, then trigger and class word
      close-ups/            any other sub-folder counts when `[folders]` of dataset.toml names it
      masks/                masks of the images, see formats/masks.py
      image_recipes.json      crops, turns and painted masks, see formats/image_recipes.py
      held_out/             images that are never trained on

How other programs lay out their datasets is in formats/layouts.py.

Owns: what a dataset holds in which order.
Refuses to know: pixels (only headers are looked at), tokens, training. Imports no torch.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from studio.core.counts import counted
from studio.core.errors import DatasetError
from studio.core.names import path_of, printable
from studio.formats.captions import Looked, read_caption, write_caption
from studio.formats.dataset_file import DATASET_FILE, DatasetFile, read_dataset_file
from studio.formats.dataset_info import DatasetImage, DatasetInfo
from studio.formats.image_memory import ImageFacts, ImageMemory
from studio.formats.image_names import IMAGE_ENDINGS, is_image, natural_key
from studio.formats.image_recipes import Recipes, read_recipes
from studio.formats.layout_parts import Layout, Part
from studio.formats.layouts import find_parts
from studio.formats.named_captions import caption_in_name
from studio.formats.several import captions_of, marked
from studio.formats.unused import find_unused

__all__ = [
    "DatasetFile",
    "DatasetImage",
    "DatasetInfo",
    "image_files",
    "is_image",
    "natural_key",
    "read_caption",
    "read_captions",
    "read_dataset",
    "write_caption",
]  # fmt: skip

HELD_OUT = "held_out"
NAMED = 3  # images that cannot be read, named one by one


def image_files(folder: str | Path) -> list[Path]:
    """The images of a dataset in natural order (2 before 10), sub-folders after the top level.

    Hidden files, masks and held-out images are left out. Raises DatasetError when `folder` is
    not a folder; an empty list is no error here.
    """
    folder, looked = _folder(folder), Looked()
    layout = find_parts(folder, read_dataset_file(folder), looked)
    return [path for _, path in _images(layout, looked)]


def read_captions(
    folder: str | Path, looked: Looked | None = None, *, lines: bool = False
) -> dict[Path, str | None]:
    """Every image of a dataset with its caption or None, in natural order. Several captions are
    `several.Listed`; with `lines` each line is one, also if the folder itself does not say so.

    `looked` is for whoever asks `read_dataset` in the same breath: the files are read once for both.
    """
    folder, looked = _folder(folder), looked or Looked()
    says = read_dataset_file(folder)
    layout = find_parts(folder, says, looked)
    rows = _captioned(folder, layout, looked, [])
    lines = lines or says.captions == "lines"
    return {path: marked(text, lines or part.several) for part, path, text in rows}


def read_dataset(
    folder: str | Path, images: ImageMemory | None = None, looked: Looked | None = None
) -> DatasetInfo:
    """Looks at a dataset: its images' headers, captions and `dataset.toml`.

    `images` remembers what is known of images; what it knows to be damaged is left out. Raises
    DatasetError when it is not a folder, holds no usable image, or when `dataset.toml` is wrong.
    A broken image among good ones is left out and named in `problems`.
    """
    images = images or ImageMemory()
    folder, looked = _folder(folder), looked or Looked()
    says = read_dataset_file(folder)
    problems: list[str] = []
    held_out = held_out_folder(folder, says.held_out, problems)
    layout = find_parts(folder, says, looked)
    rows = [
        row for row in _captioned(folder, layout, looked, problems) if row[1].parent != held_out
    ]
    parts = [part.folder for part in layout.parts]
    unused = find_unused(folder, parts, layout.known, held_out, looked)
    if not rows:
        raise _no_images(folder, [*layout.notes, unused.sentence()])
    problems += _same_names([path for _, path, _ in rows])
    facts = images.all_facts([path for _, path, _ in rows])
    broken = {path: known.problem for path, known in facts.items() if known.problem}
    problems += _broken(folder, broken)
    problems += _passed_over(folder, facts)
    whole = [row for row in rows if row[1] not in broken]
    recipes = read_recipes(folder)
    problems += recipes.problems()
    items = [_item(part, facts[path], path, text, says, recipes) for part, path, text in whole]
    if not items:
        several = f"None of the {counted(len(rows), 'image')} in this folder can be read"
        raise DatasetError(
            "The only image in this folder cannot be read" if len(rows) == 1 else several,
            where=folder,
            why=" ".join(_broken(folder, broken)),
            remedy="Export the images again as PNG or JPEG.",
        )
    trigger, class_word, repeats = kohya_words([part for part, _, _ in rows], says)
    return DatasetInfo(
        name=says.name or printable(folder.resolve().name),
        path=folder,
        images=len(items),
        captioned=sum(bool(text and text.strip()) for _, _, text in whole),
        trigger=trigger,
        kind=says.kind,
        class_word=class_word,
        repeats=repeats,
        held_out=held_out,
        problems=[" ".join(problem.split()) for problem in problems],
        items=items,
        notes=layout.notes,
        unused=unused,
        lines=says.captions == "lines",
        broken=broken,
        recipes=recipes,
    )


def _no_images(folder: Path, notes: Iterable[str | None]) -> DatasetError:
    return DatasetError(
        "There are no images in this folder",
        where=folder,
        why=" ".join(filter(None, [_LOOKED_FOR, *notes])),
        remedy="Put the images directly into the folder.",
    )


def _item(
    part: Part,
    known: ImageFacts,
    path: Path,
    text: str | None,
    says: DatasetFile,
    recipes: Recipes,
) -> DatasetImage:
    caption = text if text is not None else part.words
    trigger = (part.words or "").partition(" ")[0]
    recipe = recipes.of(path)
    size = recipe.size((known.width, known.height))
    own = bool(text and text.strip())
    weight = part.repeats or says.repeats
    captions = captions_of(marked(text, part.several or says.captions == "lines"))
    return DatasetImage(
        path, caption, weight, trigger, size, known.transparent, own, recipe, captions
    )


_LOOKED_FOR = f"Looked for files ending in {', '.join(IMAGE_ENDINGS)}, here and in sub-folders."


def _broken(folder: Path, broken: dict[Path, str]) -> list[str]:
    """Sentences about images that are left out: some named, the others counted."""
    named = [
        f"{printable(path.relative_to(folder))} is left out: {why}"
        for path, why in [*broken.items()][:NAMED]
    ]
    if len(broken) > NAMED:
        more = len(broken) - NAMED
        named.append(f"{counted(more, 'more image is', 'more images are')} left out.")
    return named


def _passed_over(folder: Path, facts: dict[Path, ImageFacts]) -> list[str]:
    """Sentences about what is wrong with images that can be used nevertheless."""
    names: dict[str, list[str]] = {}
    for path, known in facts.items():
        if known.note:
            names.setdefault(known.note, []).append(printable(path.relative_to(folder)))
    return [
        f"{found[0]}: {note}."
        if len(found) == 1
        else f"{found[0]} and {len(found) - 1} more: {note}."
        for note, found in names.items()
    ]


def _folder(folder: str | Path) -> Path:
    folder = path_of(folder)
    if not str(folder).strip() or not folder.is_dir():
        raise DatasetError(
            "This is a file, not a folder" if folder.is_file() else "This folder is not there",
            where=folder,
            remedy="Choose the folder that holds the images.",
        )
    if not os.access(folder, os.R_OK | os.X_OK):
        raise DatasetError(
            "This folder cannot be opened", where=folder, remedy="Check that you may read it."
        )
    return folder


def _images(layout: Layout, looked: Looked) -> list[tuple[Part, Path]]:
    return [(part, path) for part in layout.parts for path in looked.images(part.folder)]


def _captioned(
    folder: Path, layout: Layout, looked: Looked, problems: list[str]
) -> list[tuple[Part, Path, str | None]]:
    """Images with their part and their own caption, where they have one."""
    rows = []
    for part, path in _images(layout, looked):
        text: str | None = None
        try:
            text = looked.caption(path)
        except DatasetError as error:
            problems.append(str(error))
        for place in _up_to(folder, path.parent):
            if text is None:
                text = looked.tables(place).of(path)
        if text is None:
            text = path.stem if part.named else caption_in_name(path.stem)
        rows.append((part, path, text))
    problems += looked.problems()
    return rows


def _up_to(root: Path, place: Path) -> list[Path]:
    """`place` and what is above it, up to the root."""
    return (
        [place, *(above for above in place.parents if above.is_relative_to(root))]
        if (place != root)
        else [root]
    )


def held_out_folder(folder: Path, named: str, problems: list[str]) -> Path | None:
    """The folder of a dataset that is never trained on. DatasetError for one outside of it."""
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
    groups: dict[str, list[str]] = {}
    for path in paths:
        groups.setdefault(os.path.splitext(path)[0], []).append(path.name)
    return [
        f"{' and '.join(names)} share one caption file; rename one of them."
        for names in groups.values()
        if len(names) > 1
    ]


def kohya_words(parts: list[Part], says: DatasetFile) -> tuple[str, str, int]:
    """Trigger, class word and repeats: `dataset.toml` first, else a single kohya folder's name."""
    folders = {(part.repeats, part.words) for part in parts}
    repeats, words = next(iter(folders)) if len(folders) == 1 else (None, None)
    if words is None:
        return says.trigger, says.class_word, says.repeats
    trigger, _, class_word = words.partition(" ")
    return says.trigger or trigger, says.class_word or class_word.strip(), repeats or says.repeats
