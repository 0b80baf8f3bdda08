"""A dataset looked at for a base: the checks, and its captions against its images by the base's CLIP.

Owns: what is asked of the base, and the device's turn for its CLIP. Refuses to know: the checks
(`studio.checkup`), pages. Loads torch only for a CLIP or a long caption.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from studio.checkup.examine import judged, look, with_fits
from studio.checkup.records import BaseFacts, Evidence, Report
from studio.core.callbacks import Cancelled, OnProgress
from studio.core.errors import Interrupted, SettingsError, StudioError, UnavailableError
from studio.families.detect import BaseInfo
from studio.families.image_size import size_multiple
from studio.library.library import Library
from studio.runtime.runtime import Runtime

if TYPE_CHECKING:
    from studio.families.prompt_tokens import Tokenizer

AGREEMENT = "Captions against images"


def examine(
    runtime: Runtime,
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
    library = runtime.library
    info = library.base(base)
    if info.problems or not info.family or not info.path.exists():
        why = (
            "; ".join(info.problems) or "It is not on this machine, or of a kind that is not known."
        )
        raise SettingsError(f"The base model “{base}” cannot be used", why=why)

    def decoded(done: int, total: int) -> None:
        if cancelled is not None and cancelled():
            raise Interrupted("Stopped as you asked", safe="What was looked at is remembered.")
        if on_progress is not None:
            on_progress(done, total, "images")

    seen = look(folder, library.images, base_facts(library, info), decoded)
    if not clip:
        return judged(seen)
    try:
        return judged(_compared(runtime, info, seen, on_progress, cancelled))
    except UnavailableError as error:
        return judged(seen, {AGREEMENT: f"{error.what}."})
    except Interrupted:
        return judged(seen, {AGREEMENT: "Stopped before all images were compared."})


def base_facts(library: Library, info: BaseInfo) -> BaseFacts:
    """What the checks need to know of a base; its vocabulary is read when a caption is long."""
    assert info.family is not None, "the base was looked at"
    from studio.architectures import ARCHITECTURES

    kind = ARCHITECTURES[info.family]
    tokens = kind.text_encoders[0].tokens
    counter = _Counter(info.path, library.workspace.bases / "tokenizer") if tokens else None
    return BaseFacts(
        info.name,
        info.title,
        info.native_size or kind.variants[0].native_size,
        size_multiple(info.path, info.family),
        counter,
        (tokens or 2) - 2,
    )


class _Counter:
    """Tokens of captions by the vocabulary of a base; none where that is not on this machine."""

    def __init__(self, path: Path, extra: Path) -> None:
        self._path, self._extra = path, extra

    def __call__(self, text: str) -> tuple[int, int]:
        return self._tokenizer.count(text) if self._tokenizer else (0, 1)

    @cached_property
    def _tokenizer(self) -> Tokenizer | None:
        from studio.families.prompt_tokens import tokenizer_of

        try:
            return tokenizer_of(self._path, self._extra)
        except StudioError:
            return None


def _compared(
    runtime: Runtime,
    base: BaseInfo,
    seen: Evidence,
    on_progress: OnProgress | None,
    cancelled: Cancelled | None,
) -> Evidence:
    from studio.clip.folder import find_clip

    find_clip(base.path)  # says how to get one, before torch is loaded
    from studio.checkup.agreement import fits
    from studio.clip.encoders import load_clip

    with runtime.turn("comparing captions with images", "anything"):
        clip = load_clip(base.path, "auto")
        return with_fits(seen, fits(seen.info, clip, on_progress, cancelled))
