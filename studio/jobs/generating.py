"""One batch of pictures: turn, base, stack, files.

Owns: saving what was drawn, each batch as soon as it is finished: whoever interrupts, and whatever
goes wrong later, keeps it. Refuses to know: sampling, pages. Imports torch.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from studio.config import GenerateSettings
from studio.errors import Interrupted, StudioError
from studio.formats import images
from studio.infer import engine
from studio.infer.preview import data_url
from studio.jobs.prompt_tags import with_tags
from studio.jobs.resources import Resources
from studio.paths import Workspace

if TYPE_CHECKING:
    from studio.jobs import Cancelled, Generated, Looks, Progress


def generate(
    settings: GenerateSettings,
    workspace: Workspace,
    resources: Resources,
    on_progress: Progress | None,
    cancelled: Cancelled | None,
    on_look: Looks | None = None,
) -> Generated:
    """Draws a batch when the device is free and saves it under today's outputs.

    Interrupted is raised only when no picture was finished; otherwise the finished ones come back.
    """
    from studio.jobs import Generated, SavedPicture

    settings, _ = with_tags(settings, resources.library)
    stack = [
        item.model_copy(update={"path": str(workspace.resolve(item.path))})
        for item in settings.stack
    ]
    image = str(workspace.resolve(settings.image)) if settings.image else ""
    settings = settings.model_copy(update={"stack": stack, "image": image})
    folder = workspace.output_folder()
    saved: list[SavedPicture] = []
    reports: list[dict[str, Any]] = []

    def keep(pictures: list[engine.Picture]) -> None:
        for picture in pictures:
            stamp = f"{time.strftime('%H%M%S')}-{time.time_ns() // 1000 % 1_000_000:06d}"
            path = images.save(
                folder / f"{stamp}-{len(saved)}-{picture.seed}", picture.image, picture.parameters,
                settings.file_format, settings.quality,
            )  # fmt: skip
            saved.append(SavedPicture(path, picture.seed, picture.prompt, picture.parameters))
        reports[:] = [{**vars(r), "path": str(r.path)} for r in pictures[0].reports]

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
        try:
            engine.generate(
                base,
                settings,
                on_progress=on_progress,
                cancelled=cancelled,
                on_preview=(lambda place, looks: on_look(place, [data_url(look) for look in looks]))
                if on_look
                else None,
                on_pictures=keep,
                cache=resources.adapters(),
            )
        except Interrupted:
            if not saved:
                raise
        except StudioError as error:
            if saved:
                error.safe = f"The {len(saved)} pictures finished before are kept."
            raise
        seconds = time.perf_counter() - started
    return Generated(saved, reports, round(seconds, 3))
