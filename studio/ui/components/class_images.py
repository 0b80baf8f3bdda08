"""The dialog of class (regularization) images: making a dataset of them, and what runs have generated.

Owns: its server functions. Its script is `static/scripts/caption/class_images.js`. Refuses to know: how
they are generated (`studio.generation.class_images`), where the cache is.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from studio.core.errors import InputError
from studio.core.names import printable
from studio.core.paths import slug, there
from studio.core.text import lines
from studio.formats.dataset_file import read_dataset_file
from studio.generation import class_images
from studio.generation.class_images import Made
from studio.runs.class_cache import Kept, kept
from studio.runs.completion import class_prompts
from studio.settings.training import PriorSettings
from studio.ui.components.bases import base_choices
from studio.ui.live import Json, Page, Task, read

if TYPE_CHECKING:
    from studio.app import Studio

KIND = "class images"
SHOWN = 20  # of what the cache has, the most images first
THUMBNAILS = 4


class ClassImagesDialog:
    """Server functions of the dialog."""

    def __init__(self, studio: Studio, page: Page) -> None:
        self.studio, self.page = studio, page

    def functions(self) -> list[Callable[..., Any]]:
        """For the component that holds the dialog."""
        return [
            self.class_form, self.kept_class_images, self.make_class_images, self.adopt_class_images,
            self.delete_class_images, self.class_task, self.cancel_class_images,
        ]  # fmt: skip

    def class_form(self, argument: Any) -> Json:
        """What the dialog begins with; beside a dataset, what a run on it would generate; on class images,
        what continues them."""
        (identity,) = read(argument, dataset=str)
        form: Json = {
            "bases": [[name, title] for title, name in base_choices(self.studio)],
            "base": "", "prompts": [], "name": "class images", "count": PriorSettings().images,
        }  # fmt: skip
        if not identity:
            return form | {"name": self._free(form["name"])}
        folder = self.page.library.path(identity)
        mark = read_dataset_file(folder).class_images
        if mark is not None:
            return form | {"base": mark.base, "prompts": mark.prompts, "name": folder.name}
        info = self.studio.library.read_dataset(folder)
        prompts = class_prompts(info.called(info.trigger), info.trigger)
        return form | {"prompts": prompts, "name": self._free(f"{info.name} class")}

    def kept_class_images(self, argument: Any) -> Json:
        """What runs have generated, by base and prompt."""
        found = sorted(kept(self.studio.workspace.cache), key=lambda one: -len(one.files))
        return {"all": len(found), "rows": [self._row(one) for one in found[:SHOWN]]}

    def make_class_images(self, argument: Any) -> Json:
        """Starts generating; answers the task."""
        base, prompts, count, name = read(argument, base=str, prompts=str, count=int, name=str)
        prior = PriorSettings.parse({"prompts": lines(prompts), "images": count})
        if not name.strip():
            raise InputError("The new dataset has no name", remedy="Write one.")

        def work(task: Task) -> Json:
            return _told(
                self.studio.generation.class_images(
                    base, prior, slug(name), task.progress, task.cancelled.is_set
                )
            )

        return self.page.tasks.start(KIND, work).view()

    def adopt_class_images(self, argument: Any) -> Json:
        """Starts copying what runs have generated into a new dataset; answers the task."""
        (identity,) = read(argument, id=str)

        def work(task: Task) -> Json:
            return _told(class_images.adopt(self.studio.runtime, identity))

        return self.page.tasks.start(KIND, work).view()

    def delete_class_images(self, argument: Any) -> bool:
        """Moves what runs have generated to the trash."""
        (identity,) = read(argument, id=str)
        class_images.delete(self.studio.runs, identity)
        return True

    def class_task(self, argument: Any) -> Json | None:
        """The latest of these, running or ended."""
        task = self.page.tasks.latest(KIND)
        return task.view() if task else None

    def cancel_class_images(self, argument: Any) -> bool:
        """Stops at the next step; what was made stays."""
        task = self.page.tasks.latest(KIND)
        if task:
            task.cancelled.set()
        return task is not None

    def _row(self, one: Kept) -> Json:
        covers = []
        for path in one.files[:THUMBNAILS]:
            with contextlib.suppress(InputError, OSError):
                covers.append(str(self.page.thumbnails.of(path)))
        return {
            "id": one.id, "base": one.base or f"a base with weights {one.weights}", "prompt": one.prompt,
            "images": len(one.files), "bytes": one.bytes, "covers": covers,
        }  # fmt: skip

    def _free(self, name: str) -> str:
        """The same with a number, where there is a dataset of that name already."""
        names = (slug(name if count == 1 else f"{name} {count}") for count in range(1, 10_000))
        datasets = self.studio.workspace.datasets
        return next(free for free in names if not there(datasets / free))


def _told(made: Made) -> Json:
    return {
        "id": printable(made.path), "name": made.path.name, "wanted": made.wanted,
        "images": made.images, "made": made.made,
    }  # fmt: skip
