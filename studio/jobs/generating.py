"""One batch of pictures: turn, base, stack, files.

Owns: saving what was drawn. Refuses to know: sampling, pages. Imports torch.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from studio.config import GenerateSettings
from studio.formats import images
from studio.infer import engine
from studio.jobs.resources import Resources
from studio.paths import Workspace

if TYPE_CHECKING:
    from studio.jobs import Cancelled, Generated, Progress


def generate(
    settings: GenerateSettings,
    workspace: Workspace,
    resources: Resources,
    on_progress: Progress | None,
    cancelled: Cancelled | None,
) -> Generated:
    """Draws a batch when the device is free and saves it under today's outputs."""
    from studio.jobs import Generated, SavedPicture

    stack = [
        item.model_copy(update={"path": str(workspace.resolve(item.path))})
        for item in settings.stack
    ]
    settings = settings.model_copy(update={"stack": stack})
    waiting = resources.slot.holder
    if waiting and on_progress:
        on_progress(0, settings.steps, f"waiting for {waiting} to finish its step")
    with resources.slot.hold("generating"):
        base = resources.base(
            settings.base,
            settings.device,
            vae=settings.vae,
            said=(lambda text: on_progress(0, settings.steps, text)) if on_progress else None,
        )
        started = time.perf_counter()
        pictures = engine.generate(
            base,
            settings,
            on_progress=on_progress,
            cancelled=cancelled,
            cache=resources.adapters(),
        )
        seconds = time.perf_counter() - started
    folder = workspace.output_folder()
    saved = []
    for place, picture in enumerate(pictures):
        stamp = f"{time.strftime('%H%M%S')}-{time.time_ns() // 1000 % 1_000_000:06d}"
        path = images.save(
            folder / f"{stamp}-{place}-{picture.seed}", picture.image, picture.parameters,
            settings.file_format, settings.quality,
        )  # fmt: skip
        saved.append(SavedPicture(path, picture.seed, picture.prompt, picture.parameters))
    reports = [{**vars(r), "path": str(r.path)} for r in pictures[0].reports] if pictures else []
    return Generated(saved, reports, round(seconds, 3))
