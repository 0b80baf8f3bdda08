"""Aspect-ratio buckets, and how many batches an epoch of a dataset has.

Owns: the size that an image is trained at, what its crop loses, how often it comes in an epoch. Refuses to know: pixels,
captions, the order of batches. Imports no torch: a run's length is told before anything is loaded.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable

from studio.formats.dataset import DatasetInfo
from studio.formats.images import image_size
from studio.settings.training import DataSettings

MAX_ASPECT = 2.0  # an image longer than 2 : 1 is cropped to it
Size = tuple[int, int]


def bucket_for(width: int, height: int, resolution: int, multiple: int) -> tuple[int, int]:
    """The training size (width, height) nearest in shape, of about `resolution`² pixels.

    Both sides are multiples of `multiple` (pixels per innermost latent of the network).
    """
    aspect = min(MAX_ASPECT, max(1 / MAX_ASPECT, width / height))
    columns = max(1, round(resolution * math.sqrt(aspect) / multiple))
    rows = max(1, round(resolution / math.sqrt(aspect) / multiple))
    return columns * multiple, rows * multiple


def bucket_of(
    size: tuple[int, int], settings: DataSettings, resolution: int, multiple: int
) -> tuple[int, int]:
    """The training size of an image of this size; a square where shapes are not kept."""
    return bucket_for(*size, resolution, multiple) if settings.buckets else (resolution, resolution)


def scaled(size: Size, bucket: Size, zoom: float = 1.0) -> Size:
    """The size of an image that covers its bucket, `zoom` times closer."""
    scale = enlarged(size, bucket) * zoom
    return max(bucket[0], round(size[0] * scale)), max(bucket[1], round(size[1] * scale))


def enlarged(size: Size, bucket: Size) -> float:
    """How many times larger an image becomes when it covers its bucket; below 1 it is made smaller."""
    return max(bucket[0] / size[0], bucket[1] / size[1])


def lost(size: Size, bucket: Size) -> float:
    """The share of an image, 0 … 1, that the crop to its bucket leaves out."""
    width, height = scaled(size, bucket)
    return 1 - bucket[0] * bucket[1] / (width * height)


def batches_of(buckets: Iterable[int], batch_size: int) -> int:
    """Batches of an epoch: each holds items of one bucket, so each bucket's last may be filled up.

    `buckets` are the numbers of items in each, repeats counted.
    """
    return sum(math.ceil(items / batch_size) for items in buckets)


def batches_per_epoch(
    info: DatasetInfo, settings: DataSettings, resolution: int, multiple: int, batch_size: int
) -> int:
    """What `train.data.Plan` makes of the images of a dataset: batches until each came as often as
    it should."""
    crops = settings.crops if settings.crop == "random" else 1
    shown = crops * (2 if settings.flip else 1) * settings.repeats
    counted: Counter[tuple[int, int]] = Counter()
    for image in info.items:
        size = image.size or image.recipe.size(image_size(image.path))
        counted[bucket_of(size, settings, resolution, multiple)] += image.repeats * shown
    return batches_of(counted.values(), batch_size)
