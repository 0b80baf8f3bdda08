"""The editor that prepares images, and crops for many: what they ask of Python.

Owns: which image is prepared, proposals, saving, undoing, the prepared copy. Its scripts are
`static/scripts/caption/prepare_*.js`. Refuses to know: how a recipe becomes pixels, which window is best.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.core.errors import DatasetError, InputError, Interrupted, MissingError
from studio.core.names import original, printable
from studio.formats import image_recipes
from studio.formats.dataset import read_dataset
from studio.formats.dataset_info import DatasetInfo
from studio.formats.image_focus import about_faces
from studio.formats.image_recipe import WHOLE
from studio.formats.mask_strokes import TooManyStrokes, painted, read_strokes
from studio.formats.masks import Masks
from studio.library.image_preparing import HOWS, Shape, cropped, read_shape, said
from studio.train.buckets import bucket_for, lost
from studio.ui.components.mask_brush import too_many_strokes
from studio.ui.components.prepare_recipes import (
    GEOMETRY,
    mask_name,
    sent_recipe,
    state_of,
    with_geometry,
)
from studio.ui.live import Json, Page, Task, read

if TYPE_CHECKING:
    from PIL.Image import Image

    from studio.app import Studio

STAGE = 1280  # pixels of the longer side of what is shown to crop and paint on
AT_ONCE = 12  # proposals per call; the page asks again
KIND = "prepared copy"
FOUND = re.compile(r"found-[0-9a-f]{32}")
UNDERS = ("", "own", "beside", "alpha")


class PrepareImages:
    """Server functions of the editor and of its card."""

    def __init__(self, studio: Studio, page: Page) -> None:
        self.studio, self.page = studio, page

    def functions(self) -> list[Callable[..., Any]]:
        """For the component that holds the editor."""
        return [
            self.prepare_open, self.prepare_looks, self.prepare_sizes, self.prepare_crops, self.prepare_save,
            self.prepare_apply, self.prepare_segment, self.prepare_undo, self.prepare_state, self.prepare_mask,
            self.prepare_export, self.prepare_task, self.prepare_cancel,
        ]  # fmt: skip

    def prepare_open(self, argument: Any) -> Json:
        """One image: a copy to look at, its size as shown, its recipe, which masks there are."""
        info, image = self._image(argument)
        recipe, known = info.recipe(image), self.studio.library.images.facts(image)
        beside = Masks().of(image)
        painted_mask = info.recipes.mask(image) if info.recipes else None
        return {
            "image": str(self.page.thumbnails.of(image, STAGE)),
            "width": known.width,
            "height": known.height,
            "recipe": {key: getattr(recipe, key) for key in GEOMETRY},
            "mask": recipe.mask,
            "own": str(self.page.thumbnails.of(painted_mask, STAGE)) if painted_mask else None,
            "beside": beside is not None,
            "alpha": known.transparent,
        }

    def prepare_looks(self, argument: Any) -> Json:
        """File → a small copy as it is turned, not cropped."""
        identity, names = read(argument, dataset=str, files=list)
        info, answers = self._info(identity), {}
        for name in names[: 4 * AT_ONCE]:
            image = self._file(info, str(name))
            whole = info.recipe(image).changed(crop=WHOLE)
            answers[str(name)] = {"path": str(self.page.thumbnails.of(image, recipe=whole))}
        return answers

    def prepare_sizes(self, argument: Any) -> Json:
        """What a base is trained at, and every bucket that an image may get there."""
        facts = self._facts(argument)
        sides = range(8, 33)  # of shapes from 2 : 1 to 1 : 2
        shapes = {bucket_for(side, 16, facts.resolution, facts.multiple) for side in sides}
        both = shapes | {(height, width) for width, height in shapes}
        return {
            "resolution": facts.resolution,
            "multiple": facts.multiple,
            "faces": about_faces(),
            "buckets": sorted(both, key=lambda size: -size[0] / size[1]),
        }

    def prepare_crops(self, argument: Any) -> Json:
        """File → the crop by rule and what it leads to; `recipe` goes before what is saved, for one
        image. Nothing is written."""
        identity, names, how, shape = read(argument, dataset=str, files=list, how=str, shape=str)
        if how not in HOWS:
            raise InputError("There is no such crop", remedy="Reload the page.")
        info, facts = self._info(identity), self._facts(argument)
        wanted = Shape(facts.resolution, facts.multiple, read_shape(shape))
        found: Json = {}
        for name in names[:AT_ONCE]:
            image = self._file(info, str(name))
            recipe = sent_recipe(argument["recipe"]) if "recipe" in argument else info.recipe(image)
            try:
                new = cropped(image, recipe, how, wanted)
            except InputError as error:
                found[str(name)] = {"problem": error.what}
                continue
            known = self.studio.library.images.facts(image)
            size = new.size(known.size)
            bucket = bucket_for(*size, facts.resolution, facts.multiple)
            found[str(name)] = {
                "crop": new.crop,
                "size": size,
                "bucket": bucket,
                "lost": 1
                - (1 - lost(size, bucket)) * size[0] * size[1] / (known.width * known.height),
            }
        return found

    def prepare_save(self, argument: Any) -> Json:
        """Writes the recipe of an image, with the mask that was painted; its geometry also for the other
        images that are named in `also`."""
        identity, name, mask, also = read(argument, dataset=str, file=str, mask=str, also=list)
        folder = self.page.library.own(identity)
        info = self._info(identity)
        image = self._file(info, name)
        sent = sent_recipe(argument.get("recipe"))
        if mask == "painted":
            mask = self._painted(info, image, argument)
        own = with_geometry(info.recipe(image), sent).changed(mask=mask_name(mask))
        changes = {self._file(info, str(other)): sent for other in also}
        changes = {path: with_geometry(info.recipe(path), sent) for path in changes} | {image: own}
        self.studio.library.recipes.change(folder, changes, said("Preparing", [*changes]))
        return self.prepare_state({"dataset": identity})

    def prepare_apply(self, argument: Any) -> Json:
        """Writes crops that were proposed: file → crop."""
        identity, crops = read(argument, dataset=str, crops=dict)
        folder, info = self.page.library.own(identity), self._info(identity)
        changes = {}
        for name, crop in crops.items():
            image = self._file(info, str(name))
            changes[image] = info.recipe(image).changed(crop=sent_recipe({"crop": crop}).crop)
        if changes:
            self.studio.library.recipes.change(folder, changes, said("Crop", [*changes]))
        return self.prepare_state({"dataset": identity})

    def prepare_undo(self, argument: Any) -> Json:
        """Takes the newest change of recipes back."""
        (identity,) = read(argument, dataset=str)
        undone = self.studio.library.recipes.undo(self.page.library.own(identity))
        return self.prepare_state({"dataset": identity}) | {"undone": undone}

    def prepare_state(self, argument: Any) -> Json:
        """Which images have a recipe, and what can be undone."""
        (identity,) = read(argument, dataset=str)
        return state_of(self._info(identity))

    def prepare_mask(self, argument: Any) -> Json:
        """The mask beside an image, or its transparency, to paint on: a copy to look at."""
        from studio.formats.image_write import save_png

        (under,) = read(argument, under=str)
        info, image = self._image(argument)
        found = self._under(info, image, under)
        if found is None:
            raise InputError("This image has no such mask", remedy="Paint one.")
        found.thumbnail((STAGE, STAGE))
        name = hashlib.sha256(found.tobytes()).hexdigest()[:32]
        target = self.page.thumbnails.folder / f"mask-{name}.png"
        return {"path": str(save_png(target, found))}

    def prepare_segment(self, argument: Any) -> Json:
        """A mask by prompt, to paint on: what it is called, and a copy to look at."""
        from studio.formats.image_write import encoded_png, save_png

        model, words, threshold = read(argument, model=str, words=str, threshold=float)
        _, image = self._image(argument)
        found, _ = self.studio.generation.segment([image], model.strip(), words, threshold)
        name = hashlib.sha256(encoded_png(found[image])).hexdigest()[:32]
        folder = self.page.thumbnails.folder
        large = save_png(folder / f"found-{name}.png", found[image])
        small = found[image].copy()
        small.thumbnail((STAGE, STAGE))
        path = (
            save_png(folder / f"mask-{name}.png", small)
            if small.size != found[image].size
            else large
        )
        return {"under": f"found-{name}", "path": str(path)}

    def prepare_export(self, argument: Any) -> Json:
        """Starts writing a prepared copy into the workspace; answers the task."""
        from studio.library.prepared_copy import export_prepared

        (identity,) = read(argument, dataset=str)
        info = self._info(identity)
        target = _free(self.studio.workspace.datasets, f"{info.path.name}-prepared")

        def work(task: Task) -> Json:
            def on_image(done: int, total: int) -> None:
                task.progress(done, total, "images")
                if task.cancelled.is_set():
                    raise Interrupted("Stopped as you asked", safe="Nothing was written.")

            done = export_prepared(info, target, on_image)
            return {**vars(done), "folder": printable(done.folder), "name": done.folder.name}

        return self.page.tasks.start(KIND, work, dataset=identity).view()

    def prepare_task(self, argument: Any) -> Json | None:
        """The latest copy, running or ended."""
        task = self.page.tasks.latest(KIND)
        return task.view() if task else None

    def prepare_cancel(self, argument: Any) -> bool:
        """Stops the copy; nothing of it stays."""
        task = self.page.tasks.latest(KIND)
        if task:
            task.cancelled.set()
        return task is not None

    def _facts(self, argument: Any) -> Any:
        base, resolution = read(argument, base=str, resolution=int)
        return self.studio.generation.facts(base, max(0, min(resolution, 4096)))

    def _info(self, identity: str) -> DatasetInfo:
        return read_dataset(self.page.library.path(identity), self.studio.library.images)

    def _image(self, argument: Any) -> tuple[DatasetInfo, Path]:
        identity, name = read(argument, dataset=str, file=str)
        info = self._info(identity)
        return info, self._file(info, name)

    def _file(self, info: DatasetInfo, name: str) -> Path:
        """An image of the dataset, as the dataset calls it."""
        path = info.path / original(name)
        if not any(item.path == path for item in info.items):
            raise DatasetError(
                "This image is not in the dataset any more",
                where=name,
                remedy="Open the dataset again.",
            )
        return path

    def _painted(self, info: DatasetInfo, image: Path, argument: Any) -> str:
        strokes_sent, under = read(argument, strokes=list, under=str)
        try:
            strokes = read_strokes(strokes_sent)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError("The mask is unreadable", remedy="Reload the page.") from error
        except TooManyStrokes:
            raise too_many_strokes() from None
        size = self.studio.library.images.facts(image).size
        mask = painted(size, strokes, self._under(info, image, under))
        return image_recipes.keep_mask(info.path, mask)

    def _under(self, info: DatasetInfo, image: Path, under: str) -> Image | None:
        """What is painted on, in the size of the image."""
        from studio.formats.image_prepare import mask_pixels

        if FOUND.fullmatch(under):
            return self._found(image, under)
        if under not in UNDERS:
            raise InputError("There is no such mask", remedy="Reload the page.")
        file = {
            "": lambda: None,
            "own": lambda: info.recipes.mask(image) if info.recipes else None,
            "beside": lambda: Masks().of(image),
            "alpha": lambda: image,
        }[under]()
        return None if file is None else mask_pixels(image, file)

    def _found(self, image: Path, name: str) -> Image:
        """A mask that was found by prompt."""
        from studio.formats.image_prepare import mask_pixels

        file = self.page.thumbnails.folder / f"{name}.png"
        if not file.is_file():
            raise MissingError("This mask is not there any more", remedy="Find it again.")
        return mask_pixels(image, file)


def _free(folder: Path, name: str) -> Path:
    place, count = folder / name, 1
    while place.exists():
        count += 1
        place = folder / f"{name}-{count}"
    return place
