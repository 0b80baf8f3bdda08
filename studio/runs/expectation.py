"""What a run will take before anything of it is measured: time, memory, disk.

Owns: scaling what earlier runs took to other settings, and a rough guess where none has run. Refuses
to know: torch; `estimate` measures the run itself on a few of its steps.

A step's time is taken as proportional to the pixels it sees; the guess for a machine without any run
as proportional to the weights too. Both leave out what does not grow with them, so they are for an
order of magnitude, and the page says what they come from.
"""

from __future__ import annotations

import math
import os
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from studio import methods
from studio.core.device import has_gpu_driver
from studio.core.errors import StudioError
from studio.core.record import Record
from studio.families.detect import BaseInfo
from studio.runs import class_cache
from studio.runs.history import main_file_size
from studio.runs.records import RunState
from studio.settings.training import RunConfig

MOST_RUNS = 3  # the newest that are alike
# SD 1.5 with a LoRA at 256 px, 2.8 s a step on one thread (docs/performance.md), per GB of weights
# and megapixel; a GPU does about as much as a hundred threads.
CPU_SECONDS, OVERHEAD, GPU = 20.0, 0.1, 100
WHOLE_MODEL_TIME = 3  # of a LoRA's (docs/performance.md, “LoRA against full fine-tuning”)
FORWARD = 1 / 3  # of a step: the backward pass costs twice as much
ADAPTER_SHARE = 0.02  # of the base's bytes: what a usual adapter trains
STATES = 3  # in a checkpoint: the weights and two moments
USUAL_SIDE = 512  # pixels, of a base that does not say it
BYTES_PER_PIXEL = 1.5  # of a PNG

Config = Callable[[str], RunConfig]
Seen = tuple[RunState, RunConfig]
Source = Literal["runs", "other runs", "guess"]


class Expectation(Record):
    """What a run will take, roughly."""

    source: Source
    """Runs of this method on this base, others scaled to it, or nothing but the machine."""
    runs: int
    """How many runs it comes from."""
    seconds: float
    """All steps; samples and checkpoints come on top."""
    memory: int
    """Bytes."""
    disk: int
    """Bytes in the workspace, checkpoints included."""
    class_images: int
    """To be generated first, once."""
    class_seconds: float


def expect(
    config: RunConfig, base: BaseInfo, states: Sequence[RunState], config_of: Config, cache: Path
) -> Expectation:
    """For a complete configuration; `states` are all runs, `config_of` reads the settings of one."""
    source, seen = _alike(config, states, config_of)
    scaled = [
        state.seconds / state.step * _pixels(config, base) / _pixels(other, base)
        for state, other in seen
        if state.seconds
    ]
    step = statistics.median(scaled) if scaled else _guessed_step(config, base)
    missing = class_cache.missing(config.prior, cache)
    one_image = image_seconds(config, base, step, class_cache.STEPS)
    same = [state for state, _ in seen] if source == "runs" else []
    return Expectation(
        source=source,
        runs=len(seen),
        seconds=round(step * config.train.steps, 1),
        memory=_memory(config, base, seen if source == "runs" else []),
        disk=_disk(config, base, same, missing),
        class_images=missing,
        class_seconds=round(missing * one_image, 1),
    )


def image_seconds(config: RunConfig, base: BaseInfo, step: float, sampling_steps: int) -> float:
    """Seconds to generate one image of the base's own size, where a training step takes `step`."""
    side = base.native_size or config.data.resolution or USUAL_SIDE
    denoisings = sampling_steps * 2  # with and without the prompt
    return denoisings * FORWARD * step / _pixels(config, base) * side**2


def _pixels(config: RunConfig, base: BaseInfo) -> float:
    """Pixels that a step sees; an old run's settings may leave the size to the base."""
    train = config.train
    count = train.batch_size * train.gradient_accumulation * (2 if config.prior.weight else 1)
    return float(count * (config.data.resolution or base.native_size or USUAL_SIDE) ** 2)


def _alike(
    config: RunConfig, states: Sequence[RunState], config_of: Config
) -> tuple[Source, list[Seen]]:
    """The newest runs of the method on the base, or else of methods with a like product on it."""
    trained = [
        state for state in states if state.step and state.seconds and state.base == config.base
    ]
    product = methods.find(config.method).product
    alike = {name for name, method in methods.METHODS.items() if method.product == product}
    places: list[tuple[Source, set[str]]] = [("runs", {config.method}), ("other runs", alike)]
    for source, names in places:
        newest = [state for state in trained if state.method in names][:MOST_RUNS]
        seen = [(state, found) for state in newest if (found := _read(state, config_of))]
        if seen:
            return source, seen
    return "guess", []


def _read(state: RunState, config_of: Config) -> RunConfig | None:
    """A run's settings; None where they cannot be read: it says nothing here."""
    try:
        return config_of(state.run)
    except StudioError:
        return None


def _guessed_step(config: RunConfig, base: BaseInfo) -> float:
    gpu = config.device.startswith("cuda") or (config.device == "auto" and has_gpu_driver())
    threads = GPU if gpu else os.cpu_count() or 1
    whole = methods.find(config.method).product == "model"
    work = CPU_SECONDS * base.size_bytes / 1e9 * _pixels(config, base) / 1e6
    return OVERHEAD + work * (WHOLE_MODEL_TIME if whole else 1) / threads


def _memory(config: RunConfig, base: BaseInfo, seen: Sequence[Seen]) -> int:
    per_parameter = methods.find(config.method).bytes_per_parameter
    kept = per_parameter(config)
    peaks = [
        state.peak_memory
        for state, other in seen
        if state.peak_memory and per_parameter(other) == kept  # others say nothing about this one
    ]
    if peaks:
        return max(peaks)
    # the base, and beside it what is kept of a model that is taken to have fp32 weights
    held = base.size_bytes * (1.3 if kept is None else 1 + kept / 4)
    return round(held + 800 * _pixels(config, base) / config.train.gradient_accumulation + 5e8)


def _disk(config: RunConfig, base: BaseInfo, seen: Sequence[RunState], class_images: int) -> int:
    whole = methods.find(config.method).product == "model"
    trained = next((sum(state.trained.values()) * 4 for state in seen if state.trained), None)
    if trained is None:
        trained = round(base.size_bytes * (1 if whole else ADAPTER_SHARE))
    product = next((size for state in seen if (size := main_file_size(state))), None)
    if product is None:
        product = base.size_bytes * 2 if whole else trained
    pixels = class_images * (base.native_size or USUAL_SIDE) ** 2
    checkpoints = _checkpoints(config) * STATES * trained
    return round(checkpoints + product + BYTES_PER_PIXEL * pixels)


def _checkpoints(config: RunConfig) -> int:
    """How many lie on the disk at the same time: one more than are kept, for the moment in which the
    newest replaces the oldest, but no more than are saved at all."""
    every = config.save.every
    most = config.save.keep + 1
    if not every:
        return 1
    return (
        min(most, math.ceil(config.train.steps / every.amount)) if every.unit == "steps" else most
    )
