"""`image_recipes.json`: how the images of a dataset are prepared, beside them, so that it moves along.

    {"version": 1,
     "images": {"1.jpg": {"turn": 90, "crop": [0.1, 0, 0.9, 1], "mask": "masks/recipes/3f….png"}},
     "earlier": [{"what": "Crop of 1.jpg", "images": {"1.jpg": null}}]}

Images are named relative to the dataset's folder. `earlier` is what can be undone, newest last. Keys
that are not known are kept. Painted masks lie in `masks/recipes/`, named by their content: none is ever
overwritten, and one that no recipe names any more is removed. The images themselves are only read.

Owns: this file and those masks. Refuses to know: what a recipe does (`image_recipe`), datasets.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from studio.core import atomic
from studio.core.errors import DatasetError
from studio.core.names import composed, printable
from studio.core.paths import entries
from studio.core.record import Filed, Record, Table, readable
from studio.core.text import TextError, read_json
from studio.formats.image_recipe import AS_IT_IS, MASK_FOLDER, ImageRecipe, checked

if TYPE_CHECKING:
    from PIL.Image import Image

RECIPES_FILE = "image_recipes.json"
MOST_EARLIER = 30
_MOST_BYTES = 1 << 24
NAMED = 3  # images whose recipe is wrong, named one by one


class Earlier(Record):
    """What a change has replaced."""

    what: str = ""
    images: dict[str, Table | None]


class RecipeFile(Filed):
    """The file as it is written."""

    images: dict[str, object] = Field(default_factory=dict)
    earlier: list[object] = Field(default_factory=list)


@dataclass(frozen=True)
class Recipes:
    """The recipes of a dataset."""

    folder: Path
    rows: dict[str, ImageRecipe] = field(default_factory=dict)
    """By `name_of` their image."""
    wrong: dict[str, str] = field(default_factory=dict)
    """Images whose recipe cannot be used, with the reason: they are taken as they are."""

    def of(self, image: Path) -> ImageRecipe:
        """The recipe of an image; that of none where it lies outside of the dataset."""
        if not self.rows or not image.is_relative_to(self.folder):
            return AS_IT_IS
        return self.rows.get(name_of(self.folder, image), AS_IT_IS)

    def mask(self, image: Path) -> Path | None:
        """The file of an image's own mask: inside of the dataset, even where links lead."""
        name = self.of(image).mask_file
        path = self.folder / name
        inside = bool(name) and path.resolve().is_relative_to(self.folder.resolve())
        return path if inside and path.is_file() else None

    def problems(self) -> list[str]:
        """Sentences about recipes that cannot be used."""
        found = [
            f"The recipe of {name} is not used, the image is taken as it is: {why}."
            for name, why in [*self.wrong.items()][:NAMED]
        ]
        found += [
            f"The mask that was painted for {printable(name)} is not there any more: all of it is learned."
            for name, one in self.rows.items()
            if one.mask_file and self.mask(self.folder / name) is None
        ][:NAMED]
        if (more := len(self.wrong) - NAMED) > 0:
            found.append(f"{more} more recipes are not used.")
        return found


def name_of(folder: Path, image: Path) -> str:
    """How an image is named in the file."""
    return composed(printable(image.relative_to(folder).as_posix()))


def read_recipes(folder: Path) -> Recipes:
    """The recipes in a dataset's folder; none without the file. DatasetError when it cannot be read."""
    says = _read(folder)
    found, wrong = {}, {}
    for name, values in says.images.items():
        try:
            found[composed(name)] = checked(values)
        except ValueError as error:
            wrong[printable(name)] = str(error)
    return Recipes(folder, found, wrong)


def recipes_near(folder: Path) -> Recipes:
    """The recipes of the images in a folder that may be a part of a dataset, such as its held-out
    images. DatasetError when they cannot be read."""
    own = (folder / RECIPES_FILE).is_file() or not (folder.parent / RECIPES_FILE).is_file()
    return read_recipes(folder if own else folder.parent)


def write_recipes(folder: Path, changes: Mapping[str, ImageRecipe], what: str) -> None:
    """Puts recipes (by `name_of` their image) in place of those that are there. `what` says in a few
    words what was done; it can be undone. Raises DatasetError, StorageError."""
    says = _read(folder)
    before = Earlier(what=what, images={name: _table(says.images.get(name)) for name in changes})
    earlier = [*says.earlier, before.as_json()][-MOST_EARLIER:]
    rows = {name: None if one.empty else one.as_json() for name, one in changes.items()}
    _write(folder, says, rows, earlier)


def undo(folder: Path) -> str:
    """Brings back what the newest change has replaced, and says what that was; empty if there is
    nothing to undo."""
    says = _read(folder)
    known = readable(Earlier, says.earlier)
    if not known:
        return ""
    _write(folder, says, known[-1].images, [one.as_json() for one in known[:-1]])
    return known[-1].what


def can_undo(folder: Path) -> str:
    """What `undo` would take back; empty if there is nothing."""
    known = readable(Earlier, _read(folder).earlier)
    return known[-1].what if known else ""


def copy_recipes(recipes: Recipes, places: Mapping[Path, Path], target: Path) -> None:
    """Gives copies of images (image → copy in `target`) the recipes and painted masks of theirs."""
    rows: dict[str, object] = {}
    for image, place in places.items():
        recipe = recipes.of(image)
        if recipe.empty:
            continue
        rows[name_of(target, place)] = recipe.as_json()
        if (mask := recipes.mask(image)) is not None:
            atomic.copy_file(mask, target / recipe.mask_file)
    if rows:
        atomic.write_json(target / RECIPES_FILE, RecipeFile(images=rows).as_json())


def keep_mask(folder: Path, mask: Image) -> str:
    """Keeps a painted mask; returns what a recipe calls it."""
    from studio.formats.image_write import encoded_png

    data = encoded_png(mask.convert("L"))
    name = f"{MASK_FOLDER}/{hashlib.sha256(data).hexdigest()[:20]}.png"
    if not (folder / name).is_file():
        atomic.write_bytes(folder / name, data)
    return name


def _write(
    folder: Path, says: RecipeFile, rows: Mapping[str, Table | None], earlier: list[object]
) -> None:
    images = {name: row for name, row in {**says.images, **rows}.items() if row is not None}
    changed = says.changed(images=images, earlier=earlier)
    atomic.write_json(folder / RECIPES_FILE, changed.as_json())
    _tidy(folder, changed)


def _tidy(folder: Path, says: RecipeFile) -> None:
    """Removes masks that nothing names any more."""
    tables = [row for row in says.images.values() if isinstance(row, dict)]
    for step in readable(Earlier, says.earlier):
        tables += [row for row in step.images.values() if row]
    named = {str(row.get("mask", "")) for row in tables}
    place = folder / MASK_FOLDER
    if not place.resolve().is_relative_to(folder.resolve()):
        return
    for path in entries(place):
        if path.suffix == ".png" and f"{MASK_FOLDER}/{path.name}" not in named:
            path.unlink(missing_ok=True)


def _table(row: object) -> Table | None:
    return row if isinstance(row, dict) else None


def _read(folder: Path) -> RecipeFile:
    file = folder / RECIPES_FILE
    if not file.is_file():
        return RecipeFile()
    try:
        value = read_json(file, _MOST_BYTES)
        images = value.get("images", {}) if isinstance(value, dict) else None
        if not isinstance(images, dict):
            raise TextError("This is no file of recipes", why="It has no table “images”")
        return RecipeFile.read(value)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else getattr(error, "why", None)
        raise DatasetError(
            "The recipes of this dataset's images cannot be read",
            where=file,
            why=why,
            remedy="Correct the file, or remove it: then all images are taken as they are.",
            safe="The images are as they were.",
        ) from None
