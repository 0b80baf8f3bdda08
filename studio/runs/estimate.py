"""How long and how large a run will be, measured on its own first steps.

Owns: a few throw-away steps. Refuses to know: run folders; nothing is written but the cache.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass

from studio.core.device import peak_memory
from studio.runs import auto
from studio.runs.control import Control
from studio.runs.preparation import Preparation
from studio.runtime.runtime import Runtime
from studio.settings.training import RunConfig
from studio.train.data import bucket_table
from studio.train.loop import Hooks, Trainer
from studio.train.optim import optimizer_bytes

STEPS = 3


@dataclass(frozen=True)
class Estimate:
    """What a run will take."""

    seconds_per_step: float
    """Median of a few."""
    seconds: int
    """All steps; samples and checkpoints come on top."""
    peak_memory: int | None
    """Bytes."""
    trained: dict[str, int]
    """Group → trainable parameters."""
    buckets: list[dict[str, int]]
    kept: dict[str, int]
    """Bytes of what training adds to the base: weights, gradients (all that are there at once),
    optimizer, average."""
    auto: str = ""
    """What Auto chose and why; empty where nothing is left to it."""


def estimate(config: RunConfig, runtime: Runtime) -> Estimate:
    """Takes a few steps of a complete configuration, and throws them away."""
    settled = auto.decided(config, runtime) if auto.open_to(config) else None
    config = auto.applied(config, settled)
    made = Preparation(config, runtime)
    made.read()
    made.encode([], lambda done, total: None)
    # own images take the place of class images: a step costs the same, and none need be generated
    made.prior = made.items if config.prior.weight else []
    trainer = made.trainer(Control(), Hooks())
    seconds = []
    for step in range(1, STEPS + 1):
        started = time.perf_counter()
        trainer.one_step(step)
        seconds.append(time.perf_counter() - started)
    per_step = statistics.median(seconds)
    return Estimate(
        seconds_per_step=round(per_step, 3),
        seconds=round(per_step * config.train.steps),
        peak_memory=peak_memory(made.base.device),
        trained=made.trained,
        buckets=bucket_table(made.items),
        kept=kept(trainer),
        auto=settled.said if settled else "",
    )


def kept(trainer: Trainer) -> dict[str, int]:
    """Bytes of what training adds to the base, seen after a step."""
    weights = {id(t): t.nbytes for t in [*trainer.parameters, *trainer.trainable.leaves()]}
    averages = trainer.ema.averages if trainer.ema else []
    return {
        "weights": sum(weights.values()),
        "gradients": trainer.update.gradient_bytes,
        "optimizer": optimizer_bytes(trainer.optimizer),
        "average": sum(tensor.nbytes for tensor in averages),
    }
