"""A dataset looked at for a base: the checks, and its captions against its images by the base's CLIP.

Owns: what is asked of the base, and the device's turn for its CLIP. Refuses to know: the checks
(`studio.checkup`), pages. Loads torch only for a CLIP or a long caption.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from studio.checkup.base_facts import base_facts
from studio.checkup.examine import judged, look, with_fits
from studio.checkup.fit_memory import FitMemory
from studio.checkup.records import BaseFacts, Evidence, Hit, Report
from studio.core.callbacks import Cancelled, OnProgress
from studio.core.errors import Interrupted, SettingsError, UnavailableError
from studio.core.names import original
from studio.families.detect import BaseInfo
from studio.formats.dataset import read_dataset
from studio.generation.image_losses import of_dataset
from studio.runs.training import Runs
from studio.runtime.runtime import Runtime

AGREEMENT = "Captions against images"


def examine(
    runs: Runs,
    folder: Path,
    base: str,
    *,
    clip: bool = True,
    on_progress: OnProgress | None = None,
    cancelled: Cancelled | None = None,
) -> Report:
    """Everything that is found about a dataset; `clip`: also whether captions fit their images.

    Cancelled while images are decoded: Interrupted. Cancelled later: the report without what was
    not finished. Errors of the dataset and of the base come through.
    """
    runtime, library = runs.runtime, runs.library
    info = _usable(runtime, base)

    def decoded(done: int, total: int) -> None:
        if cancelled is not None and cancelled():
            raise Interrupted("Stopped as you asked", safe="What was looked at is remembered.")
        if on_progress is not None:
            on_progress(done, total, "images")

    facts = base_facts(info, library.workspace.bases / "tokenizer")
    seen = look(folder, library.images, facts, decoded)
    seen = replace(seen, never_learnt=_never_learnt(runs, folder))
    if not clip:
        return judged(seen)
    try:
        return judged(_compared(runtime, info, seen, on_progress, cancelled))
    except UnavailableError as error:
        return judged(seen, {AGREEMENT: f"{error.what}."})
    except Interrupted:
        return judged(seen, {AGREEMENT: "Stopped before all images were compared."})


def facts_of(runtime: Runtime, base: str, resolution: int = 0) -> BaseFacts:
    """The resolution (0: the base's own) and the steps of sizes that a base is trained at. Raises
    SettingsError for one that is not on this machine."""
    facts = base_facts(
        _usable(runtime, base), runtime.library.workspace.bases / "tokenizer", resolution
    )
    if facts is None:
        raise SettingsError(
            f"The base model “{base}” cannot be used", why="Its sizes are not known."
        )
    return facts


def _usable(runtime: Runtime, base: str) -> BaseInfo:
    info = runtime.library.base(base)
    if info.problems or not info.family or not info.path.exists():
        why = (
            "; ".join(info.problems) or "It is not on this machine, or of a kind that is not known."
        )
        raise SettingsError(f"The base model “{base}” cannot be used", why=why)
    return info


def _never_learnt(runs: Runs, folder: Path) -> list[Hit]:
    """What the newest measured run on the dataset says of images whose captions told it nothing."""
    found = of_dataset(runs, read_dataset(folder, runs.library.images))
    if found is None:
        return []
    run = f"the run “{found.record.name}”, step {found.record.step}"
    return [Hit((folder / original(name),), f"by {run}") for name in found.never()]


def _compared(
    runtime: Runtime,
    base: BaseInfo,
    seen: Evidence,
    on_progress: OnProgress | None,
    cancelled: Cancelled | None,
) -> Evidence:
    from studio.clip.folder import find_clip

    found = find_clip(base.path)  # says how to get one, before torch is loaded
    memory = FitMemory(runtime.library.workspace.cache / "captions-and-images")
    known = memory.read(seen.info, found.path)
    if known is None:
        from studio.checkup.agreement import fits
        from studio.clip.encoders import load_clip

        with runtime.turn("comparing captions with images", "anything"):
            clip = load_clip(base.path, "auto")
            known = fits(seen.info, clip, on_progress, cancelled)
        memory.keep(seen.info, found.path, known)
    return with_fits(seen, known)
