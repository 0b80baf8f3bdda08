"""One batch of images as a background task: what the page shows of it, and its result.

Owns: the form of a batch's answer. Refuses to know: how images are made (`studio.generation`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from studio.settings.lanes import LanesSettings
from studio.ui.components.stack import report_facts
from studio.ui.live import Json, Task

if TYPE_CHECKING:
    from studio.app import Studio
    from studio.generation.records import Generated, GeneratedLane


def about(settings: LanesSettings) -> Json:
    """What the page shows of a batch while it is generated."""
    common, lanes = settings.common, [lane.name for lane in settings.lanes]
    seeds = [(common.seed + k) % 2**32 for k in range(common.count)]
    return {
        "count": common.count, "seeds": seeds, "prompt": common.prompt, "base": common.base,
        "lanes": lanes if len(lanes) > 1 else [],
    }  # fmt: skip


def with_new_seed(settings: LanesSettings) -> LanesSettings:
    """The same batch once more, with other images."""
    common = settings.common.model_copy(update={"seed": -1})
    return settings.model_copy(update={"common": common}).seeded()


def generate(studio: Studio, settings: LanesSettings, task: Task) -> Json:
    """Generates one batch, or one per lane; the result names every image by its place in `outputs/`.

    Lanes that are ready are in the task's result while the others are generated.
    """
    lanes = [lane.model_dump() for lane in settings.lanes]
    result: Json = {"images": [], "reports": {}, "seconds": 0.0, "lanes": lanes}
    if len(lanes) == 1:
        ((_, own),) = settings.batches()
        batch = studio.generation.generate(own, task.progress, task.cancelled.is_set, task.preview)
        return _with(studio, result, "", batch)

    def ready(lane: GeneratedLane) -> None:
        task.result = _with(studio, task.result or result, lane.name, lane.batch)

    studio.generation.generate_lanes(
        settings, task.progress, task.cancelled.is_set, ready, task.preview
    )
    return task.result or result


def _with(studio: Studio, result: Json, lane: str, batch: Generated) -> Json:
    root = studio.workspace.outputs
    images = [
        {
            "id": image.path.relative_to(root).as_posix(),
            "path": str(image.path),
            "seed": image.seed,
            "prompt": image.prompt,
            "parameters": image.parameters,
            "lane": lane,
        }
        for image in batch.images
    ]
    return result | {
        "images": result["images"] + images,
        "reports": result["reports"] | report_facts(batch.reports),
        "seconds": round(result["seconds"] + batch.seconds, 1),
    }
