"""Latents, masks and text embeddings, computed once.

Owns: the caches. Latents and masks are named by the content of image, crop and base, so they are
never stale; they live on disk and, while they fit, on the device. Text embeddings live in memory, on
the device while they fit there; of more texts than memory is given, those not used for longest are
encoded again when they come.
Refuses to know: steps and losses.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from studio.core.errors import InputError, StorageError, StudioError
from studio.families.base import Base
from studio.families.conditioning import Conditioning
from studio.formats import safetensors_file
from studio.train.caption_plan import TEXT_BYTES
from studio.train.data import Item, load_mask, load_pixels

ON_DEVICE_BYTES = 1 << 30
TEXT_ON_DEVICE_BYTES = 256 << 20


class LatentCache:
    """Latent moments [2C, h, w] of items, and the masks [1, h, w] of those that have one, fp32."""

    def __init__(self, base: Base, folder: Path) -> None:
        self.base = base
        self._latents = _Tensors(folder / "latents" / base.hash[:16], "moments", base.device)
        self._masks = _Tensors(folder / "masks", "mask", base.device)

    def fill(
        self, items: Sequence[Item], on_progress: Callable[[int, int], None]
    ) -> dict[Path, str]:
        """Encodes what is not cached yet; afterwards `get` and `masks` touch no image.

        Returns the images that cannot be read, or whose mask cannot, with the reason: their items
        must not be trained on.
        """
        broken: dict[Path, str] = {}
        for number, item in enumerate(items):
            if item.path not in broken:
                try:
                    self.get([item])
                    self.masks([item])
                except InputError as error:  # an image of many; the disk's errors end the run
                    broken[item.path] = error.sentence()
                except FileNotFoundError:
                    broken[item.path] = "It is not there any more."
            on_progress(number + 1, len(items))
        return broken

    def get(self, items: Sequence[Item]) -> Tensor:
        """Moments [B, 2C, h, w] on the base's device; all items are of one bucket."""
        return torch.stack(
            [self._latents.get(item, Item.content_key, self._encode) for item in items]
        )

    def masks(self, items: Sequence[Item]) -> Tensor | None:
        """Masks [B, 1, h, w] in 0…1, or None when no item has one; without one all is 1."""
        if all(item.mask is None for item in items):
            return None
        found = [
            self._masks.get(item, self._mask_key, self._shrink) if item.mask else None
            for item in items
        ]
        whole = torch.ones_like(next(mask for mask in found if mask is not None))
        return torch.stack([whole if mask is None else mask for mask in found])

    def _encode(self, item: Item) -> Tensor:
        return self.base.encode_images(load_pixels(item)[None])[0].cpu()

    def _mask_key(self, item: Item) -> str:
        return f"{item.mask_key()}-{self.base.latent_scale}"

    def _shrink(self, item: Item) -> Tensor:
        """A latent counts as much as the mask covers of its square of pixels."""
        return functional.avg_pool2d(load_mask(item), self.base.latent_scale)


class _Tensors:
    """One tensor per item: in memory, else on disk under its content's name, else made."""

    def __init__(self, folder: Path, name: str, device: torch.device) -> None:
        self.folder, self.name, self.device = folder, name, device
        self._kept: dict[str, Tensor] = {}
        self._bytes = 0
        self._keys: dict[Item, str] = {}

    def get(
        self, item: Item, key_of: Callable[[Item], str], make: Callable[[Item], Tensor]
    ) -> Tensor:
        if item not in self._keys:
            self._keys[item] = key_of(item)
        key = self._keys[item]
        if key in self._kept:
            return self._kept[key].to(self.device)
        path = self.folder / key[:2] / f"{key}.safetensors"
        tensor = _read(path, self.name)
        if tensor is None:
            tensor = make(item)
            with contextlib.suppress(StorageError):  # without it, it is made again another time
                safetensors_file.write(path, {self.name: tensor}, {})
        if self._bytes < ON_DEVICE_BYTES:
            tensor = tensor.to(self.device)
        self._kept[key] = tensor
        self._bytes += tensor.numel() * tensor.element_size()
        return tensor.to(self.device)


class TextCache:
    """Conditioning per caption, for text encoders that do not learn. Each is encoded alone, so it
    is the same however often that happens."""

    def __init__(self, base: Base) -> None:
        self.base = base
        self._kept: dict[str, Conditioning] = {}
        """The least recently used first."""
        self._bytes = self._on_device = 0
        self.encoded = 0
        """How often a text was encoded."""

    @torch.no_grad()
    def get(self, captions: Sequence[str]) -> Conditioning:
        """Conditioning of a batch of captions, on the base's device."""
        return Conditioning.join([self._one(caption) for caption in captions])

    def _one(self, caption: str) -> Conditioning:
        kept = self._kept.pop(caption, None)
        if kept is not None:
            self._kept[caption] = kept
            return kept.to(self.base.device)
        made = self.base.encode([caption])
        self.encoded += 1
        self._keep(caption, made)
        return made

    def _keep(self, caption: str, made: Conditioning) -> None:
        size = made.bytes
        if self._on_device + size > TEXT_ON_DEVICE_BYTES:
            made = made.to("cpu")
        self._kept[caption] = made
        self._count(made, size)
        while self._bytes > TEXT_BYTES and len(self._kept) > 1:
            oldest = self._kept.pop(next(iter(self._kept)))
            self._count(oldest, -oldest.bytes)

    def _count(self, kept: Conditioning, size: int) -> None:
        self._bytes += size
        if kept.embeds.device.type == self.base.device.type:
            self._on_device += size


def _read(path: Path, name: str) -> Tensor | None:
    """A cached tensor; a damaged file counts as absent, because it can be made again."""
    if not path.is_file():
        return None
    try:
        tensors, _ = safetensors_file.read_tensors(path)
    except StudioError:
        return None
    found: Tensor | None = tensors.get(name)
    return found if found is not None and bool(torch.isfinite(found).all()) else None
