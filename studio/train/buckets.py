"""Buckets: the sizes that images are trained at, and what a crop to one of them loses.

Owns: which bucket an image goes to, and how it is scaled to cover it. Refuses to know: torch, pixels.
"""

from __future__ import annotations

import math

MAX_ASPECT = 2.0  # an image longer than 2 : 1 is cropped to it
Size = tuple[int, int]


def bucket_for(width: int, height: int, resolution: int, multiple: int) -> Size:
    """The training size (width, height) nearest in shape, of about `resolution`² pixels.

    Both sides are multiples of `multiple` (pixels per innermost latent of the network).
    """
    aspect = min(MAX_ASPECT, max(1 / MAX_ASPECT, width / height))
    columns = max(1, round(resolution * math.sqrt(aspect) / multiple))
    rows = max(1, round(resolution / math.sqrt(aspect) / multiple))
    return columns * multiple, rows * multiple


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
