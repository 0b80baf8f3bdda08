"""What runs learnt of each image, for the Caption tab and the run's own view.

Owns: these questions, and how many rows go to the page. Its scripts are `static/scripts/caption/learnt.js` and
`static/scripts/train/learnt_list.js`. Refuses to know: the figures (`studio.runs.image_losses`).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.core.errors import StudioError
from studio.core.names import printable
from studio.runs import image_losses
from studio.ui.live import Json, Page, Task, read

if TYPE_CHECKING:
    from studio.app import Studio

KIND = "image losses"
MOST_ROWS = 12  # at either end of a run's list


class LearntOfDataset:
    """Server functions of the Caption tab."""

    def __init__(self, studio: Studio, page: Page) -> None:
        self.studio, self.page = studio, page

    def functions(self) -> list[Callable[..., Any]]:
        """For the component that shows the images."""
        return [self.learnt_images]

    def learnt_images(self, argument: Any) -> Json | None:
        """Every image of a dataset that the newest measured run speaks of, the least learnt first."""
        (identity,) = read(argument, dataset=str)
        found = self.studio.generation.learnt_images(self.page.library.path(identity))
        return found.as_shown() if found is not None else None


class LearntOfRun:
    """Server functions of the run's view."""

    def __init__(self, studio: Studio, page: Page) -> None:
        self.studio, self.page = studio, page

    def functions(self) -> list[Callable[..., Any]]:
        """For the component that shows runs."""
        return [self.learnt, self.measure_images, self.measuring_images]

    def learnt(self, argument: Any) -> Json | None:
        """The newest measurement of a run; None where there is none yet."""
        (run,) = read(argument, run=str)
        folder = self.studio.runs.folder(run)
        record = image_losses.read(folder)
        if record is None or not record.rows:
            return None
        return shortened(record.as_shown()) | {"dataset": self._dataset(run)}

    def measure_images(self, argument: Any) -> Json:
        """Measures the newest checkpoint of a run that was not measured; answers the task."""
        (run,) = read(argument, run=str)

        def work(task: Task) -> bool:
            self.studio.generation.image_losses(
                run, on_progress=task.progress, cancelled=task.cancelled.is_set
            )
            return True

        return self.page.tasks.start(KIND, work, run=run).view()

    def measuring_images(self, argument: Any) -> Json | None:
        """The latest measurement that was asked for."""
        task = self.page.tasks.latest(KIND)
        return task.view() if task else None

    def _dataset(self, run: str) -> str | None:
        """The id of the run's dataset where the page has it in its list."""
        try:
            identity = printable(Path(self.studio.runs.config(run).data.folder))
            self.page.library.path(identity)
        except StudioError:
            return None
        return identity


def shortened(shown: Json) -> Json:
    """Both ends of the list: least learnt first, and what was learnt most."""
    rows = shown["rows"]
    most = sorted(rows, key=lambda row: -row["learnt"])
    return shown | {"rows": rows[:MOST_ROWS], "most": most[:MOST_ROWS]}
