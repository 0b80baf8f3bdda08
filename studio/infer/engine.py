"""From the settings of Generate to images: a stack of adapters on the base, batches, text blocks.

Owns: these steps, seeds counting up, and what an image says of itself. Refuses to know: where images
are stored, what adapters do, which family the base is, how sampling works.

The same settings on the same machine give the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from PIL import Image

from studio.adapters.base import Report
from studio.adapters.cache import AdapterCache
from studio.adapters.loading import load_adapter
from studio.adapters.stack import applied
from studio.core import counts, memory
from studio.core.callbacks import Cancelled, OnProgress
from studio.core.size import Size
from studio.families.base import Base
from studio.infer import infotext, inpaint_files
from studio.infer.batches import Position, output_size, sampled
from studio.infer.decoding import image_size, to_image
from studio.infer.init_latents import opened
from studio.infer.inpainting import Canvas
from studio.infer.mask import read_mask
from studio.infer.masked_pass import MaskedRegion
from studio.infer.options import Job, SamplingOptions
from studio.infer.preview import OnPreview
from studio.settings.training import GenerateSettings, HiresSettings, InpaintSettings, StackItem


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

    def part(self, number: int) -> Watch:
        """The watch of the first (0) or second (1) of two passes; the first one finishes no image."""

        def on_progress(done: int, total: int, text: str = "") -> None:
            if self.on_progress:
                self.on_progress(done + number * total, 2 * total, text)

        return replace(self, on_progress=on_progress, on_images=self.on_images if number else None)


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

    With a mask, what is inside is inpainted: of the image that `settings` name, or else of every image as
    soon as all of them are generated. Raises Interrupted when it is stopped, MemoryFullError in the
    words of `work`, and the errors of the stack, of `settings.image` and of the mask.
    """
    settings, jobs = _one_pass(settings, list(jobs) if jobs is not None else counted(settings))
    cache = cache if cache is not None else AdapterCache()
    run = _Run(base, settings, jobs, watch or Watch(), cache, work)
    return run.masked() if settings.inpaint.mask else run.plain()


@dataclass(frozen=True)
class _Run:
    """One call of `generate`."""

    base: Base
    settings: GenerateSettings
    jobs: list[Job]
    watch: Watch
    cache: AdapterCache
    work: memory.Work

    def plain(self) -> list[GeneratedImage]:
        """One pass over the whole image, or two."""
        options = SamplingOptions.of(self.settings, self.work)
        with applied(self.base, self.settings.stack, self.cache) as reports:
            facts = self.facts()
            images: list[GeneratedImage] = []
            for places, found in self.images(self.jobs, options):
                images += self.finished(places, found, facts, reports)
        return images

    def masked(self) -> list[GeneratedImage]:
        """The pass inside the mask, on the image or on those of a first pass."""
        settings, inpaint = self.settings, self.settings.inpaint
        options = SamplingOptions.of(settings, self.work)
        given = [opened(settings.image)] if settings.image else []
        size = given[0].size if given else output_size(self.base, options)
        mask = read_mask(inpaint.mask, size)
        watch, before = self.watch, list[Report]()
        if not given:
            first = replace(self, watch=watch.part(0), settings=_without_mask(settings)).plain()
            given, before = [made.image for made in first], first[0].reports
            watch = watch.part(1)
        region = MaskedRegion(self.base, mask, inpaint, options.size)
        canvas = region.canvas(given)
        jobs = [replace(job, prompt=inpaint.prompt or job.prompt) for job in self.jobs]
        stack = settings.stack if inpaint.stack is None else inpaint.stack
        run = replace(self, watch=watch)
        images: list[GeneratedImage] = []
        with applied(self.base, stack, self.cache) as reports:
            facts = self.facts()
            told = [*(one for one in before if one.path not in {r.path for r in reports}), *reports]
            options = replace(options, image="")
            for places, found in run.images(jobs, options, canvas):
                sources = [given[place % len(given)] for place in places]
                whole = [region.back(*pair) for pair in zip(sources, found, strict=True)]
                images += run.finished(places, whole, facts, told)
        return images

    def images(
        self, jobs: list[Job], options: SamplingOptions, canvas: Canvas | None = None
    ) -> Iterator[tuple[list[int], list[Image.Image]]]:
        """Which of `jobs` are ready, and their images, batch by batch."""
        watch = self.watch

        def on_position(at: Position) -> None:
            if watch.on_progress:
                done = at.batch * at.evaluations + at.evaluation
                total = at.batches * at.evaluations
                watch.on_progress(
                    done, total, f"{at.images} of {counts.counted(len(jobs), 'image')}"
                )

        for batch in sampled(
            self.base, jobs, options, canvas=canvas, on_position=on_position,
            cancelled=watch.cancelled, on_preview=watch.on_preview,
        ):  # fmt: skip
            yield batch.places, [to_image(pixels) for pixels in batch.pixels]

    def finished(
        self,
        places: list[int],
        images: list[Image.Image],
        facts: infotext.Facts,
        reports: list[Report],
    ) -> list[GeneratedImage]:
        """The images with their text blocks; whoever watches gets them."""
        found = []
        for place, image in zip(places, images, strict=True):
            job = self.jobs[place]
            text = infotext.write(self.settings.model_copy(update=vars(job)), facts)
            found.append(GeneratedImage(image, job.seed, job.prompt, text, reports))
        if self.watch.on_images:
            self.watch.on_images(found)
        return found

    def facts(self) -> infotext.Facts:
        """What the images' text blocks say beside the settings."""
        base, settings = self.base, self.settings
        inside = settings.inpaint.stack if settings.inpaint.mask else None
        return infotext.Facts(
            model=base.name,
            model_hash=base.hash[:10],
            vae=base.vae_name,
            size=image_size(base, Size(settings.width, settings.height)),
            used=[used(item, self.cache) for item in settings.stack if item.enabled],
            used_inside=None if inside is None
            else [used(item, self.cache) for item in inside if item.enabled],
            kept=inpaint_files.names(settings),
            blocks=base.blocks(),
        )  # fmt: skip


def _one_pass(settings: GenerateSettings, jobs: list[Job]) -> tuple[GenerateSettings, list[Job]]:
    """An image with a mask goes through the masked pass alone, so that its prompt and stack are all
    there is."""
    inpaint = settings.inpaint
    if not (settings.image and inpaint.mask):
        return settings, jobs
    prompt = inpaint.prompt
    changes = {
        "prompt": prompt or settings.prompt,
        "stack": settings.stack if inpaint.stack is None else inpaint.stack,
        "inpaint": inpaint.model_copy(update={"prompt": "", "stack": None}),
        "hires": HiresSettings(),
    }
    jobs = [replace(job, prompt=prompt or job.prompt) for job in jobs]
    return settings.model_copy(update=changes), jobs


def _without_mask(settings: GenerateSettings) -> GenerateSettings:
    return settings.model_copy(update={"inpaint": InpaintSettings()})


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
