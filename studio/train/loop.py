"""The training loop: validate → sample → save → stop? → one step → log.

Owns: the order of things in a run, one optimizer step, commands between steps.
Refuses to know: methods and families by name, files' formats, who watches.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from studio.diffusion.seeds import derived_seed
from studio.families.base import Base
from studio.methods.base import Trainable
from studio.settings.learning_rate import rate_factor
from studio.settings.training import RunConfig
from studio.train.attention import attention, usable_attention
from studio.train.batches import Batches
from studio.train.cache import LatentCache
from studio.train.captions import item_caption, training_caption
from studio.train.checkpointing import checkpointing
from studio.train.data import Item, Plan
from studio.train.ema import Ema
from studio.train.image_losses import ImageLosses
from studio.train.not_finite import half_stepped, non_finite
from studio.train.objective import Objective
from studio.train.optim import make_optimizer, set_factor
from studio.train.state import Progress
from studio.train.tensor_step import NotFiniteError
from studio.train.together import Alone, Commands, Group
from studio.train.update import update_of
from studio.train.validation import Measure, ValidationLoss

SMOOTHING = 0.98


def _nobody(*_: Any) -> None:
    """Nobody listens."""


@dataclass(frozen=True)
class StepFacts:
    """One optimizer step that was taken."""

    step: int
    """From 1."""
    loss: float
    smoothed: float | None
    lr: float
    norm: float
    """Length of the gradient before clipping."""
    epoch: int
    prior: float | None
    """The part of the loss that class images have; None without them."""


@dataclass
class Hooks:
    """What the loop tells the outside, on the trainer's thread, between steps; by default nobody."""

    step: Callable[[StepFacts], None] = _nobody
    validate: Callable[[int, Measure], None] = _nobody
    sample: Callable[[int], None] = _nobody
    compare_images: Callable[[int, ImageLosses], None] = _nobody
    """The loss of each image may be measured now."""
    save: Callable[[Progress], None] = _nobody
    boundary: Callable[[], None] = _nobody
    """Hands the device to whoever waits, and returns when training may go on."""
    paused: Callable[[], None] = _nobody
    """Called when a pause begins; returns when it ends or a stop is wanted."""


@dataclass
class Trainer:
    """One run: base, trainable, images. `run` continues from `progress` to the end or a stop."""

    base: Base
    trainable: Trainable
    config: RunConfig
    items: list[Item]
    held_out: list[Item]
    latents: LatentCache
    commands: Commands
    hooks: Hooks
    progress: Progress = field(default_factory=Progress)
    prior: list[Item] = field(default_factory=list)
    """Class images for prior preservation; used when `config.prior.weight` is not 0."""
    group: Group = field(default_factory=Alone)
    """The processes that take a step together; a batch is dealt out to them."""

    def __post_init__(self) -> None:
        base, config = self.base, self.config
        self.batch = config.train.batch_size * self.group.count
        self.plan = Plan(self.items, self.batch, config.seed)
        self.optimizer = make_optimizer(config.train.optimizer, self.trainable.groups)
        self.update = update_of(self.trainable, self.optimizer, config)
        self.parameters = [tensor for group in self.trainable.groups for tensor in group.parameters]
        self.ema = Ema(self.parameters, config.train.ema) if config.train.ema else None
        self.prior_seed = derived_seed(config.seed, "prior")
        self.prior_plan = Plan(self.prior, self.batch, self.prior_seed)
        self.objective = Objective(base, config.loss)
        self.batches = Batches(base, self.trainable, config.data, self.latents)
        self.validation = ValidationLoss(
            self.objective, self.batches, config, self.items, self.held_out
        )
        self.image_losses = ImageLosses(self.objective, self.batches, config, self.items)
        self.devices = [base.device] if base.device.type == "cuda" else []
        self.attention = usable_attention(config.train.attention, base.device)

    def run(self) -> bool:
        """Trains; True when it is over, False when stopped. Saves in both cases."""
        config, progress = self.config, self.progress
        resumed_at = progress.step if progress.step else None
        before = progress.seconds
        while True:
            self.group.agree(progress)
            step = progress.step
            last = self.over
            probing, sampling, saving, each = (
                last or part.every.due(step, self.steps_per_epoch, before, progress.seconds)
                for part in (config.validation, config.sample, config.save, config.image_loss)
            )
            before = progress.seconds
            if step != resumed_at:  # what was due at a resumed step was done before
                if config.validation.every and probing:
                    with self.averaged():
                        self.hooks.validate(step, self.validation.measure)
                if step and config.image_loss.every and each:
                    with self.averaged():
                        self.hooks.compare_images(step, self.image_losses)
                if self.commands.sample or sampling:
                    self.commands.sample = False
                    with self.averaged():
                        self.hooks.sample(step)
                if step and (saving or self.commands.save or self.commands.stop):
                    self.commands.save = False
                    self.hooks.save(progress)
            resumed_at = None
            if last or self.commands.stop:
                return last
            if self.commands.pause:
                self.hooks.paused()
                if self.commands.stop:
                    continue
            self.hooks.boundary()
            self.hooks.step(self.one_step(step + 1))

    @property
    def over(self) -> bool:
        """Whether the run is at its end: all steps are done, or its time limit is reached."""
        train, progress = self.config.train, self.progress
        late = bool(train.minutes) and progress.seconds >= 60 * train.minutes
        return late or progress.step >= train.steps

    @property
    def steps_per_epoch(self) -> float:
        """Optimizer steps in which every image comes as often as it should."""
        return self.plan.batches_per_epoch / self.config.train.gradient_accumulation

    def one_step(self, step: int) -> StepFacts:
        """One optimizer step; returns loss, rate and speed. NaN stops before anything changes."""
        started = time.perf_counter()
        train = self.config.train
        self._whole()
        self.trainable.begin_step(step, train.steps)
        rate = set_factor(self.optimizer, rate_factor(step, train))
        try:
            own, prior, length = self._computed(step)
        except NotFiniteError as error:
            self.update.discard()
            raise non_finite(
                step, rate, error.loss, self.base.dtype, self.progress.step, self.update.torn
            ) from None
        self.update.apply()
        self.trainable.after_step()
        if self.ema:
            self.ema.update(step)
        value = own + prior
        self._advance(step, value, time.perf_counter() - started)
        return StepFacts(
            step=step,
            loss=value,
            smoothed=self.progress.smoothed_loss,
            lr=rate,
            norm=length,
            epoch=self.plan.epoch(step * train.gradient_accumulation - 1),
            prior=prior if self.prior else None,
        )

    def _computed(self, step: int) -> tuple[float, float, float]:
        """Losses on own and class images, the gradients' norm. NotFiniteError if one is NaN or infinite."""
        train = self.config.train
        terms = torch.zeros(2, device=self.base.device)  # own images, class images
        self.update.begin(step)
        # dropout draws from the global generator: give it this step's own, then put it back
        with (
            torch.random.fork_rng(self.devices),
            self.trainable.attached(training=True),
            checkpointing(self.base.denoiser, train.gradient_checkpointing),
            attention(self.base.denoiser, self.attention),
        ):
            torch.manual_seed(derived_seed(self.config.seed, "layers", step, *self._own_key))
            for part in range(train.gradient_accumulation):
                number = (step - 1) * train.gradient_accumulation + part
                for place, loss in enumerate(self.losses(number, step)):
                    loss = loss / train.gradient_accumulation
                    if self.trainable.learns_by_denoising:
                        last = part == train.gradient_accumulation - 1 and place == self.preserves
                        self.update.backward(loss, last)
                    terms[place] += loss.detach()
        self.group.average(self.parameters, terms)
        # the step's only host sync, where all gradients are there at once
        own, prior, length = torch.cat([terms, self.update.norm().to(terms).view(1)]).tolist()
        if not (abs(own + prior) < float("inf") and length < float("inf")):
            raise NotFiniteError(own + prior)
        return own, prior, length

    def losses(self, number: int, step: int) -> Iterator[Tensor]:
        """The terms whose sum a batch minimises, one at a time: only one graph is alive.

        Prior preservation (Ruiz et al. 2022): mean over own images + weight · mean over class ones.
        """
        yield self.batch_loss(number, step)
        if self.preserves:
            yield self.config.prior.weight * self.prior_loss(number, step)

    @property
    def preserves(self) -> bool:
        """Whether a batch has a second loss, on class images."""
        return bool(self.prior and self.config.prior.weight and self.trainable.learns_by_denoising)

    def batch_loss(self, number: int, step: int) -> Tensor:
        """The loss on own images of batch `number`, with what the method adds."""
        numbers = self.group.part(self.plan.batch(number))
        items = [self.items[index] for index in numbers]
        if not self.trainable.learns_by_denoising:
            return self.batches.own_loss(items, numbers)
        seed = self.config.seed
        captions = [
            self.trainable.caption(item_caption(item, self.config.data, seed, step, key))
            for item, key in zip(items, self._keys(number), strict=True)
        ]
        batch = self.batches.of(items, captions)
        loss = self.objective.loss(batch, seed, step, self._keys(number))
        extra = self.trainable.extra_loss()
        return loss if extra is None else loss + extra

    def prior_loss(self, number: int, step: int) -> Tensor:
        """The loss on class images of batch `number`; their captions have no trigger, so no template."""
        items = [self.prior[index] for index in self.group.part(self.prior_plan.batch(number))]
        plain = self.config.data.model_copy(update={"template": []})
        captions = [
            training_caption(item.caption, plain, self.prior_seed, step, key)
            for item, key in zip(items, self._keys(number), strict=True)
        ]
        batch = self.batches.of(items, captions)
        return self.objective.loss(batch, self.prior_seed, step, self._keys(number))

    def _keys(self, number: int) -> Sequence[int]:
        """The places of batch `number` in the run: every random draw of an item depends on its own."""
        return self.group.part(range(number * self.batch, (number + 1) * self.batch))

    @property
    def _own_key(self) -> tuple[int, ...]:
        """Dropout is another one in every process; in one alone it is what it always was."""
        return (self.group.rank,) if self.group.count > 1 else ()

    def averaged(self) -> AbstractContextManager[None]:
        """Inside, what is trained shows its moving average, where one is kept."""
        return self.batches.averaged(self.ema) if self.ema else nullcontext()

    def state(self) -> dict[str, Tensor]:
        """Everything of the trainable and its average that a resumed run needs."""
        self._whole()
        return {**self.trainable.state(), **(self.ema.state() if self.ema else {})}

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Puts back what `state` gave."""
        self.trainable.load_state(state)
        if self.ema:
            self.ema.load_state(state)

    def _whole(self) -> None:
        """Raises TrainingError where a step was broken off halfway: nothing may come of it."""
        if self.update.torn:
            raise half_stepped(self.progress.step + 1)

    def _advance(self, step: int, loss: float, seconds: float) -> None:
        progress = self.progress
        progress.step = step
        progress.seconds += seconds
        before = loss if progress.smoothed_loss is None else progress.smoothed_loss
        weight = min(SMOOTHING, (step - 1) / step)  # a plain mean at first, then exponential
        progress.smoothed_loss = weight * before + (1 - weight) * loss
