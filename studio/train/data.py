"""Which image, cropped how, at which step.

Owns: the items of a run, and the plan of batches as a pure function of the step.
Refuses to know: models and noise, what becomes of captions (`captions`); it gives tensors of pixels.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from studio.core.errors import DatasetError
from studio.diffusion.seeds import permutation, uniform
from studio.formats.caption_marks import as_trained
from studio.formats.dataset import DatasetInfo, read_captions
from studio.formats.dataset_info import mask_of
from studio.formats.image_memory import ImageMemory
from studio.formats.image_names import READING
from studio.formats.image_prepare import mask_pixels, open_prepared, prepared
from studio.formats.image_recipe import AS_IT_IS, ImageRecipe
from studio.formats.images import image_size
from studio.formats.masks import Masks
from studio.formats.several import first_of
from studio.settings.training import DataSettings
from studio.train.buckets import batches_of, bucket_of, scaled


@dataclass(frozen=True)
class Item:
    """One image as training sees it: its file, caption, bucket (width, height) and orientation."""

    path: Path
    caption: str
    bucket: tuple[int, int]
    flipped: bool
    repeats: int
    zoom: float = 1.0
    """How much closer it is than an image that just covers its bucket."""
    corner: tuple[int, int] | None = None
    """(top, left) of the crop in the scaled image, in pixels; None crops at the centre."""
    mask: Path | None = None
    """The file that holds the mask: the image itself where its transparency is the mask."""
    name: str = ""
    """Trigger word of its own folder, where a dataset has several."""
    recipe: ImageRecipe = AS_IT_IS
    """How it is prepared before all of that."""
    captions: tuple[str, ...] = ()
    """Several captions, one of which is picked at every step; empty where there is one."""

    def content_key(self) -> str:
        """SHA-256 of the file and of how it is cropped: names its cached latents."""
        return self._key(self.path)

    def mask_key(self) -> str:
        """The same for its mask."""
        assert self.mask is not None, "the item has a mask"
        return self._key(self.mask, "alpha" if self.mask == self.path else "grey")

    def _key(self, path: Path, what: str = "") -> str:
        digest = hashlib.sha256(path.read_bytes())
        digest.update(f"/{self.bucket}/{self.flipped}/{READING}".encode())
        if self.corner is not None:
            digest.update(f"/{self.zoom}/{self.corner}".encode())
        if self.recipe.key:
            digest.update(f"/recipe {self.recipe.key}".encode())
        digest.update(what.encode())
        return digest.hexdigest()


def read_items(
    info: DatasetInfo, settings: DataSettings, resolution: int, multiple: int
) -> list[Item]:
    """The training items of a dataset: every crop of every usable image, mirrored too if asked."""
    several = len({image.trigger for image in info.items}) > 1
    items, masks = [], Masks()
    for image in info.items:
        size = image.size or image.recipe.size(image_size(image.path))
        bucket = bucket_of(size, settings, resolution, multiple)
        plain = Item(
            image.path,
            image.caption or "",
            bucket,
            False,
            image.repeats * settings.repeats,
            mask=mask_of(info, image.path, settings.mask, masks),
            recipe=image.recipe,
            name=image.trigger if several else "",
            captions=image.captions,
        )
        for crop in range(settings.crops) if settings.crop == "random" else (None,):
            item = plain if crop is None else _cropped(plain, size, settings.crop_zoom, crop)
            for flipped in (False, True) if settings.flip else (False,):
                items.append(replace(item, flipped=flipped))
    if not items:
        raise DatasetError("There is nothing to train on", where=info.path)
    return items


def held_out_items(
    info: DatasetInfo,
    settings: DataSettings,
    resolution: int,
    multiple: int,
    images: ImageMemory | None = None,
) -> list[Item]:
    """Images of the held-out folder, whole; none when the dataset has no such folder.

    Those that `images` knows to be damaged are left out.
    """
    if info.held_out is None:
        return []
    captions, masks = read_captions(info.held_out, lines=info.lines), Masks()
    facts = (images or ImageMemory()).all_facts(captions)
    return [
        Item(
            path,
            as_trained(first_of(captions[path]), settings.trigger or info.trigger),
            bucket_of(
                info.recipe(path).size((known.width, known.height)), settings, resolution, multiple
            ),
            False,
            1,
            mask=mask_of(info, path, settings.mask, masks),
            recipe=info.recipe(path),
        )
        for path, known in facts.items()
        if not known.problem
    ]


def load_pixels(item: Item) -> Tensor:
    """The image of an item [3, H, W] in −1…1: prepared, scaled to cover its bucket, then cropped."""
    image = open_prepared(item.path, item.recipe)
    if image.mode != "RGB":
        flat = Image.new("RGB", image.size, (255, 255, 255))
        flat.paste(image, mask=image.getchannel("A") if "A" in image.getbands() else None)
        image = flat
    return _as_shown(image, item) / 127.5 - 1


def load_mask(item: Item) -> Tensor:
    """The mask of an item [1, H, W] in 0…1, scaled, cropped and mirrored like its image."""
    assert item.mask is not None, "the item has a mask"
    image = mask_pixels(item.path, item.mask)
    return _as_shown(prepared(image, item.recipe), item) / 255


def _as_shown(image: Image.Image, item: Item) -> Tensor:
    """An image (RGB or L) as the item shows it [3 or 1, H, W], 0…255."""
    width, height = item.bucket
    covering = scaled(image.size, item.bucket, item.zoom)
    if covering != image.size:
        image = image.resize(covering, Image.Resampling.LANCZOS)
    top, left = item.corner or ((image.height - height) // 2, (image.width - width) // 2)
    image = image.crop((left, top, left + width, top + height))
    pixels = np.asarray(image, dtype=np.float32).reshape(height, width, -1)
    if item.flipped:
        pixels = pixels[:, ::-1]
    return torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1)


def _cropped(item: Item, size: tuple[int, int], most: float, crop: int) -> Item:
    """Crop number `crop` of an image: 0 is its centre, the others are drawn by the file's name.

    They do not depend on the run's seed, so that all runs share their cached latents.
    """
    chances = [uniform(0, f"crop/{item.path.name}", crop, part) for part in range(3)]
    zoom, across, down = (1 + (most - 1) * chances[0], *chances[1:]) if crop else (1.0, 0.5, 0.5)
    width, height = scaled(size, item.bucket, zoom)
    top, left = int(down * (height - item.bucket[1])), int(across * (width - item.bucket[0]))
    return replace(item, zoom=zoom, corner=(top, left))


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
        self.batches_per_epoch = batches_of(map(len, self._buckets.values()), batch_size)
        self._epoch: tuple[int, list[list[int]]] | None = None

    def batch(self, number: int) -> list[int]:
        """Indices into `items` of batch `number` (0-based, over the whole run)."""
        epoch, place = divmod(number, self.batches_per_epoch)
        if self._epoch is None or self._epoch[0] != epoch:
            self._epoch = (epoch, self._shuffled(epoch))
        return self._epoch[1][place]

    def epoch(self, number: int) -> int:
        """The 1-based epoch of batch `number`."""
        return number // self.batches_per_epoch + 1

    def _shuffled(self, epoch: int) -> list[list[int]]:
        batches = []
        for place, members in enumerate(self._buckets.values()):
            order = [
                members[k] for k in permutation(len(members), self.seed, "items", epoch, place)
            ]
            for start in range(0, len(order), self.batch_size):
                batch = order[start : start + self.batch_size]
                fill = 0
                while len(batch) < self.batch_size:
                    batch.append(order[fill % len(order)])
                    fill += 1
                batches.append(batch)
        return [batches[k] for k in permutation(len(batches), self.seed, "batches", epoch)]
