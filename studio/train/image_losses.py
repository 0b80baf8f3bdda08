"""The loss of each training image at fixed noise: which images are learnt, and which never are.

Owns: which images are measured with which noise, timesteps and captions. Everything depends on the
image's content and the run's seed alone, so two measurements differ by the model and by nothing else.
Refuses to know: when it is measured, where it is kept, what the numbers mean (`studio.runs.image_losses`).

Nothing is drawn from a generator that training uses, and no cache is filled that it reads: a run
learns the same, bit for bit, whether it is measured or not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from studio.core.spread import spread
from studio.diffusion.seeds import gaussian, permutation
from studio.families.conditioning import Conditioning
from studio.settings.training import RunConfig
from studio.train.batches import Batches
from studio.train.captions import templated
from studio.train.data import Item
from studio.train.objective import Batch, Objective

PAIRS = (0.2, 0.5, 0.5, 0.65, 0.65, 0.75, 0.75, 0.82, 0.82, 0.88, 0.88)
"""(timestep, noise) pairs of an image, by timestep as a share of all. Much noise tells most: there the
caption decides what is predicted, and little of it can be read off the image; near the end, where hardly
anything but noise is left, it tells less again (docs/decisions.md)."""
OTHERS = 3
"""Captions of other images that each image is measured with as well."""
Errors = tuple[float, ...]


@dataclass(frozen=True)
class ImageLoss:
    """The squared errors of one image, one for each of `PAIRS`."""

    path: Path
    caption: str
    base: Errors
    """Of the untrained base, with the image's own caption."""
    own: Errors
    """Of what is trained, with the same."""
    others: Errors | None = None
    """Of what is trained with captions of other images, on average; None where all captions are alike."""


class ImageLosses:
    """Measures the same thing every time it is asked. For methods that learn by denoising."""

    def __init__(
        self, objective: Objective, batches: Batches, config: RunConfig, items: Sequence[Item]
    ) -> None:
        self.objective, self.batches, self.config = objective, batches, config
        whole = {item.path: item for item in reversed(items) if not item.flipped}
        self.of_all = len(whole)
        self.items = spread([*reversed(whole.values())], config.image_loss.images)
        self._base: list[Errors] | None = None

    @property
    def possible(self) -> bool:
        """Whether the method has such a loss."""
        return self.batches.trainable.learns_by_denoising

    @torch.no_grad()
    def measure(
        self, heard: Callable[[int, int], None] = lambda done, total: None
    ) -> list[ImageLoss]:
        """One row per image, in the dataset's order. `heard(done, total)` may raise to stop it."""
        captions = [self._caption(item) for item in self.items]
        total = len(self.items) * (1 if self._base else 2)
        first = total - len(self.items)
        if self._base is None:
            texts: dict[str, Conditioning] = {}
            found = []
            for done, (item, caption) in enumerate(zip(self.items, captions, strict=True), 1):
                found.append(_plain(self._errors(item, self._text(texts, caption))))
                heard(done, total)
            self._base = found
        rows = []
        with self.batches.trainable.attached():
            texts = {}
            for place, (item, caption) in enumerate(zip(self.items, captions, strict=True)):
                rows.append(self._row(item, caption, captions, texts, self._base[place]))
                heard(first + place + 1, total)
        return rows

    def _caption(self, item: Item) -> str:
        caption = templated(item.caption, self.config.data, item.name)
        return self.batches.trainable.caption(caption)

    def _text(self, known: dict[str, Conditioning], caption: str) -> Conditioning:
        """Conditioning of a caption; the run's own cache is left alone (its encoder may have learnt)."""
        if caption not in known:
            known[caption] = self.batches.base.encode([caption])
        return known[caption]

    def _row(
        self,
        item: Item,
        caption: str,
        captions: Sequence[str],
        texts: dict[str, Conditioning],
        base: Errors,
    ) -> ImageLoss:
        own = _plain(self._errors(item, self._text(texts, caption)))
        others = [
            self._errors(item, self._text(texts, text))
            for text in other_captions(captions, caption, self.config.seed, _key(item))
        ]
        mean = _plain(torch.stack(others).mean(0)) if others else None
        return ImageLoss(item.path, caption, base, own, mean)

    def _errors(self, item: Item, conditioning: Conditioning) -> Tensor:
        width, height = item.bucket
        if item.corner is not None:
            corner = torch.tensor([item.corner], device=self.batches.base.device)
            conditioning = replace(conditioning, corner=corner)
        moments = self.batches.latents.get([item])
        places = self.batches.place_weights([item])
        shape = (self.batches.base.latent_channels, *moments.shape[2:])
        seed, key = self.config.seed, _key(item)
        noise = [gaussian(shape, seed, "image-loss", key, pair) for pair in range(len(PAIRS))]
        batch = Batch(moments, conditioning, (height, width), places)
        return self.objective.errors_at(batch, PAIRS, torch.stack(noise)).float().cpu()


def other_captions(captions: Sequence[str], own: str, seed: int, key: int) -> list[str]:
    """At most `OTHERS` captions of the set that share the fewest words with `own`, the same ones every
    time: one that says nearly the same would tell nothing."""
    others = sorted(set(captions) - {own})
    words = _words(own)
    order = permutation(len(others), seed, "other-captions", key)
    order.sort(key=lambda place: len(words & _words(others[place])))
    return [others[place] for place in order[:OTHERS]]


def _words(caption: str) -> set[str]:
    return set(caption.casefold().replace(",", " ").split())


def _key(item: Item) -> int:
    """What names an image and its crop, whatever it is called and wherever it comes in the set."""
    return int(item.content_key()[:15], 16)


def _plain(errors: Tensor) -> Errors:
    return tuple(round(float(error), 8) for error in errors)
