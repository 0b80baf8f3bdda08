"""A dataset as one look at its folder shows it.

Owns: the records, and how captions are read once a trigger is chosen.
Refuses to know: folders and files (`dataset`).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from studio.formats.caption_marks import as_trained, notes_on
from studio.formats.image_recipe import AS_IT_IS, ImageRecipe
from studio.formats.image_recipes import Recipes
from studio.formats.masks import Masks
from studio.formats.unused import Unused


@dataclass(frozen=True)
class DatasetImage:
    """One usable image. `caption` is its own, or the words of a kohya folder, or None; of several
    captions the first, once the dataset is `called`."""

    path: Path
    caption: str | None
    repeats: int
    trigger: str = ""
    """First word of the kohya folder it lies in: datasets of several concepts have several."""
    size: tuple[int, int] | None = None
    """Width and height in pixels, as shown and as its recipe has it."""
    transparent: bool = False
    captioned: bool = True
    """Whether it has a caption of its own which is not blank."""
    recipe: ImageRecipe = AS_IT_IS
    """How it is prepared."""
    captions: tuple[str, ...] = ()
    """Several captions, each as often as it counts; empty where the caption is one text."""

    @property
    def text(self) -> str | None:
        """All of its captions, a line for each where it has several."""
        return "\n".join(self.captions) if self.captions else self.caption


@dataclass(frozen=True)
class DatasetInfo:
    """A dataset as one look at its folder shows it. `problems` are sentences for people."""

    name: str
    path: Path
    images: int
    """Usable images; broken ones are in `problems` instead."""
    captioned: int
    """Images that have a caption of their own which is not blank."""
    trigger: str
    kind: Literal["subject", "style"]
    class_word: str
    repeats: int
    held_out: Path | None
    problems: list[str] = field(default_factory=list)
    items: list[DatasetImage] = field(default_factory=list)
    """The usable images in order."""
    notes: list[str] = field(default_factory=list)
    """How its folders and files were understood, where that could be otherwise."""
    unused: Unused = field(default_factory=Unused)
    """What lies there and is not trained on."""
    lines: bool = False
    """Whether each line of a caption file is one of several captions."""
    broken: dict[Path, str] = field(default_factory=dict)
    """Images that cannot be read, with the reason."""
    recipes: Recipes | None = None
    """How images are prepared, held-out ones too."""

    def recipe(self, image: Path) -> ImageRecipe:
        """How an image of it is prepared."""
        return self.recipes.of(image) if self.recipes else AS_IT_IS

    def phrase(self, trigger: str) -> str:
        """What calls the subject: the trigger, with the class word where most captions have both."""
        both = f"{trigger} {self.class_word}"
        found = sum(both in (item.caption or "") for item in self.items)
        return both if self.class_word and found > len(self.items) / 2 else trigger

    def called(self, trigger: str) -> DatasetInfo:
        """The dataset with its captions as training reads them, when `trigger` calls it."""
        texts = [text for item in self.items for text in item.captions or (item.caption,)]
        notes = notes_on(texts, trigger)
        items = [_called(item, item.trigger or trigger) for item in self.items]
        return replace(self, items=items, notes=[*self.notes, *notes])


def mask_of(info: DatasetInfo, image: Path, setting: str, masks: Masks) -> Path | None:
    """The file that holds an image's mask (the image itself where its transparency is the mask), or
    None. `setting` is that of the run: “none”, “alpha” or “files”; wherever masks count, an image's
    recipe goes before it."""
    own = info.recipe(image).mask
    if setting == "none" or own == "none":
        return None
    if own == "alpha" or (not own and setting == "alpha"):
        return image
    if own:
        return info.recipes.mask(image) if info.recipes else None
    return masks.of(image)


def _called(item: DatasetImage, trigger: str) -> DatasetImage:
    if item.captions:
        texts = tuple(as_trained(text, trigger) for text in item.captions)
        return replace(item, caption=texts[0], captions=texts)
    if item.caption is None:
        return item
    return replace(item, caption=as_trained(item.caption, trigger))
