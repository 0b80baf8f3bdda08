"""Images of the class for prior preservation: generated once by the base, then kept.

Owns: which are needed, where they are cached, generating the missing ones, also for who wants them in a
folder of their own (`generation.class_images`). Refuses to know: the loop, and what the images are for.

Their folder is named by everything that decides what is on them, so they are never stale, and
every run with the same base and prompts uses them again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from studio.core import atomic
from studio.core.counts import counted
from studio.core.errors import DatasetError, SettingsError
from studio.core.names import path_of
from studio.families.base import Base
from studio.formats.dataset import image_files, read_captions
from studio.formats.image_memory import ImageMemory
from studio.formats.image_write import save_png
from studio.formats.several import first_of
from studio.infer.batches import sampled
from studio.infer.decoding import to_image
from studio.infer.options import Job, SamplingOptions
from studio.library.image_checks import whole
from studio.runs.class_cache import (
    BASE_FILE,
    GUIDANCE,
    SAMPLER,
    STEPS,
    file_name,
    folder_of,
    wanted_prompts,
)
from studio.settings.training import PriorSettings, RunConfig
from studio.train.data import Item

if TYPE_CHECKING:
    from PIL.Image import Image

Place = tuple[Path, str, int]
"""(file, prompt, seed) of one image."""
OPTIONS = SamplingOptions(steps=STEPS, guidance=GUIDANCE, sampler=SAMPLER, work="class images")


def class_items(
    base: Base,
    config: RunConfig,
    cache: Path,
    on_progress: Callable[[int, int], None],
    cancelled: Callable[[], bool],
    images: ImageMemory | None = None,
) -> list[Item]:
    """The class images of a run as training items; generates what is missing. Raises Interrupted.

    What cannot be read is left out of a person's own, and generated again of those from the cache.

    `config.prior.prompts` are taken in turn. Own images come first, with their captions.
    """
    prior, side = config.prior, config.data.resolution or base.native_size
    if not prior.weight:
        return []
    if not prior.prompts:
        raise SettingsError(
            "Prior preservation needs a class prompt",
            remedy="Write what class images show, e.g. “a cat”, or set the prior weight to 0.",
        )
    images = images or ImageMemory()
    own = _own(prior.folder, prior.prompts[0], images)[: prior.images] if prior.folder else []
    count = prior.images - len(own)
    generated = _generated(base, prior, count, cache, images, on_progress, cancelled)
    return [Item(path, caption, (side, side), False, 1) for path, caption in [*own, *generated]]


def _own(folder: str, prompt: str, images: ImageMemory) -> list[tuple[Path, str]]:
    root = path_of(folder).expanduser()
    found = image_files(root) if root.is_dir() else []
    if not found:
        raise DatasetError(
            "There are no class images in this folder",
            where=folder,
            remedy="Choose a folder of images, or leave it empty: then the base generates them.",
        )
    usable, broken = whole(found, images)
    if not usable:
        several = f"None of the {counted(len(found), 'class image')} in this folder can be read"
        raise DatasetError(
            "The only class image in this folder cannot be read" if len(found) == 1 else several,
            where=folder,
            why=next(iter(broken.values())),
            remedy="Export them again as PNG or JPEG.",
        )
    captions = read_captions(root)
    return [(path, first_of(captions.get(path)) or prompt) for path in usable]


def _generated(
    base: Base,
    prior: PriorSettings,
    count: int,
    cache: Path,
    images: ImageMemory,
    on_progress: Callable[[int, int], None],
    cancelled: Callable[[], bool],
) -> list[tuple[Path, str]]:
    """(file, prompt) of `count` images of the base's own size; image k has seed k."""
    places = [
        (folder_of(cache, base.hash, prompt, base.weights) / file_name(seed), prompt, seed)
        for seed, prompt in enumerate(wanted_prompts(prior, count))
    ]
    generate_missing(base, places, images, on_progress, cancelled)
    note = folder_of(cache, base.hash, "").parent / BASE_FILE
    if places and not note.is_file():
        atomic.write_json(note, {"name": base.name})
    return [(path, prompt) for path, prompt, _ in places]


def generate_missing(
    base: Base,
    places: Sequence[Place],
    images: ImageMemory,
    on_progress: Callable[[int, int], None],
    cancelled: Callable[[], bool],
    keep: Callable[[Path, Image, str], object] = save_png,
) -> int:
    """Generates those of `places` that are missing or cannot be read, each written by `keep(file, image,
    prompt)`; how many. Raises Interrupted; what was written stays.

    Of a batch in which one is missing all are generated, and only the missing ones are written: an image
    is the same to the byte, whatever was there already.
    """
    usable, _ = whole([path for path, _, _ in places if path.is_file()], images)
    there = set(usable)
    missing = {path for path, _, _ in places if path not in there}
    done = len(places) - len(missing)
    if missing:
        on_progress(done, len(places))
    for start in range(0, len(places), OPTIONS.batch_size):
        some = places[start : start + OPTIONS.batch_size]
        if missing.isdisjoint(path for path, _, _ in some):
            continue
        jobs = [Job(prompt, seed) for _, prompt, seed in some]
        for batch in sampled(base, jobs, OPTIONS, cancelled=cancelled):
            for place, pixels in zip(batch.places, batch.pixels, strict=True):
                path, prompt, _ = some[place]
                if path in missing:
                    keep(path, to_image(pixels), prompt)
                    done += 1
            on_progress(done, len(places))
    return len(missing)
