"""One comparison: columns × prompts × seeds, with the same noise in every column.

Owns: the order of work, and what a cancelled or failed column leaves behind.
Refuses to know: how a column is generated (`columns`), what the measures say (`conclusion`), the page.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from studio.adapters.cache import AdapterCache
from studio.compare import features as kept_features
from studio.compare import ordinary
from studio.compare.columns import (
    BASE,
    Progress,
    Work,
    generate_column,
    generate_ordinary,
    has_stack,
    take_column,
)
from studio.compare.conclusion import conclude, nearest_file, source_of
from studio.compare.features import KeptFeatures
from studio.compare.measures import Measured
from studio.compare.measuring import Eyes, ImageFolder, prepare, text_features
from studio.compare.record import (
    ComparedColumn,
    Comparison,
    Recorder,
    Reference,
    StackFile,
    read_comparison,
    replace_comparison,
)
from studio.core import atomic
from studio.core.callbacks import Cancelled, OnProgress, SharedDevice
from studio.core.errors import InputError, Interrupted, NonFiniteError, SettingsError, StudioError
from studio.core.names import path_of
from studio.core.paths import is_file
from studio.core.record import Failure
from studio.core.size import OWN_SIZE
from studio.families.base import Base
from studio.formats.image_write import save_png
from studio.formats.images import open_image
from studio.infer.decoding import image_size
from studio.infer.options import Job
from studio.infer.prompt import plain
from studio.infer.tags import has_tags
from studio.settings.generation import CompareSettings, Lane


def compare(
    base: Base,
    settings: CompareSettings,
    folder: str | Path,
    *,
    on_progress: OnProgress | None = None,
    cancelled: Cancelled | None = None,
    device: SharedDevice | None = None,
    cache: AdapterCache | None = None,
    lacking: Mapping[str, str] | None = None,
) -> Comparison:
    """Generates and measures every column into `folder`; returns what `comparison.json` says.

    `on_progress(done, total, text)` counts images × sampling steps. Cancelling keeps what was
    generated and returns it with `cancelled` true. A column whose files cannot be used says so
    under `error` while the others go on; when none can be used, its error is raised. Raises
    SettingsError for nothing to compare, DatasetError for a reference folder without images.
    Between batches `device` lets others go first, with nothing on the base. `lacking` says why
    something is missing that measures need.
    """
    began = time.monotonic()
    prompts, seeds, folders = checked(settings)
    image_size(base, OWN_SIZE)
    references = len(folders["references"].files) if "references" in folders else 0
    header = _header(base, settings, prompts, seeds, references)
    recorder = Recorder(header.changed(folder=str(folder), lacking=dict(lacking or {})))
    try:
        looking = prepare(base, folders, recorder, on_progress, cancelled)
    except Interrupted:
        return recorder.finish(time.monotonic() - began, cancelled=True)
    eyes, features = looking or (None, KeptFeatures())
    jobs = comparison_jobs(prompts, seeds, settings.images if eyes else 0)
    work = Work(
        base, settings, prompts, seeds, jobs, _ordinary_jobs(base, settings) if eyes else [],
        recorder, cache if cache is not None else AdapterCache(), Progress(0, on_progress), eyes,
        features, cancelled, device,
    )  # fmt: skip
    stacks = sum(has_stack(column) for column in settings.columns)
    generated = len(jobs) * sum(not column.folder for column in settings.columns)
    work.progress.total = (generated + len(work.ordinary) * (stacks + 1)) * settings.steps
    errors: list[StudioError] = []
    stopped = False
    try:
        if eyes is not None:
            begin_features(work, eyes)
        for index, column in enumerate(settings.columns):
            if error := _made(work, index, column):
                errors.append(error)
    except Interrupted:
        stopped = True
    if len(errors) == len(settings.columns):
        raise errors[0]
    if eyes is not None:
        recorder.comparison = conclude(recorder.comparison, work.features)
        keep_nearest(recorder.comparison, settings.training)
    return recorder.finish(time.monotonic() - began, cancelled=stopped)


def _made(work: Work, index: int, column: Lane) -> StudioError | None:
    """Makes and records a column; what is wrong with its files alone is recorded and returned."""
    make = take_column if column.folder else generate_column
    recorder = work.recorder
    try:
        recorder.column(index, make(work, index, column))
        return None
    except (InputError, NonFiniteError) as error:  # its files: the others are fine
        failed = recorder.comparison.columns[index].changed(
            error=Failure.of(error), message=str(error)
        )
        recorder.column(index, failed)
        return error


def measure_again(folder: str | Path, training: str = "") -> Comparison:
    """Computes every measure of a comparison from its kept features, and writes it; generates nothing.

    From the folder `training` the images that are nearest may be copied; empty for none: what a
    comparison says of itself may come from anybody. MissingError when it is no comparison or kept no
    features, FileError when they are damaged.
    """
    comparison = conclude(read_comparison(folder), kept_features.read(Path(folder)))
    keep_nearest(comparison, training)
    return replace_comparison(comparison)


def begin_features(work: Work, eyes: Eyes) -> None:
    """Keeps what all columns share: texts, what belongs together, what the base makes of ordinary prompts."""
    places = {prompt: place for place, prompt in enumerate(work.prompts)}
    found = {
        "texts": text_features(eyes.clip, [plain(job.prompt) for job in work.jobs]),
        "at/prompts": torch.tensor([places[job.prompt] for job in work.jobs]),
        "at/seeds": torch.tensor([job.seed for job in work.jobs]),
    }
    if work.ordinary:
        prompts = list(dict.fromkeys(job.prompt for job in work.ordinary))
        found["at/ordinary"] = torch.tensor([prompts.index(job.prompt) for job in work.ordinary])
        found |= generate_ordinary(work, BASE, Lane(name="Base, ordinary prompts"))
    work.keep(found)


def checked(settings: CompareSettings) -> tuple[list[str], list[int], dict[str, ImageFolder]]:
    """Prompts and seeds without repeats, and the images of the folders that are named, by their role.

    Raises everything that can be known without a base: SettingsError when there is nothing to generate
    or something wrong, DatasetError for a folder that is not there.
    """
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
    if both := [column.name for column in settings.columns if column.folder and column.stack]:
        raise SettingsError(
            f"“{both[0]}” has a folder of images and files on its stack",
            why="Images from elsewhere are measured as they are.",
            remedy="Make two columns of it.",
        )
    roles = {"references": settings.reference, "training": settings.training}
    folders = {role: found for role, path in roles.items() if (found := ImageFolder.of(path))}
    return prompts, seeds, folders


def comparison_jobs(prompts: Sequence[str], seeds: Sequence[int], images: int) -> list[Job]:
    """The grid, then images of seeds that nobody chose, until there are `images`."""
    jobs = [Job(prompt, seed) for prompt in prompts for seed in seeds]
    taken, seed = set(seeds), max(seeds)
    while len(jobs) < images:
        seed = (seed + 1) % 2**32
        if seed not in taken:
            jobs.append(Job(prompts[len(jobs) % len(prompts)], seed))
    return jobs


def _ordinary_jobs(base: Base, settings: CompareSettings) -> list[Job]:
    """Images of ordinary prompts; none where no column could have moved them."""
    if not any(has_stack(column) for column in settings.columns):
        return []
    prompts = ordinary.ordinary_prompts(
        Path(base.path), settings.ordinary_prompts, settings.ordinary_images
    )
    return [Job(prompt, ordinary.FIRST_SEED + place) for place, prompt in enumerate(prompts)]


def column_header(column: Lane) -> ComparedColumn:
    """A column before it was generated: what is on its stack, and where that comes from."""
    return ComparedColumn(
        name=column.name,
        stack=tuple(StackFile.read(item.model_dump()) for item in column.stack),
        bytes=sum(_size(item.path) for item in column.stack if item.enabled),
        folder=column.folder,
        run=column.run,
        step=column.step,
        method=column.method,
        training_seed=column.training_seed,
        group=column.group,
        seconds=column.seconds,
        trainable_parameters=column.trainable_parameters,
        peak_memory=column.peak_memory,
    ).measured(Measured())


def _header(
    base: Base, settings: CompareSettings, prompts: list[str], seeds: list[int], references: int
) -> Comparison:
    columns = [column_header(column) for column in settings.columns]
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


def keep_nearest(comparison: Comparison, training: str) -> None:
    """Copies the images of the folder `training` that are nearest beside the comparison, where they
    still are. One that cannot be read is left out: everything else of the comparison is whole."""
    for index, column in enumerate(comparison.columns):
        pair = column.nearest
        if pair is None or pair.training != nearest_file(index):
            continue
        copy = Path(comparison.folder) / pair.training
        source = source_of(training, pair)
        if source is None or is_file(copy):
            continue
        try:
            image = open_image(source).convert("RGB")
        except StudioError:
            continue
        image.thumbnail((512, 512))
        atomic.make_folder(copy.parent)
        save_png(copy, image)


def _size(path: str) -> int:
    """Bytes of an adapter file, or of a folder that holds one; 0 when it is not there."""
    home = path_of(path)
    if home.is_dir():
        return sum(file.stat().st_size for file in home.rglob("*") if file.is_file())
    return home.stat().st_size if home.is_file() else 0
