"""From the settings of Generate to images: a stack of adapters on the base, batches, text blocks.

Owns: these steps, seeds counting up, and what an image says of itself. Refuses to know: where images
are stored, what adapters do, which family the base is, how sampling works.

The same settings on the same machine give the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from PIL import Image

from studio.adapters.base import Report
from studio.adapters.cache import AdapterCache
from studio.adapters.loading import load_adapter
from studio.adapters.stack import applied
from studio.core import memory
from studio.core.callbacks import Cancelled, OnProgress
from studio.families.base import Base
from studio.infer import infotext
from studio.infer.batches import Job, Position, SamplingOptions, image_size, sampled, to_image
from studio.infer.preview import OnPreview
from studio.settings.training import GenerateSettings, StackItem


@dataclass(frozen=True)
class GeneratedImage:
    """One image, what it was generated from, and the text block it should carry."""

    image: Image.Image
    seed: int
    prompt: str
    parameters: str
    reports: list[Report] = field(default_factory=list)


@dataclass(frozen=True)
class Watch:
    """What a caller hears while images are generated, and how it stops that."""

    on_progress: OnProgress | None = None
    """Counts evaluations of the network over all batches."""
    cancelled: Cancelled | None = None
    on_preview: OnPreview | None = None
    on_images: Callable[[list[GeneratedImage]], None] | None = None
    """Gets each batch as soon as it is finished."""


def generate(
    base: Base,
    settings: GenerateSettings,
    watch: Watch | None = None,
    *,
    jobs: Sequence[Job] | None = None,
    cache: AdapterCache | None = None,
    work: memory.Work = "images",
) -> list[GeneratedImage]:
    """Generates `settings.count` images of the prompt with consecutive seeds, or those of `jobs`.

    Raises Interrupted when it is stopped, MemoryFullError in the words of `work`, and the errors of
    the stack and of `settings.image`.
    """
    watch = watch or Watch()
    jobs = list(jobs) if jobs is not None else counted(settings)
    cache = cache if cache is not None else AdapterCache()
    options = SamplingOptions.of(settings, work)
    images: list[GeneratedImage] = []

    def on_position(at: Position) -> None:
        if watch.on_progress:
            done = at.batch * at.evaluations + at.evaluation
            total = at.batches * at.evaluations
            watch.on_progress(done, total, f"{at.images} of {len(jobs)} images")

    with applied(base, settings.stack, cache) as reports:
        facts = infotext.Facts(
            model=base.name,
            model_hash=base.hash[:10],
            vae=base.vae_name,
            size=image_size(base, options.size),
            used=[used(item, cache) for item in settings.stack if item.enabled],
            blocks=base.blocks(),
        )
        for batch in sampled(
            base, jobs, options, on_position=on_position,
            cancelled=watch.cancelled, on_preview=watch.on_preview,
        ):  # fmt: skip
            first = len(images)
            for place, pixels in zip(batch.places, batch.pixels, strict=True):
                job = jobs[place]
                text = infotext.write(settings.model_copy(update=vars(job)), facts)
                images.append(GeneratedImage(to_image(pixels), job.seed, job.prompt, text, reports))
            if watch.on_images:
                watch.on_images(images[first:])
    return images


def used(item: StackItem, cache: AdapterCache) -> infotext.Used:
    """What an image's text block says of an adapter that takes part."""
    adapter = load_adapter(item.path, cache)
    steering = adapter.adjusted(item).steering
    words = tuple(adapter.info.get("words", ())) if adapter.kind == "embedding" else ()
    return infotext.Used(item, adapter.kind, adapter.name, adapter.short_hash, steering, words)


def counted(settings: GenerateSettings) -> list[Job]:
    """Seeds count up, or with a variation the variation seeds instead, as in A1111's web UI."""
    seed, variation = settings.seed, settings.variation_seed
    # seeds are 32-bit: counting up wraps around instead of failing at the end
    if settings.variation_strength:
        found = [(seed, (variation + k) % 2**32) for k in range(settings.count)]
    else:
        found = [((seed + k) % 2**32, variation) for k in range(settings.count)]
    return [Job(settings.prompt, *pair) for pair in found]
