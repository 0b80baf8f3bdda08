"""Batches of pictures: turn, base, stack, files.

Owns: saving what was drawn, one batch or one per lane. Refuses to know: sampling, pages.
Imports torch.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from studio.config import GenerateSettings
from studio.errors import Interrupted
from studio.families.base import Base
from studio.formats.images import save_png
from studio.infer import engine
from studio.jobs.resources import Resources
from studio.lanes import LanesSettings
from studio.paths import Workspace

if TYPE_CHECKING:
    from studio.jobs import Cancelled, DrawnLane, Generated, Progress


def generate(
    settings: GenerateSettings,
    workspace: Workspace,
    resources: Resources,
    on_progress: Progress | None,
    cancelled: Cancelled | None,
) -> Generated:
    """Draws a batch when the device is free and saves it under today's outputs."""
    settings = resolved(settings, workspace)
    with ready_base(settings, resources, on_progress) as base:
        return _drawn(base, settings, workspace, resources, on_progress, cancelled)


def generate_lanes(
    settings: LanesSettings,
    workspace: Workspace,
    resources: Resources,
    on_progress: Progress | None,
    cancelled: Cancelled | None,
    on_lane: Callable[[DrawnLane], None] | None = None,
) -> list[DrawnLane]:
    """Draws every lane in order, with one turn on the device; each is saved when it is drawn.

    `on_lane` hears of each as soon as it is saved. When it is stopped, the lanes that were
    finished are returned; Interrupted when there is none.
    """
    from studio.jobs import DrawnLane

    batches = [(name, resolved(own, workspace)) for name, own in settings.batches()]
    done: list[DrawnLane] = []
    with ready_base(settings.common, resources, on_progress) as base:
        for place, (name, own) in enumerate(batches):

            def progress(
                step: int, total: int, text: str = "", place: int = place, name: str = name
            ) -> None:
                if on_progress:
                    on_progress(step + place * total, total * len(batches), f"{name}: {text}")

            try:
                if cancelled and cancelled():
                    raise Interrupted("Drawing was stopped")
                batch = _drawn(base, own, workspace, resources, progress, cancelled)
            except Interrupted:
                if not done:
                    raise
                break
            done.append(DrawnLane(name, own.prompt, batch))
            if on_lane:
                on_lane(done[-1])
    return done


def resolved(settings: GenerateSettings, workspace: Workspace) -> GenerateSettings:
    """The same with checked, absolute paths of its adapters."""
    stack = [
        item.model_copy(update={"path": str(workspace.resolve(item.path))})
        for item in settings.stack
    ]
    return settings.model_copy(update={"stack": stack})


@contextmanager
def ready_base(
    settings: GenerateSettings, resources: Resources, on_progress: Progress | None
) -> Iterator[Base]:
    """Inside, the device is ours and the base is loaded."""
    waiting = resources.slot.holder
    if waiting and on_progress:
        on_progress(0, settings.steps, f"waiting for {waiting} to finish its step")
    with resources.slot.hold("generating"):
        yield resources.base(
            settings.base,
            settings.device,
            vae=settings.vae,
            said=(lambda text: on_progress(0, settings.steps, text)) if on_progress else None,
        )


def _drawn(
    base: Base,
    settings: GenerateSettings,
    workspace: Workspace,
    resources: Resources,
    on_progress: Progress | None,
    cancelled: Cancelled | None,
) -> Generated:
    from studio.jobs import Generated, SavedPicture

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
        path = folder / f"{stamp}-{place}-{picture.seed}.png"
        save_png(path, picture.image, picture.parameters)
        saved.append(SavedPicture(path, picture.seed, picture.prompt, picture.parameters))
    reports = [{**vars(r), "path": str(r.path)} for r in pictures[0].reports] if pictures else []
    return Generated(saved, reports, round(seconds, 3))
