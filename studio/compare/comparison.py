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
from studio.compare.drawing import How, Pair, draw_pairs
from studio.compare.measures import Measured
from studio.compare.measuring import Measuring, prepare
from studio.compare.record import ComparedColumn, Comparison, Recorder, Reference, StackFile
from studio.core import atomic
from studio.core.errors import InputError, Interrupted, NonFiniteError, SettingsError, StudioError
from studio.core.names import path_of
from studio.core.record import Failure
from studio.families.base import Base
from studio.formats.dataset import picture_files
from studio.formats.image_write import save_png
from studio.infer import infotext
from studio.infer.engine import picture_size, to_image, used
from studio.infer.prompt import plain
from studio.infer.tags import has_tags
from studio.settings.generation import CompareSettings, GenerateSettings, Lane

Progress = Callable[[int, int, str], None]


@dataclass
class _Work:
    """Everything the columns of one comparison share."""

    base: Base
    settings: CompareSettings
    prompts: list[str]
    seeds: list[int]
    pairs: list[Pair]
    """The grid, prompt by prompt, then further images for the measures."""
    recorder: Recorder
    cache: AdapterCache
    measuring: Measuring | None
    cancelled: Callable[[], bool] | None
    between_steps: Callable[[], None] | None


def compare(
    base: Base,
    settings: CompareSettings,
    folder: str | Path,
    *,
    on_progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
    between_steps: Callable[[], None] | None = None,
    cache: AdapterCache | None = None,
) -> Comparison:
    """Generates and measures every column into `folder`; returns what `comparison.json` says.

    `on_progress(done, total, text)` counts images × sampling steps. Cancelling keeps what was
    generated and returns it with `cancelled` true. A column whose files cannot be used says so
    under `error` while the others go on; when none can be used, its error is raised. Raises
    SettingsError for nothing to compare, DatasetError for a reference folder without images.
    """
    began = time.monotonic()
    prompts, seeds = _checked(base, settings)
    references = picture_files(settings.reference) if settings.reference else []
    header = _header(base, settings, prompts, seeds, len(references))
    recorder = Recorder(header.changed(folder=str(folder)))
    try:
        measuring = prepare(base, references, recorder, on_progress, cancelled)
    except Interrupted:
        return recorder.finish(time.monotonic() - began, cancelled=True)
    pairs = _pairs(prompts, seeds, settings.images if measuring is not None else 0)
    work = _Work(
        base, settings, prompts, seeds, pairs, recorder,
        cache if cache is not None else AdapterCache(), measuring, cancelled, between_steps,
    )  # fmt: skip
    each = len(pairs) * settings.steps
    errors: list[StudioError] = []
    try:
        for index, column in enumerate(settings.columns):

            def on_step(done: int, before: int = index * each, name: str = column.name) -> None:
                if on_progress is not None:
                    finished = f"{done // settings.steps} of {len(pairs)} images"
                    on_progress(before + done, each * len(settings.columns), f"{name}: {finished}")

            try:
                recorder.column(index, _column(work, index, column, on_step))
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
    work: _Work, index: int, column: Lane, on_step: Callable[[int], None]
) -> ComparedColumn:
    """Generates one column with its stack on the base; returns what was found."""
    began = time.monotonic()
    features: dict[int, Tensor] = {}
    grid = len(work.prompts) * len(work.seeds)
    with applied(work.base, column.stack, work.cache) as reports:
        facts = _infotext_facts(work, column)
        for indices, pixels in draw_pairs(
            work.base, work.pairs, How.of(work.settings), on_step=on_step,
            cancelled=work.cancelled, between_steps=work.between_steps,
        ):  # fmt: skip
            for place, image in zip(indices, pixels, strict=True):
                if place < grid:
                    _save(work, index, place, image, column, facts)
            if work.measuring is not None:
                rows = work.measuring.scorer.image_features(pixels)
                features.update(zip(indices, rows, strict=True))
    measured = Measured()
    if work.measuring is not None:
        rows = torch.stack([features[place] for place in range(len(work.pairs))])
        measured = work.measuring.of(rows, [plain(prompt) for prompt, _ in work.pairs])
    return (
        work.recorder.comparison.columns[index]
        .measured(measured)
        .changed(
            generation_seconds=round(time.monotonic() - began, 2),
            images=len(work.pairs),
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
    picture_size(base, 0, 0)
    return prompts, seeds


def _pairs(prompts: Sequence[str], seeds: Sequence[int], pictures: int) -> list[Pair]:
    """The grid, then images of seeds that nobody chose, until there are `pictures`."""
    pairs = [(prompt, seed) for prompt in prompts for seed in seeds]
    taken, seed = set(seeds), max(seeds)
    while len(pairs) < pictures:
        seed = (seed + 1) % 2**32
        if seed not in taken:
            pairs.append((prompts[len(pairs) % len(prompts)], seed))
    return pairs


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
    row, seed = place // len(work.seeds), work.pairs[place][1]
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
    height, width = picture_size(work.base, 0, 0)
    files = [used(item, work.cache) for item in column.stack if item.enabled]
    return infotext.Facts(work.base.name, work.base.hash[:10], (width, height), files)


def _size(path: str) -> int:
    """Bytes of an adapter file, or of a folder that holds one; 0 when it is not there."""
    home = path_of(path)
    if home.is_dir():
        return sum(file.stat().st_size for file in home.rglob("*") if file.is_file())
    return home.stat().st_size if home.is_file() else 0
