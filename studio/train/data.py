"""Which picture, cropped how, with which caption, at which step.

Owns: buckets, the plan of batches as a pure function of the step, captions as training sees them.
Refuses to know: models and noise; it gives tensors of pixels and strings.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from studio.config import DataSettings
from studio.errors import DatasetError
from studio.formats.dataset import DatasetInfo, picture_files, read_captions
from studio.formats.images import image_size, open_image
from studio.train.noise import permutation, uniform

MAX_ASPECT = 2.0  # a picture longer than 2 : 1 is cropped to it


@dataclass(frozen=True)
class Item:
    """One picture as training sees it: its file, caption, bucket (width, height) and orientation."""

    path: Path
    caption: str
    bucket: tuple[int, int]
    flipped: bool
    repeats: int

    def content_key(self) -> str:
        """SHA-256 of the file and of how it is cropped: names its cached latents."""
        digest = hashlib.sha256(self.path.read_bytes())
        digest.update(f"/{self.bucket}/{self.flipped}".encode())
        return digest.hexdigest()


def bucket_for(width: int, height: int, resolution: int, multiple: int) -> tuple[int, int]:
    """The training size (width, height) nearest in shape, of about `resolution`² pixels.

    Both sides are multiples of `multiple` (pixels per innermost latent of the network).
    """
    aspect = min(MAX_ASPECT, max(1 / MAX_ASPECT, width / height))
    columns = max(1, round(resolution * math.sqrt(aspect) / multiple))
    rows = max(1, round(resolution / math.sqrt(aspect) / multiple))
    return columns * multiple, rows * multiple


def read_items(
    info: DatasetInfo, settings: DataSettings, resolution: int, multiple: int
) -> list[Item]:
    """The training items of a dataset: every usable picture, mirrored as well if asked."""
    items = []
    for picture in info.items:
        width, height = image_size(picture.path)
        bucket = (resolution, resolution)
        if settings.buckets:
            bucket = bucket_for(width, height, resolution, multiple)
        for flipped in (False, True) if settings.flip else (False,):
            items.append(
                Item(
                    picture.path,
                    picture.caption or "",
                    bucket,
                    flipped,
                    picture.repeats * settings.repeats,
                )
            )
    if not items:
        raise DatasetError("There is nothing to train on", where=info.path)
    return items


def held_out_items(
    info: DatasetInfo, settings: DataSettings, resolution: int, multiple: int
) -> list[Item]:
    """Pictures of the held-out folder; none when the dataset has no such folder."""
    if info.held_out is None:
        return []
    captions = read_captions(info.held_out)
    return [
        Item(
            path, captions.get(path) or "", _bucket(path, settings, resolution, multiple), False, 1
        )
        for path in picture_files(info.held_out)
    ]


def load_pixels(item: Item) -> Tensor:
    """The picture of an item [3, H, W] in −1…1: scaled to cover its bucket, cropped at the centre."""
    width, height = item.bucket
    image = open_image(item.path)
    if image.mode != "RGB":
        flat = Image.new("RGB", image.size, (255, 255, 255))
        flat.paste(image, mask=image.getchannel("A") if "A" in image.getbands() else None)
        image = flat
    scale = max(width / image.width, height / image.height)
    scaled = (max(width, round(image.width * scale)), max(height, round(image.height * scale)))
    if scaled != image.size:
        image = image.resize(scaled, Image.Resampling.LANCZOS)
    left, top = (image.width - width) // 2, (image.height - height) // 2
    image = image.crop((left, top, left + width, top + height))
    pixels = np.asarray(image, dtype=np.float32)
    if item.flipped:
        pixels = pixels[:, ::-1]
    return torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1) / 127.5 - 1


def bucket_table(items: list[Item]) -> list[dict[str, int]]:
    """Width, height and number of items per bucket, largest first."""
    counted = Counter(item.bucket for item in items)
    return [
        {"width": width, "height": height, "items": count}
        for (width, height), count in counted.most_common()
    ]


class Plan:
    """Which items form the batch of a step: a pure function of (seed, step), so resume needs nothing.

    In an epoch every item comes `repeats` times, in an order drawn for that epoch; a batch holds
    items of one bucket; the last batch of a bucket is filled up from that bucket's front.
    """

    def __init__(self, items: list[Item], batch_size: int, seed: int) -> None:
        self.items, self.batch_size, self.seed = items, batch_size, seed
        self._buckets: dict[tuple[int, int], list[int]] = {}
        for index, item in enumerate(items):
            self._buckets.setdefault(item.bucket, []).extend([index] * item.repeats)
        self.batches_per_epoch = sum(
            math.ceil(len(members) / batch_size) for members in self._buckets.values()
        )
        self._epoch: tuple[int, list[list[int]]] | None = None

    def batch(self, number: int) -> list[int]:
        """Indices into `items` of batch `number` (0-based, over the whole run)."""
        epoch, place = divmod(number, self.batches_per_epoch)
        if self._epoch is None or self._epoch[0] != epoch:
            self._epoch = (epoch, self._draw(epoch))
        return self._epoch[1][place]

    def epoch(self, number: int) -> int:
        """The 1-based epoch of batch `number`."""
        return number // self.batches_per_epoch + 1

    def _draw(self, epoch: int) -> list[list[int]]:
        batches = []
        for place, members in enumerate(self._buckets.values()):
            order = [members[k] for k in permutation(len(members), self.seed + place, epoch)]
            for start in range(0, len(order), self.batch_size):
                batch = order[start : start + self.batch_size]
                fill = 0
                while len(batch) < self.batch_size:
                    batch.append(order[fill % len(order)])
                    fill += 1
                batches.append(batch)
        return [batches[k] for k in permutation(len(batches), self.seed, epoch)]


def training_caption(caption: str, settings: DataSettings, seed: int, step: int, item: int) -> str:
    """The caption of an item at a step: dropped or its tags shuffled, both drawn statelessly."""
    if settings.caption_dropout and uniform(seed, "dropout", step, item) < settings.caption_dropout:
        return ""
    if settings.shuffle_tags and "," in caption:
        tags = [tag.strip() for tag in caption.split(",")]
        kept, rest = tags[: settings.keep_tags], tags[settings.keep_tags :]
        order = permutation(len(rest), seed, step * 1000 + item)
        caption = ", ".join(kept + [rest[k] for k in order])
    return caption


def _bucket(path: Path, settings: DataSettings, resolution: int, multiple: int) -> tuple[int, int]:
    if not settings.buckets:
        return resolution, resolution
    return bucket_for(*image_size(path), resolution, multiple)
