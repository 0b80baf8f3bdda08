"""A copy of a dataset with its recipes applied: images, masks and captions in a folder of their own.

Owns: what lies where in it. Refuses to know: how an image is prepared, pages. The original is only
read, and a copy never goes into it.

Every image becomes a PNG in sRGB under its own name, in the same sub-folder; what a run learns from the
copy is what it would have learnt from the original with its recipes, pixel for pixel.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from PIL.Image import Image

from studio.core import atomic
from studio.core.errors import DatasetError, InputError
from studio.core.names import printable, same_name
from studio.formats.captions import copy_caption
from studio.formats.dataset import HELD_OUT, DatasetInfo, read_captions
from studio.formats.dataset_file import DATASET_FILE, read_dataset_file, write_dataset_file
from studio.formats.dataset_info import mask_of
from studio.formats.image_prepare import mask_pixels, open_prepared, prepared
from studio.formats.image_write import save_png
from studio.formats.masks import MASK_FOLDERS, Masks


@dataclass
class Copied:
    """What came of it."""

    folder: Path
    images: int = 0
    changed: int = 0
    """Images that a recipe has turned or cropped."""
    masks: int = 0
    left_out: dict[str, str] = field(default_factory=dict)
    """Images that could not be read, with the reason."""


def export_prepared(
    info: DatasetInfo, target: Path, on_image: Callable[[int, int], None] | None = None
) -> Copied:
    """Writes the copy to `target`, which must not be there, whole or not at all. `on_image(done, total)`
    may raise to stop it. InputError for a place that cannot be, StorageError."""
    _check_place(info.path, target)
    images = [item.path for item in info.items]
    captions = dict(read_captions(info.path))
    if info.held_out is not None:
        held_out = read_captions(info.held_out)
        images += [path for path in held_out if path not in captions]
        captions |= held_out
    try:
        with atomic.replacing(target, exclusive=True) as folder:
            work = _Copying(info, folder, images)
            for number, path in enumerate(images, 1):
                work.add(path, captions.get(path))
                if on_image is not None:
                    on_image(number, len(images))
            work.describe()
    except FileExistsError:
        raise _taken(target) from None
    if not work.done.images:
        atomic.remove_folder(target)
        raise DatasetError("No image of this dataset can be read", where=info.path)
    work.done.folder = target
    return work.done


class _Copying:
    """One copy while it is made."""

    def __init__(self, info: DatasetInfo, folder: Path, images: Iterable[Path]) -> None:
        self.info, self.folder = info, folder
        self.done = Copied(folder)
        self._masks = Masks()
        names = [path.relative_to(info.path).with_suffix("") for path in images]
        self._stems = Counter(same_name(str(name)) for name in names)

    def add(self, path: Path, caption: str | None) -> None:
        """One image with what belongs to it."""
        recipe = self.info.recipe(path)
        try:
            image = open_prepared(path, recipe)
            mask = self._mask(path)
        except InputError as error:
            self.done.left_out[printable(path.relative_to(self.info.path))] = error.what
            return
        target = self._place(path.relative_to(self.info.path))
        save_png(target, image)
        if mask is not None:
            save_png(target.parent / MASK_FOLDERS[0] / target.name, mask)
            self.done.masks += 1
        copy_caption(caption, target, lines=self.info.lines)
        self.done.images += 1
        self.done.changed += recipe.moves

    def _mask(self, path: Path) -> Image | None:
        """The mask that counts where masks are files."""
        file = mask_of(self.info, path, "files", self._masks)
        if file is None:
            return None
        return prepared(mask_pixels(path, file), self.info.recipe(path))

    def _place(self, name: Path) -> Path:
        """Its name in the copy, with its old ending where others differ by that alone: so the order
        of the images stays."""
        alone = self._stems[same_name(str(name.with_suffix("")))] == 1
        return self.folder / name.with_name(f"{name.stem if alone else name.name}.png")

    def describe(self) -> None:
        """`dataset.toml`: the dataset's own, or what its folders say."""
        info = self.info
        says = read_dataset_file(info.path)
        if says.model_fields_set:
            atomic.copy_file(info.path / DATASET_FILE, self.folder / DATASET_FILE)
            if says.name:  # two datasets of one name cannot be told apart
                write_dataset_file(self.folder, {"name": f"{says.name} (prepared)"})
            return
        held_out = info.held_out.relative_to(info.path).as_posix() if info.held_out else ""
        words = { "trigger": info.trigger, "class_word": info.class_word,
                 "kind": info.kind, "held_out": held_out if held_out != HELD_OUT else ""}  # fmt: skip
        write_dataset_file(self.folder, {key: text for key, text in words.items() if text})


def _check_place(root: Path, target: Path) -> None:
    if target.exists() or target.is_symlink():
        raise _taken(target)
    place, inside = target.resolve(), root.resolve()
    if place.is_relative_to(inside) or inside.is_relative_to(place):
        raise InputError(
            "A prepared copy must not lie inside of its dataset",
            where=target,
            why="It would be taken for a part of it.",
            remedy="Choose a folder beside it.",
        )


def _taken(target: Path) -> InputError:
    return InputError(
        "There is something at this place already",
        where=target,
        remedy="Choose the name of a folder that is not there yet.",
        safe="Nothing was written.",
    )
