"""From items and captions to the tensors that the objective needs.

Owns: putting latents, text, crops and masks of items together. Refuses to know: steps, noise, losses.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import torch
from torch import Tensor

from studio.families.base import Base
from studio.families.conditioning import Conditioning
from studio.methods.base import Trainable
from studio.settings.training import DataSettings
from studio.train.cache import LatentCache, TextCache
from studio.train.data import Item, load_pixels
from studio.train.ema import Ema
from studio.train.objective import Batch


class Batches:
    """Reads through the caches, but for text whose encoder learns."""

    def __init__(
        self, base: Base, trainable: Trainable, settings: DataSettings, latents: LatentCache
    ) -> None:
        self.base, self.trainable, self.settings = base, trainable, settings
        self.latents, self.texts = latents, TextCache(base)
        self.text_learned = trainable.trains_text

    def of(self, items: list[Item], captions: list[str]) -> Batch:
        """A batch of items of one bucket with the captions they are trained with."""
        width, height = items[0].bucket
        conditioning = self.text(captions)
        if items[0].corner is not None:
            corners = torch.tensor([item.corner for item in items], device=self.base.device)
            conditioning = replace(conditioning, corner=corners)
        return Batch(
            self.latents.get(items), conditioning, (height, width), self.place_weights(items)
        )

    def text(self, captions: list[str]) -> Conditioning:
        """Conditioning of captions, cached unless the text side learns."""
        return (
            self.base.encode(captions) if self.trainable.trains_text else self.texts.get(captions)
        )

    @contextmanager
    def averaged(self, ema: Ema) -> Iterator[None]:
        """Inside, what is trained shows its average. An encoder that has learned and stopped encodes
        otherwise then, so these texts are none for the cache of training."""
        texts = self.texts
        if self.text_learned:
            self.texts = TextCache(self.base)
        try:
            with ema.shown():
                yield
        finally:
            self.texts = texts

    def place_weights(self, items: list[Item]) -> Tensor | None:
        """Weights [B, 1, h, w] of places by the items' masks, or None when none has a mask."""
        masks, rest = self.latents.masks(items), self.settings.mask_rest
        return None if masks is None else rest + (1 - rest) * masks

    def own_loss(self, items: list[Item], numbers: Sequence[int] | None) -> Tensor:
        """The loss of a method that does not denoise; without `numbers` it is only measured."""
        images = [load_pixels(item) for item in items]
        return self.trainable.own_loss(images, numbers, [item.repeats for item in items])
