"""Latents and text embeddings, computed once.

Owns: both caches. Latents are named by the content of picture, crop and base, so they are never
stale; they live on disk and, while they fit, on the device. Text embeddings live in memory.
Refuses to know: steps and losses.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from studio.errors import StudioError
from studio.families.base import Base, Conditioning
from studio.formats import safetensors_file
from studio.train.data import Item, load_pixels

ON_DEVICE_BYTES = 1 << 30
TEXTS_KEPT = 20_000


class LatentCache:
    """Latent moments [2C, h, w] of items, fp32."""

    def __init__(self, base: Base, folder: Path) -> None:
        self.base, self.folder = base, folder / "latents" / base.hash[:16]
        self._kept: dict[str, Tensor] = {}
        self._bytes = 0
        self._keys: dict[Item, str] = {}

    def fill(self, items: Sequence[Item], on_progress: Callable[[int, int], None]) -> None:
        """Encodes what is not cached yet; afterwards `get` touches no picture."""
        for number, item in enumerate(items):
            self.get([item])
            on_progress(number + 1, len(items))

    def get(self, items: Sequence[Item]) -> Tensor:
        """Moments [B, 2C, h, w] on the base's device; all items are of one bucket."""
        return torch.stack([self._one(item) for item in items])

    def _one(self, item: Item) -> Tensor:
        key = self._keys.setdefault(item, item.content_key() if item not in self._keys else "")
        if key in self._kept:
            return self._kept[key].to(self.base.device)
        path = self.folder / key[:2] / f"{key}.safetensors"
        moments = _read(path)
        if moments is None:
            moments = self.base.encode_images(load_pixels(item)[None])[0].cpu()
            safetensors_file.write(path, {"moments": moments}, {})
        if self._bytes < ON_DEVICE_BYTES:
            moments = moments.to(self.base.device)
        self._kept[key] = moments
        self._bytes += moments.numel() * moments.element_size()
        return moments.to(self.base.device)


class TextCache:
    """Conditioning per caption, for text encoders that do not learn."""

    def __init__(self, base: Base) -> None:
        self.base = base
        self._kept: dict[str, Conditioning] = {}

    @torch.no_grad()
    def get(self, captions: Sequence[str]) -> Conditioning:
        """Conditioning of a batch of captions."""
        for caption in captions:
            if caption not in self._kept:
                if len(self._kept) >= TEXTS_KEPT:
                    self._kept.pop(next(iter(self._kept)))
                self._kept[caption] = self.base.encode([caption])
        return Conditioning.join([self._kept[caption] for caption in captions])


def _read(path: Path) -> Tensor | None:
    """Cached moments; a damaged file counts as absent, because it can be made again."""
    if not path.is_file():
        return None
    try:
        tensors, _ = safetensors_file.read_tensors(path)
    except StudioError:
        return None
    moments: Tensor | None = tensors.get("moments")
    return moments if moments is not None and bool(torch.isfinite(moments).all()) else None
