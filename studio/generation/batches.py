"""Batches of images: turn, base, stack, files.

Owns: saving what was generated, one batch or one per lane, each as soon as it is finished: whoever
interrupts, and whatever goes wrong later, keeps it. Refuses to know: sampling, pages. Imports torch.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

from PIL.Image import Image

from studio.adapters.base import Report
from studio.core import memory
from studio.core.callbacks import Cancelled, OnProgress
from studio.core.counts import counted
from studio.core.errors import Interrupted, StudioError
from studio.families.base import Base
from studio.formats import image_write
from studio.generation.parts import Part, parts
from studio.generation.records import FileReport, Generated, GeneratedLane, OnPreview, SavedImage
from studio.infer import engine, inpaint_files
from studio.infer.engine import GeneratedImage, Watch
from studio.infer.infotext_block import extended
from studio.infer.preview import OnPreview as OnImages
from studio.infer.preview import data_url
from studio.library.library import Library
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
    """Generates a batch when the device is free and saves it under today's outputs.

    Interrupted is raised only when no image was finished; otherwise the finished ones come back.
    """
    found = parts(settings, runtime.library)
    with ready_base(settings, runtime, on_progress) as base:
        return _generated(base, found, runtime, Watch(on_progress, cancelled, _shown(on_preview)))


def generate_lanes(
    settings: LanesSettings,
    runtime: Runtime,
    on_progress: OnProgress | None,
    cancelled: Cancelled | None,
    on_lane: Callable[[GeneratedLane], None] | None = None,
    on_preview: OnPreview | None = None,
) -> list[GeneratedLane]:
    """Generates every lane in order, with one turn on the device; each is saved when it is generated.

    `on_lane` hears of each as soon as it is saved; `on_preview` counts images over all lanes. When it
    is stopped, what was finished is returned; Interrupted when that is nothing.
    """

    batches = [(name, own, parts(own, runtime.library)) for name, own in settings.batches()]
    done: list[GeneratedLane] = []
    with ready_base(settings.common, runtime, on_progress) as base:
        for place, (name, own, found) in enumerate(batches):

            def progress(
                step: int, total: int, text: str = "", place: int = place, name: str = name
            ) -> None:
                if on_progress:
                    on_progress(step + place * total, total * len(batches), f"{name}: {text}")

            try:
                if cancelled and cancelled():
                    raise Interrupted("Generating was stopped")
                show = _shown(on_preview, place * own.count)
                batch = _generated(base, found, runtime, Watch(progress, cancelled, show))
            except Interrupted:
                if not done:
                    raise
                break
            done.append(GeneratedLane(name, own.prompt, batch))
            if on_lane:
                on_lane(done[-1])
    return done


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


def _generated(base: Base, found: list[Part], runtime: Runtime, watch: Watch) -> Generated:
    """The images of all parts, each saved as soon as its batch is finished."""
    folder = runtime.library.workspace.output_folder()
    saved: list[SavedImage] = []
    reports: dict[str, FileReport] = {}

    def keep(part: Part, images: list[GeneratedImage]) -> None:
        inpaint_files.keep(folder, part.settings)  # before the images that name them
        for made in images:
            stamp = f"{time.strftime('%H%M%S')}-{time.time_ns() // 1000 % 1_000_000:06d}"
            text = extended(made.parameters, part.templates)
            path = image_write.save(
                folder / f"{stamp}-{len(saved)}-{made.seed}", made.image, text,
                part.settings.file_format, part.settings.quality,
            )  # fmt: skip
            saved.append(SavedImage(path, made.seed, made.prompt, text))
        reports.update({str(one.path): _told(one, runtime.library) for one in images[0].reports})

    started = time.perf_counter()
    try:
        for part, seen in zip(found, _watches(found, watch), strict=True):
            watched = replace(seen, on_images=partial(keep, part))
            engine.generate(base, part.settings, watched, jobs=part.jobs, cache=runtime.adapters())
    except Interrupted:
        if not saved:
            raise
    except StudioError as error:
        if saved:
            kept = counted(len(saved), "image finished before is", "images finished before are")
            error.safe = f"The {kept} kept."
        raise
    seconds = round(time.perf_counter() - started, 3)
    return Generated(saved, list(reports.values()), seconds)


def _watches(found: list[Part], watch: Watch) -> Iterator[Watch]:
    """The watch of each part: its steps and images are counted behind those of the parts before."""
    total, done = sum(len(part.jobs) for part in found), 0
    for part in found:
        count = len(part.jobs)

        def progress(
            step: int, steps: int, text: str = "", done: int = done, count: int = count
        ) -> None:
            if watch.on_progress:
                told = f"{done} of {counted(total, 'image')}" if count < total else text
                watch.on_progress(step + steps * done // count, steps * total // count, told)

        def preview(place: int, images: list[Image], done: int = done) -> None:
            if watch.on_preview:
                watch.on_preview(done + place, images)

        yield replace(watch, on_progress=progress, on_preview=watch.on_preview and preview)
        done += count


def _shown(on_preview: OnPreview | None, before: int = 0) -> OnImages | None:
    """Previews as data URLs for a caller that counts `before` images in front of them."""
    if on_preview is None:
        return None
    return lambda place, images: on_preview(before + place, [data_url(image) for image in images])
