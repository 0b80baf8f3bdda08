"""One column of a comparison: its images are generated, saved and looked at.

Owns: the loop over batches, which lets others go first, and the files of a column. Refuses to know:
how a stack works, how images are generated, measures.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path

import torch
from torch import Tensor

from studio.adapters.cache import AdapterCache
from studio.adapters.stack import applied
from studio.compare import features as kept_features
from studio.compare.conclusion import measured
from studio.compare.features import KeptFeatures
from studio.compare.measuring import Eyes, look_at
from studio.compare.record import ComparedColumn, Recorder
from studio.core import atomic
from studio.core.callbacks import Cancelled, OnProgress, SharedDevice
from studio.core.counts import counted
from studio.core.errors import DatasetError, Interrupted
from studio.core.size import OWN_SIZE
from studio.families.base import Base
from studio.formats.dataset import image_files
from studio.formats.image_write import save_png
from studio.formats.images import open_image
from studio.infer import infotext
from studio.infer.batches import Batch, Position, sampled
from studio.infer.decoding import image_size, to_image
from studio.infer.engine import used
from studio.infer.options import Job, SamplingOptions
from studio.settings.generation import CompareSettings, GenerateSettings, Lane

BASE = "base"  # whose ordinary images are those of the base alone
_MOST_FROM_FOLDER = 10_000


@dataclass
class Progress:
    """Counts images × sampling steps over all columns."""

    total: int
    on_progress: OnProgress | None
    done: int = 0

    def say(self, text: str) -> None:
        """Something that takes time and is no sampling."""
        if self.on_progress is not None:
            self.on_progress(self.done, self.total, text)

    def watch(self, name: str, jobs: int, steps: int) -> Callable[[Position], None]:
        """What `jobs` of one column tell as they go; afterwards they are done."""
        before, self.done = self.done, self.done + jobs * steps

        def on_position(at: Position) -> None:
            if self.on_progress is not None:
                part = at.evaluation * steps // at.evaluations
                done = at.images * steps + at.in_batch * part
                finished = f"{done // steps} of {counted(jobs, 'image')}"
                self.on_progress(before + done, self.total, f"{name}: {finished}")

        return on_position


@dataclass
class Work:
    """Everything the columns of one comparison share."""

    base: Base
    settings: CompareSettings
    prompts: list[str]
    seeds: list[int]
    jobs: list[Job]
    """The grid, prompt by prompt, then further images for the measures."""
    ordinary: list[Job]
    """Images of ordinary prompts, which tell how far the base has moved."""
    recorder: Recorder
    cache: AdapterCache
    progress: Progress
    eyes: Eyes | None
    features: KeptFeatures = field(default_factory=KeptFeatures)
    cancelled: Cancelled | None = None
    device: SharedDevice | None = None

    def keep(self, tensors: dict[str, Tensor]) -> None:
        """Adds features, and writes all of them durably."""
        self.features = self.features.having(tensors)
        kept_features.write(self.recorder.folder, self.features)

    def between(self, text: str) -> None:
        """Between two images that are only read, with nothing on the base: says so, and lets others go
        first. Raises Interrupted."""
        if self.cancelled is not None and self.cancelled():
            raise Interrupted("The comparison was stopped")
        self.progress.say(text)
        if self.device is not None and self.device.wanted:
            self.device.yield_to_others()

    @property
    def grid(self) -> int:
        """How many of a column's images are shown."""
        return len(self.prompts) * len(self.seeds)


def generate_column(work: Work, index: int, column: Lane) -> ComparedColumn:
    """Generates one column with its stack on the base; returns what was found."""
    began = time.monotonic()
    rows: dict[int, dict[str, Tensor]] = {}
    facts = cache(lambda: _infotext_facts(work, column))

    def on_batch(batch: Batch) -> None:
        for place, pixels in zip(batch.places, batch.pixels, strict=True):
            if place < work.grid:
                _save(work, index, place, pixels, column, facts())
        if work.eyes is not None:
            _collect(rows, batch, work.eyes.seen(batch.pixels, f"c{index}"))

    messages = _through(work, column, work.jobs, on_batch)
    found = _joined(rows, len(work.jobs))
    if work.eyes is not None and work.ordinary:
        found |= _ordinary(work, index, column)
    return _finished(work, index, found, began, len(work.jobs)).changed(messages=messages)


def generate_ordinary(work: Work, name: str, column: Lane) -> dict[str, Tensor]:
    """What is seen in images of ordinary prompts with a column's stack on the base."""
    rows: dict[int, dict[str, Tensor]] = {}
    eyes = work.eyes
    assert eyes is not None, "nobody looks at ordinary images"

    def on_batch(batch: Batch) -> None:
        prompts = [work.ordinary[place].prompt for place in batch.places]
        _collect(rows, batch, eyes.seen_ordinary(batch.pixels, name, prompts))

    _through(work, column, work.ordinary, on_batch)
    return _joined(rows, len(work.ordinary))


def take_column(work: Work, index: int, column: Lane) -> ComparedColumn:
    """A column of images from elsewhere: the first ones fill the grid, all of them are looked at."""
    began = time.monotonic()
    files = image_files(column.folder)[:_MOST_FROM_FOLDER]
    if not files:
        raise DatasetError(
            "There is no image in the folder of this column",
            where=Path(column.folder),
            remedy="Choose a folder with PNG, JPEG or WebP images.",
        )
    for place, path in enumerate(files[: work.grid]):
        work.between(f"{column.name}: {place} of {counted(len(files), 'image')} copied")
        row, seed = _at(work, place)
        save_png(_cell(work, index, row, seed), open_image(path).convert("RGB"))
        work.recorder.cell(index, row, seed, _cell_name(index, row, seed))
    found: dict[str, Tensor] = {}
    if work.eyes is not None:
        read = partial(_read, work, column.name, len(files))
        found, troubles = look_at(work.eyes, f"c{index}", files, read)
        for trouble in troubles:
            work.recorder.note(f"{column.name}: {trouble}")
    return _finished(work, index, found, began, len(files))


def _read(work: Work, name: str, count: int, done: int) -> None:
    work.between(f"{name}: {done} of {counted(count, 'image')} read")


def has_stack(column: Lane) -> bool:
    """Whether anything is on the base."""
    return any(item.enabled for item in column.stack)


def _through(
    work: Work, column: Lane, jobs: Sequence[Job], on_batch: Callable[[Batch], None]
) -> tuple[str, ...]:
    """Generates `jobs` with a stack on the base; between batches others go first, without it."""
    on_position = work.progress.watch(column.name, len(jobs), work.settings.steps)
    batches = sampled(
        work.base, jobs, _options(work.settings), on_position=on_position, cancelled=work.cancelled
    )
    finished = False
    while not finished:
        with applied(work.base, column.stack, work.cache) as reports:
            for batch in batches:
                on_batch(batch)
                if work.device is not None and work.device.wanted:
                    break
            else:
                finished = True
        if work.device is not None:
            work.device.yield_to_others()
    return tuple(report.message for report in reports if report.message)


def _ordinary(work: Work, index: int, column: Lane) -> dict[str, Tensor]:
    """Of a column whose stack is empty the images are the base's."""
    if has_stack(column):
        return generate_ordinary(work, f"c{index}", column)
    return {
        f"{kind}/c{index}": rows
        for kind in ("ordinary", "attributes")
        if (rows := work.features.tensors.get(f"{kind}/{BASE}")) is not None
    }


def _finished(
    work: Work, index: int, found: dict[str, Tensor], began: float, images: int
) -> ComparedColumn:
    column = work.recorder.comparison.columns[index]
    if found:
        work.keep(found)
        values = measured(work.features, column, index)
        column = column if values is None else column.measured(values)
    seconds = round(time.monotonic() - began, 2)
    return column.changed(generation_seconds=seconds, images=images)


def _collect(rows: dict[int, dict[str, Tensor]], batch: Batch, seen: dict[str, Tensor]) -> None:
    for at, place in enumerate(batch.places):
        rows[place] = {name: found[at] for name, found in seen.items()}


def _joined(rows: dict[int, dict[str, Tensor]], count: int) -> dict[str, Tensor]:
    """Rows by place → tensors in the order of jobs."""
    names = set.intersection(*(set(row) for row in rows.values())) if rows else set()
    return {
        name: torch.stack([rows[place][name] for place in range(count)]) for name in sorted(names)
    }


def _options(settings: CompareSettings) -> SamplingOptions:
    return SamplingOptions(
        steps=settings.steps,
        guidance=settings.guidance,
        sampler=settings.sampler,
        negative_prompt=settings.negative_prompt,
        batch_size=settings.batch_size,
        syntax=True,
        work="comparison",
    )


def _save(
    work: Work, index: int, place: int, image: Tensor, own: Lane, facts: infotext.Facts
) -> None:
    row, seed = _at(work, place)
    chosen = work.settings
    text = infotext.write(
        GenerateSettings(
            base=chosen.base, prompt=work.prompts[row], negative_prompt=chosen.negative_prompt,
            seed=seed, steps=chosen.steps, guidance=chosen.guidance, sampler=chosen.sampler,
            stack=own.stack,
        ),
        facts,
    )  # fmt: skip
    save_png(_cell(work, index, row, seed), to_image(image), text)
    work.recorder.cell(index, row, seed, _cell_name(index, row, seed))


def _at(work: Work, place: int) -> tuple[int, int]:
    """(prompt, seed) of an image of the grid."""
    return place // len(work.seeds), work.seeds[place % len(work.seeds)]


def _cell(work: Work, index: int, row: int, seed: int) -> Path:
    atomic.make_folder(work.recorder.folder / "cells")
    return work.recorder.folder / _cell_name(index, row, seed)


def _cell_name(index: int, row: int, seed: int) -> str:
    return f"cells/c{index}-p{row}-s{seed}.png"


def _infotext_facts(work: Work, column: Lane) -> infotext.Facts:
    size = image_size(work.base, OWN_SIZE)
    files = [used(item, work.cache) for item in column.stack if item.enabled]
    return infotext.Facts(work.base.name, work.base.hash[:10], size, files)
