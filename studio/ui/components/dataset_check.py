"""The Check panel's questions: look at a dataset for a base, in the background.

Owns: which task it is and how much of a report goes to the page. Its script is
`static/scripts/caption/check.js`. Refuses to know: the checks (`studio.checkup`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from studio.ui.live import Json, Page, Task, read

if TYPE_CHECKING:
    from studio.app import Studio

MOST_HITS = 40  # of a finding that are told one by one; all of its images are named
MOST_FITS = 24
KIND = "dataset check"


class DatasetCheck:
    """Server functions of the panel."""

    def __init__(self, studio: Studio, page: Page) -> None:
        self.studio, self.page = studio, page

    def functions(self) -> list[Callable[..., Any]]:
        """For the component that holds the panel."""
        return [self.check_bases, self.check_dataset, self.check_task, self.cancel_check]

    def check_bases(self, argument: Any) -> list[list[str]]:
        """[name, label] of the bases that a dataset can be checked for."""
        return [
            [info.name, f"{info.name} · {info.native_size} px"]
            for info in self.studio.library.bases()
            if info.family and not info.problems
        ]

    def check_dataset(self, argument: Any) -> Json:
        """Starts the check; answers the task."""
        identity, base, clip = read(argument, dataset=str, base=str, clip=bool)
        folder = self.page.library.path(identity)

        def work(task: Task) -> Json:
            report = self.studio.generation.examine(
                folder,
                base=base,
                clip=clip,
                on_progress=task.progress,
                cancelled=task.cancelled.is_set,
            )
            return shortened(report.as_dict())

        about = {"dataset": identity, "base": base}
        return self.page.tasks.start(KIND, work, **about).view()

    def check_task(self, argument: Any) -> Json | None:
        """The latest check, running or ended."""
        task = self.page.tasks.latest(KIND)
        return task.view() if task else None

    def cancel_check(self, argument: Any) -> bool:
        """Stops after the image that is being looked at."""
        task = self.page.tasks.latest(KIND)
        if task:
            task.cancelled.set()
        return task is not None


def shortened(report: Json) -> Json:
    """A report as the page shows it."""
    for finding in report["findings"]:
        finding["more"] = max(0, len(finding["hits"]) - MOST_HITS)
        finding["hits"] = finding["hits"][:MOST_HITS]
    return report | {"fits": report["fits"][:MOST_FITS]}
