"""The training loop: probe → sample → save → stop? → one step → log.

Owns: the order of things in a run, one optimizer step, commands between steps.
Refuses to know: methods and families by name, files' formats, who watches.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import torch
from torch import Tensor

from studio.core.errors import NonFiniteError
from studio.families.base import Base, Conditioning
from studio.methods.base import Trainable
from studio.settings.learning_rate import rate_factor
from studio.settings.training import RunConfig
from studio.train.attention import attention, usable_attention
from studio.train.cache import LatentCache, TextCache
from studio.train.data import Item, Plan, load_pixels, training_caption
from studio.train.ema import Ema
from studio.train.loss import item_errors, step_weights
from studio.train.noise import (
    NoiseSchedule,
    derived_seed,
    gaussian,
    training_noise,
    training_timestep,
)
from studio.train.optim import make_optimizer, set_factor
from studio.train.probe import Probe
from studio.train.state import Progress

SMOOTHING = 0.98


class Commands(Protocol):
    """What the outside wants; read at step boundaries, `save` and `sample` cleared when done."""

    pause: bool
    stop: bool
    save: bool
    sample: bool


@dataclass
class Hooks:
    """What the loop tells the outside. All are called on the trainer's thread, between steps."""

    step: Callable[[dict[str, Any]], None]
    probe: Callable[[int, float, float | None], None]
    sample: Callable[[int], None]
    save: Callable[[Progress], None]
    boundary: Callable[[], None]
    """Hands the device to whoever waits, and returns when training may go on."""
    paused: Callable[[], None]
    """Called when a pause begins; returns when it ends or a stop is wanted."""


@dataclass
class Trainer:
    """One run: base, trainable, pictures. `run` goes on from `progress` to the end or a stop."""

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
    """Class pictures for prior preservation; used when `config.prior.weight` is not 0."""

    def __post_init__(self) -> None:
        base, config = self.base, self.config
        self.schedule = NoiseSchedule(
            base.scheduler_config, base.prediction_type, config.loss.zero_terminal_snr
        ).to(base.device)
        self.plan = Plan(self.items, config.train.batch_size, config.seed)
        self.optimizer = make_optimizer(config.train.optimizer, self.trainable.groups)
        self.parameters = [tensor for group in self.trainable.groups for tensor in group.parameters]
        self.ema = Ema(self.parameters, config.train.ema) if config.train.ema else None
        self.prior_seed = derived_seed(config.seed, "prior")
        self.prior_plan = Plan(self.prior, config.train.batch_size, self.prior_seed)
        self.texts = TextCache(base)
        self.devices = [base.device] if base.device.type == "cuda" else []
        self.probe = Probe(self)
        self.attention = usable_attention(config.train.attention, base.device)

    def run(self) -> bool:
        """Trains; True when all steps are done, False when stopped. Saves in both cases."""
        config, progress = self.config, self.progress
        resumed_at = progress.step if progress.step else None
        before = progress.seconds
        while True:
            step = progress.step
            last = step >= config.train.steps
            probing, sampling, saving = (
                last or part.every.due(step, self.steps_per_epoch, before, progress.seconds)
                for part in (config.probe, config.sample, config.save)
            )
            before = progress.seconds
            if step != resumed_at:  # what was due at a resumed step was done before
                if config.probe.every and probing:
                    with self.averaged():
                        self.hooks.probe(step, *self.probe.measure())
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
    def steps_per_epoch(self) -> float:
        """Optimizer steps in which every picture comes as often as it should."""
        return self.plan.batches_per_epoch / self.config.train.gradient_accumulation

    def one_step(self, step: int) -> dict[str, Any]:
        """One optimizer step; returns loss, rate and speed. NaN stops before anything changes."""
        started = time.perf_counter()
        train = self.config.train
        self.trainable.begin_step(step, train.steps)
        rate = set_factor(self.optimizer, rate_factor(step, train))
        terms = torch.zeros(2, device=self.base.device)  # own pictures, class pictures
        # dropout draws from the global generator: give it this step's own, then put it back
        with (
            torch.random.fork_rng(self.devices),
            self.trainable.attached(training=True),
            _checkpointing(self.base.denoiser, train.gradient_checkpointing),
            attention(self.base.denoiser, self.attention),
        ):
            torch.manual_seed(derived_seed(self.config.seed, "layers", step))
            for part in range(train.gradient_accumulation):
                number = (step - 1) * train.gradient_accumulation + part
                for place, loss in enumerate(self.losses(number, step)):
                    loss = loss / train.gradient_accumulation
                    if self.trainable.learns_by_denoising:
                        loss.backward()
                    terms[place] += loss.detach()
        norm = torch.nn.utils.clip_grad_norm_(
            self.parameters, train.max_gradient_norm or float("inf")
        )
        # the step's only host sync
        own, prior, length = torch.cat([terms, norm.to(terms).view(1)]).tolist()
        value = own + prior
        if not (abs(value) < float("inf") and length < float("inf")):
            self.optimizer.zero_grad(set_to_none=True)
            raise _non_finite(step, rate, value, str(self.base.dtype), self.progress)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.trainable.after_step()
        if self.ema:
            self.ema.update(step)
        self._advance(step, value, time.perf_counter() - started)
        return {
            "step": step,
            "loss": value,
            "smoothed": self.progress.smoothed_loss,
            "lr": rate,
            "norm": length,
            "epoch": self.plan.epoch(step * train.gradient_accumulation - 1),
            **({"prior": prior} if self.prior else {}),
        }

    def losses(self, number: int, step: int) -> Iterator[Tensor]:
        """The terms whose sum a batch minimises, one at a time: only one graph is alive.

        Prior preservation (Ruiz et al. 2022): mean over own pictures + weight · mean over class ones.
        """
        yield self.batch_loss(number, step)
        if self.prior and self.config.prior.weight and self.trainable.learns_by_denoising:
            yield self.config.prior.weight * self.prior_loss(number, step)

    def batch_loss(self, number: int, step: int) -> Tensor:
        """The loss on own pictures of batch `number`, with what the method adds."""
        numbers = self.plan.batch(number)
        items = [self.items[index] for index in numbers]
        if not self.trainable.learns_by_denoising:
            return self.own_loss(items, numbers)
        seed = self.config.seed
        captions = [
            self.trainable.caption(
                training_caption(item.caption, self.config.data, seed, step, key, item.name)
            )
            for item, key in zip(items, self._keys(number), strict=True)
        ]
        loss = self._denoising_loss(items, captions, number, step, seed)
        extra = self.trainable.extra_loss()
        return loss if extra is None else loss + extra

    def own_loss(self, items: list[Item], numbers: list[int] | None) -> Tensor:
        """The loss of a method that does not denoise; without `numbers` it is only measured."""
        pictures = [load_pixels(item) for item in items]
        return self.trainable.own_loss(pictures, numbers, [item.repeats for item in items])

    def prior_loss(self, number: int, step: int) -> Tensor:
        """The loss on class pictures of batch `number`; their captions stay without the trigger,
        so also without the template."""
        items = [self.prior[index] for index in self.prior_plan.batch(number)]
        plain = self.config.data.model_copy(update={"template": []})
        captions = [
            training_caption(item.caption, plain, self.prior_seed, step, key)
            for item, key in zip(items, self._keys(number), strict=True)
        ]
        return self._denoising_loss(items, captions, number, step, self.prior_seed)

    def _keys(self, number: int) -> range:
        """The places of batch `number` in the run: every random draw of an item depends on its own."""
        size = self.config.train.batch_size
        return range(number * size, (number + 1) * size)

    def _denoising_loss(
        self, items: list[Item], captions: list[str], number: int, step: int, seed: int
    ) -> Tensor:
        """Weighted mean over items of their errors."""
        what, keys = self.config.loss, self._keys(number)
        moments = self.latents.get(items)
        shape = (self.base.latent_channels, *moments.shape[2:])
        posterior = [gaussian(shape, seed, "posterior", step, key) for key in keys]
        latents = self.base.sample_latents(moments, torch.stack(posterior).to(moments))
        noise = torch.stack(
            [
                training_noise(shape, seed, step, key, what.noise_offset, what.pyramid_noise)
                for key in keys
            ]
        ).to(moments)
        seen = noise
        if what.input_perturbation:  # Ning et al. 2023, eq. 9: the target stays the plain noise
            extra = [gaussian(shape, seed, "perturbation", step, key) for key in keys]
            seen = noise + what.input_perturbation * torch.stack(extra).to(moments)
        which = (self.schedule.count, what.timestep_from, what.timestep_to, what.timestep_bias)
        drawn = [training_timestep(seed, step, key, *which) for key in keys]
        timesteps = torch.tensor(drawn, device=self.base.device)
        conditioning = self.text(captions)
        if items[0].corner is not None:
            corners = torch.tensor([item.corner for item in items], device=self.base.device)
            conditioning = replace(conditioning, corner=corners)
        noisy = self.schedule.add(latents, seen, timesteps)
        prediction = self.predict(noisy, timesteps, conditioning, items[0].bucket)
        target = self.schedule.target(latents, noise, timesteps)
        error = item_errors(
            prediction, target, timesteps, self.schedule, what, self.place_weights(items)
        )
        weights = step_weights(timesteps, self.schedule, what)
        return (error if weights is None else error * weights).mean()

    def averaged(self) -> AbstractContextManager[None]:
        """Inside, what is trained shows its moving average, where one is kept."""
        return self.ema.shown() if self.ema else nullcontext()

    def state(self) -> dict[str, Tensor]:
        """Everything of the trainable and its average that a resumed run needs."""
        return {**self.trainable.state(), **(self.ema.state() if self.ema else {})}

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Puts back what `state` gave."""
        self.trainable.load_state(state)
        if self.ema:
            self.ema.load_state(state)

    def text(self, captions: list[str]) -> Conditioning:
        """Conditioning of captions, cached unless the text side learns."""
        return (
            self.base.encode(captions) if self.trainable.trains_text else self.texts.get(captions)
        )

    def place_weights(self, items: list[Item]) -> Tensor | None:
        """Weights [B, 1, h, w] of places by the items' masks, or None when none has a mask."""
        masks, rest = self.latents.masks(items), self.config.data.mask_rest
        return None if masks is None else rest + (1 - rest) * masks

    def predict(
        self,
        noisy: Tensor,
        timesteps: Tensor,
        conditioning: Conditioning,
        bucket: tuple[int, int],
    ) -> Tensor:
        """The network's prediction [B, C, h, w] for noisy latents of one bucket."""
        width, height = bucket
        return self.base.denoise(
            noisy.to(self.base.dtype), timesteps, conditioning, (height, width)
        )

    def _advance(self, step: int, loss: float, seconds: float) -> None:
        progress = self.progress
        progress.step = step
        progress.seconds += seconds
        before = loss if progress.smoothed_loss is None else progress.smoothed_loss
        weight = min(SMOOTHING, (step - 1) / step)  # a plain mean at first, then exponential
        progress.smoothed_loss = weight * before + (1 - weight) * loss


@contextmanager
def _checkpointing(unet: Any, wanted: bool) -> Iterator[None]:
    """Inside, activations are recomputed in the backward pass instead of being kept."""
    if wanted:
        unet.enable_gradient_checkpointing()
    try:
        yield
    finally:
        if wanted:
            unet.disable_gradient_checkpointing()


def _non_finite(
    step: int, rate: float, loss: float, dtype: str, progress: Progress
) -> NonFiniteError:
    precision = dtype.removeprefix("torch.")
    cause = (
        "fp16 overflows easily; bf16 or fp32 does not."
        if precision == "float16"
        else "The learning rate is probably too high."
    )
    return NonFiniteError(
        f"The loss became {'NaN' if loss != loss else 'infinite or its gradient did'} at step {step}",
        where=f"learning rate {rate:g}, precision {precision}",
        why=cause,
        remedy="Lower the learning rate to a third, then resume from the last checkpoint.",
        safe=f"The step was not taken; everything up to step {progress.step} is unharmed.",
    )
