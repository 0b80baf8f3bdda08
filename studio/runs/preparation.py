"""What a run needs before its first step: the base, its images, and what the method trains.

Owns: the order in which these are made. Refuses to know: who waits for them, run folders.
Imports torch: only the trainer's thread loads it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from studio import methods
from studio.core.device import reset_peak_memory
from studio.core.names import path_of
from studio.families.frozen import Frozen
from studio.library.image_checks import Progress, checked_dataset
from studio.methods.base import Trainable
from studio.runs.control import Control
from studio.runtime.runtime import Runtime
from studio.settings.training import RunConfig
from studio.train.cache import LatentCache
from studio.train.data import Item, held_out_items, read_items
from studio.train.loop import Hooks, Trainer
from studio.train.together import Alone, Group


class Preparation:
    """Made with the base loaded and the dataset looked at; then `read`, `encode` and `trainer`."""

    items: list[Item]
    held_out: list[Item]
    prior: list[Item]
    trainable: Trainable

    def __init__(
        self,
        config: RunConfig,
        runtime: Runtime,
        *,
        said: Callable[[str], None] | None = None,
        looked: Progress | None = None,
    ) -> None:
        """`said` hears how far a download is, `looked` how many images have been decoded."""
        self.config, self.images = config, runtime.library.images
        memory, last = config.memory, config.train.channels_last == "on"
        frozen = Frozen(memory.base_weights, memory.stream_blocks, memory.offload_encoders)
        self.base = runtime.base(
            config.base,
            config.device,
            config.precision,
            channels_last=last and not memory.touches_base,
            said=said,
            frozen=frozen,
        )
        reset_peak_memory(self.base.device)
        self.info = checked_dataset(path_of(config.data.folder), self.images, on_progress=looked)
        self.trigger = config.data.trigger or self.info.trigger
        self.latents = LatentCache(self.base, runtime.library.workspace.cache)

    def read(self) -> None:
        """The items to train on and those held out, with the captions as training reads them."""
        data, base = self.config.data, self.base
        size = (data.resolution or base.native_size, base.size_multiple)
        self.info = self.info.called(self.trigger)
        self.items = read_items(self.info, data, *size)
        self.held_out = held_out_items(self.info, data, *size, self.images)

    def encode(self, prior: Sequence[Item], on_progress: Progress) -> dict[Path, str]:
        """Fills the latent cache, also with the class images `prior`; returns the images that cannot
        be read with the reason, which are trained on no more. `on_progress` may raise."""
        broken = self.latents.fill([*self.items, *self.held_out, *prior], on_progress)
        self.items, self.held_out, self.prior = (
            [item for item in found if item.path not in broken]
            for found in (self.items, self.held_out, prior)
        )
        return broken

    def trainer(self, control: Control, hooks: Hooks, group: Group | None = None) -> Trainer:
        """The loop with what the method trains, before its first step; alone or in a group."""
        group = group or Alone()
        method = methods.find(self.config.method)
        self.trainable = method.prepare(self.base, self.config, self.trigger)
        return Trainer(
            self.base, self.trainable, self.config, self.items, self.held_out, self.latents,
            group.commands(control), hooks, prior=self.prior, group=group,
        )  # fmt: skip

    @property
    def trained(self) -> dict[str, int]:
        """Group → trainable parameters."""
        return {
            group.name: sum(tensor.numel() for tensor in group.parameters)
            for group in self.trainable.groups
        }
