"""What one file of a stack does to an image, measured: the same seed with and without it.

Owns: the two images, their difference, and why there is none.
Refuses to know: pages, files of images (nothing is saved). Imports torch.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from studio.adapters.cache import AdapterCache
from studio.adapters.layers import by_fit
from studio.adapters.loading import load_adapter
from studio.adapters.lora import LoraAdapter
from studio.core.callbacks import Cancelled, OnProgress
from studio.core.errors import InputError, MismatchError
from studio.families.base import Base
from studio.generation.batches import ready_base
from studio.generation.parts import resolved
from studio.generation.records import Effect
from studio.infer import engine
from studio.runtime.runtime import Runtime
from studio.settings.training import GenerateSettings, StackItem


def effect(
    settings: GenerateSettings,
    place: int,
    runtime: Runtime,
    on_progress: OnProgress | None,
    cancelled: Cancelled | None,
) -> Effect:
    """Generates the first image of `settings` with and without the file at `place` of its stack.

    The rest of the stack stays as it is; a file that is switched off is measured as if it were
    on. A file that does not fit is an answer here, not an error. Raises Interrupted, and the
    errors of the other files.
    """
    if not 0 <= place < len(settings.stack):
        raise InputError("There is no such file on this stack", where=str(place))
    settings = resolved(settings, runtime.library).model_copy(update={"count": 1})
    item = settings.stack[place].model_copy(update={"enabled": True})
    others = [other for k, other in enumerate(settings.stack) if k != place]
    stacks = [[*others[:place], item, *others[place:]], others]
    pixels: list[Any] = []
    message = ""
    with ready_base(settings, runtime, on_progress, "effect") as base:
        cache = runtime.adapters()
        layers = _layers(item, base, cache)
        for number, stack in enumerate(stacks):

            def progress(step: int, total: int, text: str = "", number: int = number) -> None:
                if on_progress:
                    on_progress(step + number * total, 2 * total, "measuring the effect")

            try:
                (made,) = engine.generate(
                    base,
                    settings.model_copy(update={"stack": stack}),
                    engine.Watch(progress, cancelled),
                    cache=cache,
                    work="effect",
                )
            except MismatchError as error:
                if error.where != item.path:
                    raise
                return Effect(None, error.why or error.what, layers)
            pixels.append(np.asarray(made.image, np.float32))
            message += "".join(r.message for r in made.reports if str(r.path) == item.path)
        difference = float(np.abs(pixels[0] - pixels[1]).mean() / 255)
        words = _words(item, cache)
    reason = "" if difference else _why_none(item, settings, words, message)
    return Effect(difference, reason, layers)


def _layers(item: StackItem, base: Base, cache: AdapterCache) -> dict[str, list[str]]:
    adapter = load_adapter(item.path, cache)
    return by_fit(adapter.file, adapter.names(base)) if isinstance(adapter, LoraAdapter) else {}


def _words(item: StackItem, cache: AdapterCache) -> list[str]:
    """The words by which the prompt calls an embedding; none for other kinds."""
    words: list[str] = load_adapter(item.path, cache).info.get("words", [])
    return words


def _why_none(item: StackItem, settings: GenerateSettings, words: list[str], message: str) -> str:
    if not item.strength and not item.text_strength:
        return "Its strength is 0."
    text = f"{settings.prompt}\n{settings.negative_prompt}".lower()
    if words and not any(word.lower() in text for word in words):
        return f"Neither the prompt nor the negative prompt has its word “{words[0]}”."
    return f"{message} The two images are the same to the last bit.".strip()
