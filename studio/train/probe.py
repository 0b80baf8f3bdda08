"""A loss that means something: fixed pictures, fixed noise, fixed timesteps, no dropout.

Owns: what is probed (under the mask, where pictures have one). The training loss jumps with the timesteps it happens to draw; this one moves
only when the model does. The gap between training and held-out pictures shows overfitting.
Refuses to know: when it is called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from studio.settings.training import LossSettings
from studio.train.data import Item, templated
from studio.train.loss import item_errors
from studio.train.noise import gaussian

if TYPE_CHECKING:
    from studio.train.loop import Trainer

PLAIN = LossSettings()  # the squared error, whatever the run minimises: runs stay comparable
LEVELS = (0.1, 0.35, 0.6, 0.85)  # timesteps as parts of the whole schedule


class Probe:
    """Measures the same thing every time it is asked."""

    def __init__(self, trainer: Trainer) -> None:
        self.trainer = trainer
        count = trainer.config.validation.images
        self.sets = [_spread(trainer.items, count), _spread(trainer.held_out, count)]

    @torch.no_grad()
    def measure(self) -> tuple[float, float | None]:
        """Mean squared error on training pictures, and on held-out ones if there are any.

        A method that does not denoise is asked for its own loss instead.
        """
        with self.trainer.trainable.attached():
            train, held_out = (self._mean(items) for items in self.sets)
        assert train is not None, "a run has pictures"
        return train, held_out

    def _mean(self, items: list[Item]) -> float | None:
        if not items:
            return None
        return sum(self._one(item, place) for place, item in enumerate(items)) / len(items)

    def _one(self, item: Item, place: int) -> float:
        trainer, seed = self.trainer, self.trainer.config.seed
        if not trainer.trainable.learns_by_denoising:
            return float(trainer.own_loss([item], None))
        moments = trainer.latents.get([item])
        shape = (len(LEVELS), trainer.base.latent_channels, *moments.shape[2:])
        latents = trainer.base.sample_latents(moments, torch.zeros_like(moments[:, : shape[1]]))
        noise = gaussian(shape, seed, "probe", place).to(latents)
        timesteps = torch.tensor(
            [int(level * trainer.schedule.count) for level in LEVELS], device=latents.device
        )
        caption = templated(item.caption, trainer.config.data, item.name)
        conditioning = trainer.text([trainer.trainable.caption(caption)]).select([0] * len(LEVELS))
        latents = latents.expand(shape)
        prediction = trainer.predict(
            trainer.schedule.add(latents, noise, timesteps), timesteps, conditioning, item.bucket
        )
        target = trainer.schedule.target(latents, noise, timesteps)
        error = item_errors(
            prediction, target, timesteps, trainer.schedule, PLAIN, trainer.place_weights([item])
        )
        return float(error.mean())


def _spread(items: list[Item], count: int) -> list[Item]:
    """At most `count` items, evenly spread over the list."""
    if len(items) <= count:
        return list(items)
    return [items[place * len(items) // count] for place in range(count)]
