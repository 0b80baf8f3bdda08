"""Batches of pictures: turn, base, stack, files.

Owns: saving what was drawn, one batch or one per lane, each as soon as it is finished: whoever
interrupts, and whatever goes wrong later, keeps it. Refuses to know: sampling, pages. Imports torch.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from PIL.Image import Image

from studio.adapters.base import Report
from studio.core import memory
from studio.core.callbacks import Cancelled, OnProgress
from studio.core.errors import Interrupted, StudioError
from studio.families.base import Base
from studio.formats import image_write
from studio.generation.records import DrawnLane, FileReport, Generated, OnPreview, SavedPicture
from studio.infer import engine
from studio.infer.engine import GeneratedImage, Watch
from studio.infer.preview import data_url
from studio.library.library import Library
from studio.library.prompt_tags import with_tags
from studio.runtime.runtime import Runtime
from studio.settings.lanes import LanesSettings
from studio.settings.training import GenerateSettings


def generate(
    settings: GenerateSettings,
    runtime: Runtime,
    on_progress: OnProgress | None,
    cancelled: Cancelled | None,
    on_preview: OnPreview | None = None,
) -> Generated:
    """Draws a batch when the device is free and saves it under today's outputs.

    Interrupted is raised only when no picture was finished; otherwise the finished ones come back.
    """
    settings = resolved(settings, runtime.library)
    with ready_base(settings, runtime, on_progress) as base:
        return _drawn(base, settings, runtime, on_progress, cancelled, on_preview)


def generate_lanes(
    settings: LanesSettings,
    runtime: Runtime,
    on_progress: OnProgress | None,
    cancelled: Cancelled | None,
    on_lane: Callable[[DrawnLane], None] | None = None,
    on_preview: OnPreview | None = None,
) -> list[DrawnLane]:
    """Draws every lane in order, with one turn on the device; each is saved when it is drawn.

    `on_lane` hears of each as soon as it is saved; `on_preview` counts pictures over all lanes. When it
    is stopped, what was finished is returned; Interrupted when that is nothing.
    """

    batches = [(name, resolved(own, runtime.library)) for name, own in settings.batches()]
    done: list[DrawnLane] = []
    with ready_base(settings.common, runtime, on_progress) as base:
        for place, (name, own) in enumerate(batches):

            def progress(
                step: int, total: int, text: str = "", place: int = place, name: str = name
            ) -> None:
                if on_progress:
                    on_progress(step + place * total, total * len(batches), f"{name}: {text}")

            def show(picture: int, images: list[str], before: int = place * own.count) -> None:
                if on_preview:
                    on_preview(before + picture, images)

            try:
                if cancelled and cancelled():
                    raise Interrupted("Drawing was stopped")
                batch = _drawn(base, own, runtime, progress, cancelled, show)
            except Interrupted:
                if not done:
                    raise
                break
            done.append(DrawnLane(name, own.prompt, batch))
            if on_lane:
                on_lane(done[-1])
    return done


def resolved(settings: GenerateSettings, library: Library) -> GenerateSettings:
    """The same with its prompt's tags on the stack, and checked, absolute paths of all files."""
    settings, _ = with_tags(settings, library)
    resolve = library.workspace.resolve
    stack = [item.model_copy(update={"path": str(resolve(item.path))}) for item in settings.stack]
    image = str(resolve(settings.image)) if settings.image else ""
    return settings.model_copy(update={"stack": stack, "image": image})


def _told(report: Report, library: Library) -> FileReport:
    stale = library.adapter(report.path).stale
    message = " ".join(filter(None, (stale, report.message)))
    return FileReport(str(report.path), report.kind, report.matched, report.unmatched, message)


@contextmanager
def ready_base(
    settings: GenerateSettings,
    runtime: Runtime,
    on_progress: OnProgress | None,
    work: memory.Work = "images",
) -> Iterator[Base]:
    """Inside, the device is ours and the base is loaded."""
    waiting = runtime.lock.holder
    if waiting and on_progress:
        on_progress(0, settings.steps, f"waiting for {waiting} to finish its step")
    with runtime.turn("generating", work):
        yield runtime.base(
            settings.base,
            settings.device,
            vae=settings.vae,
            said=(lambda text: on_progress(0, settings.steps, text)) if on_progress else None,
        )


def _drawn(
    base: Base,
    settings: GenerateSettings,
    runtime: Runtime,
    on_progress: OnProgress | None,
    cancelled: Cancelled | None,
    on_preview: OnPreview | None,
) -> Generated:

    folder = runtime.library.workspace.output_folder()
    saved: list[SavedPicture] = []
    reports: list[FileReport] = []

    def keep(images: list[GeneratedImage]) -> None:
        for picture in images:
            stamp = f"{time.strftime('%H%M%S')}-{time.time_ns() // 1000 % 1_000_000:06d}"
            path = image_write.save(
                folder / f"{stamp}-{len(saved)}-{picture.seed}", picture.image, picture.parameters,
                settings.file_format, settings.quality,
            )  # fmt: skip
            saved.append(SavedPicture(path, picture.seed, picture.prompt, picture.parameters))
        reports[:] = [_told(report, runtime.library) for report in images[0].reports]

    def show(place: int, images: list[Image]) -> None:
        if on_preview:
            on_preview(place, [data_url(image) for image in images])

    started = time.perf_counter()
    watch = Watch(on_progress, cancelled, show if on_preview else None, keep)
    try:
        engine.generate(base, settings, watch, cache=runtime.adapters())
    except Interrupted:
        if not saved:
            raise
    except StudioError as error:
        if saved:
            error.safe = f"The {len(saved)} pictures finished before are kept."
        raise
    return Generated(saved, reports, round(time.perf_counter() - started, 3))
