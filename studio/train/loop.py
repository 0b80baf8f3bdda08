"""The training loop: probe → sample → save → stop? → one step → log.

Owns: the order of things in a run, one optimizer step, commands between steps.
Refuses to know: methods and families by name, files' formats, who watches.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn import functional

from studio.config import RunConfig
from studio.errors import NonFiniteError
from studio.families.base import Base, Conditioning
from studio.methods.base import Trainable
from studio.train.cache import LatentCache, TextCache
from studio.train.data import Item, Plan, training_caption
from studio.train.noise import (
    NoiseSchedule,
    derived_seed,
    gaussian,
    learning_rate_factor,
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

    def __post_init__(self) -> None:
        base, config = self.base, self.config
        self.schedule = NoiseSchedule(base.scheduler_config, base.prediction_type).to(base.device)
        self.plan = Plan(self.items, config.train.batch_size, config.seed)
        self.optimizer = make_optimizer(config.train.optimizer, self.trainable.groups)
        self.parameters = [tensor for group in self.trainable.groups for tensor in group.parameters]
        self.texts = TextCache(base)
        self.devices = [base.device] if base.device.type == "cuda" else []
        self.probe = Probe(self)

    def run(self) -> bool:
        """Trains; True when all steps are done, False when stopped. Saves in both cases."""
        config, progress = self.config, self.progress
        resumed_at = progress.step if progress.step else None
        while True:
            step = progress.step
            last = step >= config.train.steps
            if step != resumed_at:  # what was due at a resumed step was done before
                if config.probe.every and (last or step % config.probe.every == 0):
                    self.hooks.probe(step, *self.probe.measure())
                if self.commands.sample or _due(step, config.sample.every, last):
                    self.commands.sample = False
                    self.hooks.sample(step)
                saving = step and (self.commands.save or _due(step, config.save.every, last))
                if saving or (self.commands.stop and step):
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

    def one_step(self, step: int) -> dict[str, Any]:
        """One optimizer step; returns loss, rate and speed. NaN stops before anything changes."""
        started = time.perf_counter()
        train = self.config.train
        self.trainable.begin_step(step, train.steps)
        rate = set_factor(
            self.optimizer, learning_rate_factor(step, train.steps, train.schedule, train.warmup)
        )
        total = torch.zeros((), device=self.base.device)
        # dropout draws from the global generator: give it this step's own, then put it back
        with (
            torch.random.fork_rng(self.devices),
            self.trainable.attached(training=True),
            _checkpointing(self.base.unet, train.gradient_checkpointing),
        ):
            torch.manual_seed(derived_seed(self.config.seed, "layers", step))
            for part in range(train.gradient_accumulation):
                number = (step - 1) * train.gradient_accumulation + part
                loss = self.batch_loss(number, step) / train.gradient_accumulation
                loss.backward()
                total += loss.detach()
        norm = torch.nn.utils.clip_grad_norm_(
            self.parameters, train.max_gradient_norm or float("inf")
        )
        value, length = torch.stack([total, norm.to(total)]).tolist()  # the step's only host sync
        if not (abs(value) < float("inf") and length < float("inf")):
            self.optimizer.zero_grad(set_to_none=True)
            raise _non_finite(step, rate, value, str(self.base.dtype), self.progress)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.trainable.after_step()
        self._advance(step, value, time.perf_counter() - started)
        return {
            "step": step,
            "loss": value,
            "smoothed": self.progress.smoothed_loss,
            "lr": rate,
            "norm": length,
            "epoch": self.plan.epoch(step * train.gradient_accumulation - 1),
        }

    def batch_loss(self, number: int, step: int) -> Tensor:
        """The training loss of batch `number`: weighted mean over items of the squared error."""
        config = self.config
        indices = self.plan.batch(number)
        items = [self.items[index] for index in indices]
        keys = [number * config.train.batch_size + place for place in range(len(indices))]
        moments = self.latents.get(items)
        shape = (self.base.latent_channels, *moments.shape[2:])
        posterior = [gaussian(shape, config.seed, "posterior", step, key) for key in keys]
        latents = self.base.sample_latents(moments, torch.stack(posterior).to(moments))
        noise = torch.stack(
            [
                training_noise(shape, config.seed, step, key, config.loss.noise_offset)
                for key in keys
            ]
        ).to(moments)
        drawn = [training_timestep(config.seed, step, key, self.schedule.count) for key in keys]
        timesteps = torch.tensor(drawn, device=self.base.device)
        captions = [
            self.trainable.caption(
                training_caption(item.caption, config.data, config.seed, step, key)
            )
            for item, key in zip(items, keys, strict=True)
        ]
        error = self.squared_error(latents, noise, timesteps, self.text(captions), items[0].bucket)
        if config.loss.min_snr_gamma:
            error = error * self.schedule.min_snr_weight(timesteps, config.loss.min_snr_gamma)
        loss = error.mean()
        extra = self.trainable.extra_loss()
        return loss if extra is None else loss + extra

    def text(self, captions: list[str]) -> Conditioning:
        """Conditioning of captions, cached unless the text side learns."""
        return (
            self.base.encode(captions) if self.trainable.trains_text else self.texts.get(captions)
        )

    def squared_error(
        self,
        latents: Tensor,
        noise: Tensor,
        timesteps: Tensor,
        conditioning: Conditioning,
        bucket: tuple[int, int],
    ) -> Tensor:
        """Mean squared error per item [B] between prediction and target, fp32."""
        noisy = self.schedule.add(latents, noise, timesteps)
        width, height = bucket
        prediction = self.base.denoise(
            noisy.to(self.base.dtype), timesteps, conditioning, (height, width)
        )
        target = self.schedule.target(latents, noise, timesteps)
        return functional.mse_loss(prediction.float(), target, reduction="none").mean((1, 2, 3))

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


def _due(step: int, every: int, last: bool) -> bool:
    """The baseline at step 0, every `every` steps, and the last step; never when `every` is 0."""
    return last or (every > 0 and step % every == 0)


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
