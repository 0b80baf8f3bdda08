"""Recipes as the page sends and shows them.

Owns: checking what was sent, what a recipe does in words. Refuses to know: files, what is asked when.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from studio.core.errors import DatasetError, InputError
from studio.core.names import printable
from studio.formats import image_recipes
from studio.formats.dataset_info import DatasetInfo
from studio.formats.image_recipe import WHOLE, ImageRecipe, checked
from studio.formats.image_recipes import Recipes, read_recipes
from studio.ui.live import Json

GEOMETRY = ("turn", "angle", "flip", "crop")


def recipes_of(folder: Path) -> Recipes:
    """How a dataset's images are prepared; nothing where that cannot be read, which is told with what
    else is to know of it."""
    try:
        return read_recipes(folder)
    except DatasetError:
        return Recipes(folder)


def state_of(info: DatasetInfo) -> Json:
    """Image → what its recipe does, and what can be undone."""
    changed = [item for item in info.items if not item.recipe.empty]
    return {
        "prepared": {
            printable(item.path.relative_to(info.path).as_posix()): kinds_of(item.recipe)
            for item in changed
        },
        "undo": image_recipes.can_undo(info.path),
    }


def kinds_of(recipe: ImageRecipe) -> list[str]:
    """What a recipe does, in words for a badge."""
    found = {
        "cropped": recipe.crop != WHOLE,
        "turned": bool(recipe.turn or recipe.angle),
        "mirrored": recipe.flip,
        "masked": bool(recipe.mask_file),
    }
    return [word for word, so in found.items() if so]


def sent_recipe(values: Any) -> ImageRecipe:
    """What is turned and cropped, out of what a page sent. InputError."""
    try:
        given = {key: values[key] for key in GEOMETRY if key in values}
        return checked(given)
    except (ValueError, TypeError) as error:
        raise InputError(
            "This crop cannot be used", why=f"{error}.", remedy="Reset it, or reload the page."
        ) from error


def with_geometry(recipe: ImageRecipe, sent: ImageRecipe) -> ImageRecipe:
    """The recipe, turned and cropped as `sent` is."""
    return recipe.changed(**{key: getattr(sent, key) for key in GEOMETRY})


def mask_name(mask: str) -> str:
    """A mask as a recipe names it. InputError."""
    try:
        return checked({"mask": mask}).mask
    except ValueError as error:
        raise InputError("There is no such mask", remedy="Reload the page.") from error
