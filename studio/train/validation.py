"""The validation loss: fixed images, fixed noise, fixed timesteps, no dropout.

Owns: which images it looks at. The training loss jumps with the timesteps it happens to draw; this
one moves only when the model does. The gap between training and held-out images shows overfitting.
Refuses to know: when it is called, what is trained.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from studio.core.spread import spread
from studio.settings.training import RunConfig
from studio.train.batches import Batches
from studio.train.captions import templated
from studio.train.data import Item
from studio.train.objective import Objective

Measure = Callable[[], tuple[float, float | None]]
"""Gives the loss on training images, and on held-out ones if there are any."""


class ValidationLoss:
    """Measures the same thing every time it is asked."""

    def __init__(
        self,
        objective: Objective,
        batches: Batches,
        config: RunConfig,
        items: list[Item],
        held_out: list[Item],
    ) -> None:
        self.objective, self.batches, self.config = objective, batches, config
        self.sets = [spread(found, config.validation.images) for found in (items, held_out)]

    @torch.no_grad()
    def measure(self) -> tuple[float, float | None]:
        """Mean squared error on training images, and on held-out ones if there are any.

        A method that does not denoise is asked for its own loss instead.
        """
        with self.batches.trainable.attached():
            train, held_out = (self._mean(items) for items in self.sets)
        assert train is not None, "a run has images"
        return train, held_out

    def _mean(self, items: list[Item]) -> float | None:
        if not items:
            return None
        return sum(self._one(item, place) for place, item in enumerate(items)) / len(items)

    def _one(self, item: Item, place: int) -> float:
        if not self.batches.trainable.learns_by_denoising:
            return float(self.batches.own_loss([item], None))
        caption = templated(item.caption, self.config.data, item.name)
        batch = self.batches.of([item], [self.batches.trainable.caption(caption)])
        return float(self.objective.validation_loss(batch, self.config.seed, place))
