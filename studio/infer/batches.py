"""Images from prompts and seeds, batch by batch, from a base as it stands.

Owns: batching, one pass after the other, and the words when memory runs out. Generating, comparing and
the samples of a run go through it. Refuses to know: stacks (the caller has applied one, or none), files,
measures, what a pass consists of (`studio.infer.passes`).

An image depends on its own prompt and seed; its neighbours in a batch change it by rounding only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from studio.core import memory
from studio.core.callbacks import Cancelled
from studio.core.errors import Interrupted
from studio.core.size import Size
from studio.families.base import Base
from studio.infer import preview
from studio.infer.decoding import decoded, image_size, size_multiple
from studio.infer.hires import enlarged, larger, schedule_steps
from studio.infer.init_latents import image_latents
from studio.infer.inpainting import Canvas
from studio.infer.options import Job, SamplingOptions
from studio.infer.passes import Extent, Pass
from studio.infer.preview import OnPreview
from studio.infer.prompt_schedule import alike


@dataclass(frozen=True)
class Position:
    """How far the batches are, after an evaluation of the network."""

    evaluation: int
    """In this batch, from 1."""
    evaluations: int
    """In each batch."""
    batch: int
    """From 0."""
    batches: int
    images: int
    """Finished with earlier batches."""
    in_batch: int


@dataclass(frozen=True)
class Batch:
    """Finished images."""

    places: list[int]
    """Which of the jobs they are."""
    pixels: Tensor
    """uint8 [B, H, W, 3] on the CPU."""


def sampled(
    base: Base,
    jobs: Sequence[Job],
    options: SamplingOptions,
    *,
    canvas: Canvas | None = None,
    on_position: Callable[[Position], None] | None = None,
    cancelled: Cancelled | None = None,
    on_preview: OnPreview | None = None,
) -> Iterator[Batch]:
    """The images of `jobs`, in order, as batches become ready; with a `canvas`, its images as they are
    inpainted, at its size.

    Texts are encoded before the first batch. Equal jobs lead to equal batches, so two stacks differ
    by themselves alone. Raises Interrupted when `cancelled` says so, MemoryFullError in the words of
    `options.work`, and the errors of `options.image`.
    """
    with memory.explained(options.work):
        work = _Work(base, jobs, options, canvas)
        groups = work.groups(len(jobs))
    done = 0
    for number, places in enumerate(groups):

        def on_evaluation(
            evaluation: int, number: int = number, done: int = done, count: int = len(places)
        ) -> None:
            if on_position:
                on_position(
                    Position(evaluation, work.evaluations, number, len(groups), done, count)
                )

        def on_clean(latents: Tensor, first: int = done) -> None:
            if on_preview:
                on_preview(first, preview.small_images(base, latents))

        with memory.explained(options.work):
            pixels = work.batch(places, on_evaluation, cancelled, on_clean if on_preview else None)
        done += len(places)
        yield Batch(places, pixels)


class _Work:
    """What all batches share: the passes, and the image that the first one begins with."""

    def __init__(
        self, base: Base, jobs: Sequence[Job], options: SamplingOptions, canvas: Canvas | None
    ) -> None:
        self.base, self.options = base, options
        size = canvas.size if canvas else image_size(base, options.size)
        self.start = (
            image_latents(base, options.image, size, options.fit) if options.image else None
        )
        begins = canvas is not None or self.start is not None
        strength = options.denoising_strength if begins else None
        extents = [Extent(size, options.steps, strength)]
        if options.hires.upscale > 1 and canvas is None:
            extents.append(second_pass(base, options, size))
        self.passes = [Pass(base, jobs, options, extent, canvas) for extent in extents]
        self.evaluations = sum(one.evaluations for one in self.passes)

    def groups(self, count: int) -> list[list[int]]:
        """Which of `count` jobs share a batch."""
        lengths = [tuple(one.lengths(place) for one in self.passes) for place in range(count)]
        return list(alike(lengths, self.options.batch_size))

    def batch(
        self,
        places: list[int],
        on_evaluation: Callable[[int], None],
        cancelled: Cancelled | None,
        on_clean: Callable[[Tensor], None] | None,
    ) -> Tensor:
        """One batch; `on_evaluation` hears of evaluations, `on_clean` sees latents without noise."""
        base, options, latents, done = self.base, self.options, self.start, 0
        for one in self.passes:
            _stop_if(cancelled)
            if one is not self.passes[0]:
                assert latents is not None, "the first pass has made them"
                latents = enlarged(base, latents, one.extent.size, options.hires.upscaler)
            latents, evaluations = one.begin(places, latents)
            for made in evaluations:
                latents, number = made.latents, done + made.index + 1
                if on_clean and options.preview_every and number % options.preview_every == 0:
                    with torch.inference_mode():
                        on_clean(made.clean())
                on_evaluation(number)
                if number < self.evaluations:
                    _stop_if(cancelled)
            done += one.evaluations
        assert latents is not None, "there is always a first pass"
        return decoded(base, latents, self.passes[-1].extent.size, options.tiles)


def output_size(base: Base, options: SamplingOptions) -> Size:
    """The size of finished images; SettingsError when the base cannot make the first pass's."""
    size = image_size(base, options.size)
    return second_pass(base, options, size).size if options.hires.upscale > 1 else size


def second_pass(base: Base, options: SamplingOptions, size: Size) -> Extent:
    """The extent of hires fix after a first pass at `size`."""
    hires = options.hires
    return Extent(
        larger(size, hires.upscale, size_multiple(base)),
        schedule_steps(hires, options.steps),
        hires.denoising_strength,
    )


def _stop_if(cancelled: Cancelled | None) -> None:
    if cancelled and cancelled():
        raise Interrupted("Generating was stopped")
