"""How long and how large a run will be, measured on its own first steps.

Owns: a few throw-away steps. Refuses to know: run folders; nothing is written but the cache.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass

from studio import methods
from studio.core.device import peak_memory, reset_peak_memory
from studio.core.names import path_of
from studio.library.image_checks import checked_dataset
from studio.runs.control import Control
from studio.runtime.runtime import Runtime
from studio.settings.training import RunConfig
from studio.train.cache import LatentCache
from studio.train.data import bucket_table, read_items
from studio.train.loop import Hooks, Trainer

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


def estimate(config: RunConfig, runtime: Runtime) -> Estimate:
    """Takes a few steps of a complete configuration, and throws them away."""
    base = runtime.base(config.base, config.device, config.precision)
    reset_peak_memory(base.device)
    library = runtime.library
    info = checked_dataset(path_of(config.data.folder), library.images)
    resolution = config.data.resolution or base.native_size
    items = read_items(info, config.data, resolution, base.size_multiple)
    latents = LatentCache(base, library.workspace.cache)
    broken = latents.fill(items, lambda done, total: None)
    items = [item for item in items if item.path not in broken]
    trainable = methods.find(config.method).prepare(base, config, config.data.trigger)
    # own images take the place of class images: a step costs the same, and none need be generated
    prior = items if config.prior.weight else []
    trainer = Trainer(base, trainable, config, items, [], latents, Control(), Hooks(), prior=prior)
    seconds = []
    for step in range(1, STEPS + 1):
        started = time.perf_counter()
        trainer.one_step(step)
        seconds.append(time.perf_counter() - started)
    per_step = statistics.median(seconds)
    return Estimate(
        seconds_per_step=round(per_step, 3),
        seconds=round(per_step * config.train.steps),
        peak_memory=peak_memory(base.device),
        trained={g.name: sum(t.numel() for t in g.parameters) for g in trainable.groups},
        buckets=bucket_table(items),
    )
