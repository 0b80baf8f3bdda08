"""One comparison: columns × prompts × seeds, with the same noise in every column.

Owns: the order of work, and what a cancelled or failed column leaves behind.
Refuses to know: how a stack works, how images are generated and measured, the page.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from studio.adapters.cache import AdapterCache
from studio.adapters.stack import applied
from studio.compare.measures import Measured
from studio.compare.measuring import Measuring, prepare
from studio.compare.record import ComparedColumn, Comparison, Recorder, Reference, StackFile
from studio.core import atomic
from studio.core.callbacks import Cancelled, OnProgress, SharedDevice
from studio.core.errors import InputError, Interrupted, NonFiniteError, SettingsError, StudioError
from studio.core.names import path_of
from studio.core.record import Failure
from studio.core.size import OWN_SIZE
from studio.families.base import Base
from studio.formats.dataset import image_files
from studio.formats.image_write import save_png
from studio.infer import infotext
from studio.infer.batches import Batch, Position, sampled
from studio.infer.decoding import image_size, to_image
from studio.infer.engine import used
from studio.infer.options import Job, SamplingOptions
from studio.infer.prompt import plain
from studio.infer.tags import has_tags
from studio.settings.generation import CompareSettings, GenerateSettings, Lane


@dataclass
class _Work:
    """Everything the columns of one comparison share."""

    base: Base
    settings: CompareSettings
    prompts: list[str]
    seeds: list[int]
    jobs: list[Job]
    """The grid, prompt by prompt, then further images for the measures."""
    recorder: Recorder
    cache: AdapterCache
    measuring: Measuring | None
    cancelled: Cancelled | None
    device: SharedDevice | None


def compare(
    base: Base,
    settings: CompareSettings,
    folder: str | Path,
    *,
    on_progress: OnProgress | None = None,
    cancelled: Cancelled | None = None,
    device: SharedDevice | None = None,
    cache: AdapterCache | None = None,
) -> Comparison:
    """Generates and measures every column into `folder`; returns what `comparison.json` says.

    `on_progress(done, total, text)` counts images × sampling steps. Cancelling keeps what was
    generated and returns it with `cancelled` true. A column whose files cannot be used says so
    under `error` while the others go on; when none can be used, its error is raised. Raises
    SettingsError for nothing to compare, DatasetError for a reference folder without images.
    Between batches `device` lets others go first, with nothing on the base.
    """
    began = time.monotonic()
    prompts, seeds = _checked(base, settings)
    references = image_files(settings.reference) if settings.reference else []
    header = _header(base, settings, prompts, seeds, len(references))
    recorder = Recorder(header.changed(folder=str(folder)))
    try:
        measuring = prepare(base, references, recorder, on_progress, cancelled)
    except Interrupted:
        return recorder.finish(time.monotonic() - began, cancelled=True)
    jobs = _jobs(prompts, seeds, settings.images if measuring is not None else 0)
    work = _Work(
        base, settings, prompts, seeds, jobs, recorder,
        cache if cache is not None else AdapterCache(), measuring, cancelled, device,
    )  # fmt: skip
    each = len(jobs) * settings.steps
    errors: list[StudioError] = []
    try:
        for index, column in enumerate(settings.columns):

            def on_position(
                at: Position, before: int = index * each, name: str = column.name
            ) -> None:
                if on_progress is not None:
                    part = at.evaluation * settings.steps // at.evaluations
                    done = at.images * settings.steps + at.in_batch * part
                    finished = f"{done // settings.steps} of {len(jobs)} images"
                    on_progress(before + done, each * len(settings.columns), f"{name}: {finished}")

            try:
                recorder.column(index, _column(work, index, column, on_position))
            except (InputError, NonFiniteError) as error:  # its files: the others are fine
                errors.append(error)
                failed = recorder.comparison.columns[index].changed(
                    error=Failure.of(error), message=str(error)
                )
                recorder.column(index, failed)
    except Interrupted:
        return recorder.finish(time.monotonic() - began, cancelled=True)
    if len(errors) == len(settings.columns):
        raise errors[0]
    return recorder.finish(time.monotonic() - began, cancelled=False)


def _column(
    work: _Work, index: int, column: Lane, on_position: Callable[[Position], None]
) -> ComparedColumn:
    """Generates one column with its stack on the base; returns what was found."""
    began = time.monotonic()
    features: dict[int, Tensor] = {}
    batches = sampled(
        work.base, work.jobs, _options(work.settings), on_position=on_position,
        cancelled=work.cancelled,
    )  # fmt: skip
    finished = False
    while not finished:
        with applied(work.base, column.stack, work.cache) as reports:
            facts = _infotext_facts(work, column)
            for batch in batches:
                _keep(work, index, batch, column, facts, features)
                if work.device is not None and work.device.wanted:
                    break
            else:
                finished = True
        if work.device is not None:
            work.device.yield_to_others()
    measured = Measured()
    if work.measuring is not None:
        rows = torch.stack([features[place] for place in range(len(work.jobs))])
        measured = work.measuring.of(rows, [plain(job.prompt) for job in work.jobs])
    return (
        work.recorder.comparison.columns[index]
        .measured(measured)
        .changed(
            generation_seconds=round(time.monotonic() - began, 2),
            images=len(work.jobs),
            messages=tuple(report.message for report in reports if report.message),
        )
    )


def _checked(base: Base, settings: CompareSettings) -> tuple[list[str], list[int]]:
    """Prompts and seeds without repeats; SettingsError when there is nothing to generate."""
    prompts = list(dict.fromkeys(prompt.strip() for prompt in settings.prompts if prompt.strip()))
    seeds = list(dict.fromkeys(settings.seeds))
    for what, values in (("column", settings.columns), ("prompt", prompts), ("seed", seeds)):
        if not values:
            raise SettingsError(
                f"A comparison needs at least one {what}", remedy=f"Add a {what} and start again."
            )
    if tagged := [prompt for prompt in prompts if has_tags(prompt)]:
        raise SettingsError(
            "A prompt of a comparison names a file",
            where=tagged[0][:100],
            why="All columns get the same prompts, and each has files of its own.",
            remedy="Take the tag out of the prompt and put the file into the columns meant.",
        )
    if wrong := [seed for seed in seeds if not 0 <= seed < 2**32]:
        raise SettingsError(f"The seed {wrong[0]} is outside 0 … 4294967295")
    image_size(base, OWN_SIZE)
    return prompts, seeds


def _keep(
    work: _Work,
    index: int,
    batch: Batch,
    column: Lane,
    facts: infotext.Facts,
    features: dict[int, Tensor],
) -> None:
    """Saves the images of a batch that belong to the grid; adds what CLIP sees in all of them."""
    for place, pixels in zip(batch.places, batch.pixels, strict=True):
        if place < len(work.prompts) * len(work.seeds):
            _save(work, index, place, pixels, column, facts)
    if work.measuring is not None:
        rows = work.measuring.scorer.image_features(batch.pixels)
        features.update(zip(batch.places, rows, strict=True))


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


def _jobs(prompts: Sequence[str], seeds: Sequence[int], images: int) -> list[Job]:
    """The grid, then images of seeds that nobody chose, until there are `images`."""
    jobs = [Job(prompt, seed) for prompt in prompts for seed in seeds]
    taken, seed = set(seeds), max(seeds)
    while len(jobs) < images:
        seed = (seed + 1) % 2**32
        if seed not in taken:
            jobs.append(Job(prompts[len(jobs) % len(prompts)], seed))
    return jobs


def _header(
    base: Base, settings: CompareSettings, prompts: list[str], seeds: list[int], references: int
) -> Comparison:
    columns = [
        ComparedColumn(
            name=column.name,
            stack=tuple(StackFile.read(item.model_dump()) for item in column.stack),
            seconds=column.seconds,
            bytes=sum(_size(item.path) for item in column.stack if item.enabled),
        ).measured(Measured())
        for column in settings.columns
    ]
    return Comparison(
        name=settings.name,
        base=base.name,
        base_hash=base.hash,
        created=time.time(),
        prompts=tuple(prompts),
        seeds=tuple(seeds),
        reference=Reference(folder=settings.reference, images=references),
        columns=tuple(columns),
        settings=settings.model_dump(),
    )


def _save(
    work: _Work, column: int, place: int, image: Tensor, own: Lane, facts: infotext.Facts
) -> None:
    row, seed = place // len(work.seeds), work.jobs[place].seed
    chosen = work.settings
    text = infotext.write(
        GenerateSettings(
            base=chosen.base, prompt=work.prompts[row], negative_prompt=chosen.negative_prompt,
            seed=seed, steps=chosen.steps, guidance=chosen.guidance, sampler=chosen.sampler,
            stack=own.stack,
        ),
        facts,
    )  # fmt: skip
    name = f"cells/c{column}-p{row}-s{seed}.png"
    atomic.make_folder(work.recorder.folder / "cells")
    save_png(work.recorder.folder / name, to_image(image), text)
    work.recorder.cell(column, row, seed, name)


def _infotext_facts(work: _Work, column: Lane) -> infotext.Facts:
    size = image_size(work.base, OWN_SIZE)
    files = [used(item, work.cache) for item in column.stack if item.enabled]
    return infotext.Facts(work.base.name, work.base.hash[:10], size, files)


def _size(path: str) -> int:
    """Bytes of an adapter file, or of a folder that holds one; 0 when it is not there."""
    home = path_of(path)
    if home.is_dir():
        return sum(file.stat().st_size for file in home.rglob("*") if file.is_file())
    return home.stat().st_size if home.is_file() else 0
