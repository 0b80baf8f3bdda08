"""What Auto has decided: for one run, kept in its folder; for a machine, kept in the workspace's cache.

Owns: the two records, when something is measured, how a run's settings look with it. Refuses to know: how
it is measured and decided (`studio.train`), how it reads (`auto_words`). Imports torch only to measure.

A run keeps what it began with: whoever continues, tests or writes it reads `auto.json` in its folder, and
nothing is measured again. A run from before there was Auto has no such file and computes as it did then.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING

from studio import methods
from studio.core import atomic
from studio.core.device import has_gpu_driver, processor_name
from studio.core.errors import FileError, StorageError, StudioError
from studio.core.record import Filed, readable
from studio.core.text import read_json
from studio.families.detect import BaseInfo
from studio.families.shape import denoiser_shape
from studio.runs.auto_words import FAILED, SHORT, UNKNOWN, sentence
from studio.settings.training import RunConfig
from studio.train.auto import Asked, Calibration, Choice, decide

if TYPE_CHECKING:
    from studio.runs.durable import Durable
    from studio.runtime.runtime import Runtime

log = logging.getLogger(__name__)

FILE = "auto.json"
REMEMBERED = "auto.json"  # in the cache
MOST = 40  # calibrations that are remembered


class Settled(Filed):
    """What a run computes with where its settings say `auto`; what is None stays as it is."""

    choice: Choice | None = None
    said: str = ""
    """The reason, as it was told."""
    key: str = ""


class Remembered(Filed):
    """What was measured on this machine, the newest first."""

    calibrations: tuple[Calibration, ...] = ()

    @classmethod
    def read(cls, value: object) -> Remembered:
        rows = value.get("calibrations") if isinstance(value, dict) else None
        found = super().read({**value, "calibrations": ()} if isinstance(value, dict) else value)
        return found.changed(
            calibrations=tuple(readable(Calibration, rows if isinstance(rows, list) else ()))
        )


def open_to(config: RunConfig) -> bool:
    """Whether a configuration leaves anything to Auto that is worth measuring."""
    train = config.train
    left = (config.precision, train.attention, train.channels_last)
    whole = train.processes == 1 and not config.memory.touches_base
    return "auto" in left and methods.find(config.method).optimized and whole


def asked_of(config: RunConfig) -> Asked:
    """What a configuration says itself."""
    train = config.train
    given = Asked(
        batch=train.batch_size,
        resolution=config.data.resolution,
        split=train.split_batch == "auto" and not config.options.get("fused_backward"),
    )
    fixed: dict[str, object] = {}
    if config.precision != "auto":
        fixed["precision"] = config.precision
    if train.attention != "auto":
        fixed["attention"] = train.attention
    if train.channels_last != "auto":
        fixed["channels_last"] = train.channels_last == "on"
    if train.gradient_checkpointing != "auto":
        fixed["checkpointing"] = train.gradient_checkpointing == "on"
    return given.changed(**fixed)


def applied(config: RunConfig, settled: Settled | None) -> RunConfig:
    """The settings with what Auto has decided in place of every `auto`."""
    choice = settled.choice if settled else None
    if choice is None:
        return config
    train, way = config.train, choice.way
    changes: dict[str, object] = {}
    if train.attention == "auto":
        changes["attention"] = way.attention
    if train.channels_last == "auto":
        changes["channels_last"] = "on" if way.channels_last else "off"
    if train.gradient_checkpointing == "auto":
        changes["gradient_checkpointing"] = "on" if choice.checkpointing else "off"
    if choice.parts > 1 and not train.batch_size % choice.parts:
        changes["batch_size"] = train.batch_size // choice.parts
        changes["gradient_accumulation"] = train.gradient_accumulation * choice.parts
    precision = way.precision if config.precision == "auto" else config.precision
    return config.model_copy(
        update={"precision": precision, "train": train.model_copy(update=changes)}
    )


def as_trained(folder: Path, config: RunConfig) -> RunConfig:
    """A run's settings as it computes: with what was decided when it began."""
    return applied(config, of_run(folder))


def of_run(folder: Path) -> Settled | None:
    """What a run has begun with; None where nothing was decided. Raises FileError where that cannot be
    read: the run would go on otherwise than it began."""
    try:
        return Settled.read(read_json(folder / FILE))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise FileError(
            "What this run computes with cannot be read",
            where=folder / FILE,
            why="Auto decided it when the run began, and it is kept there.",
            remedy="Put the file back, or start a new run with the same settings.",
        ) from error


def settle(disk: Durable, config: RunConfig, runtime: Runtime) -> RunConfig:
    """The settings that a run computes with: decided, kept and told once, before its first step.

    Nothing is measured here: a run computes as usual until somebody has asked for a measurement
    (`estimate`). Nothing is decided for a run that has begun without.
    """
    folder, state = disk.run.folder, disk.run.state
    settled = of_run(folder)
    if settled is None and not (state.step or state.last_checkpoint) and open_to(config):
        settled = decided(config, runtime, measure=False)
        table = settled.as_json()
        disk.do(lambda: atomic.write_json(folder / FILE, table))
        if settled.choice is not None:
            disk.say("info", settled.said)
    return applied(config, settled)


def decided(config: RunConfig, runtime: Runtime, measure: bool = True) -> Settled:
    """What Auto decides for a complete configuration, from what is remembered, or measured where it may.

    The caller has the device's turn. That it cannot be measured is no error: then everything is as usual.
    """
    from studio.core.device import device_facts, free_memory, pick_device
    from studio.train import calibration

    cache, info = runtime.library.workspace.cache, runtime.library.base(config.base)
    key = key_of(config, info.path, info.family or "") if info.path.exists() else ""
    found = remembered(cache, key)
    try:
        place = pick_device(config.device)
        memory = free_memory(place)
        if found is None or found.device != str(device_facts(place)["name"]):
            if not measure:
                return Settled(said=UNKNOWN, key=key)
            base = runtime.base(config.base, config.device, config.precision)
            key = key or key_of(config, base.path, base.family.architecture.name)
            found = calibration.calibrate(base, config, asked_of(config), key)
            memory = calibration.memory_at_hand(base)
            remember(cache, found)
        choice = decide(found, asked_of(config), memory)
    except calibration.ShortRun as short:
        return Settled(said=SHORT.format(max(1, round(short.seconds))), key=key)
    except StudioError:
        raise  # the base or the device: the run itself would say the same
    except Exception:  # measuring is a help; a run must not fail for it
        log.warning("what computes fastest could not be measured", exc_info=True)
        return Settled(said=FAILED, key=key)
    return Settled(choice=choice, said=sentence(found, choice) if choice else UNKNOWN, key=key)


def key_of(config: RunConfig, path: Path, family: str) -> str:
    """What must be the same for a measurement to hold; empty where the base does not tell its shape."""
    shape = denoiser_shape(path, family)
    gpu = config.device.startswith("cuda") or (config.device == "auto" and has_gpu_driver())
    try:
        torch = importlib.metadata.version("torch")
    except importlib.metadata.PackageNotFoundError:
        return ""
    where = config.device if gpu else f"{processor_name()}, threads: {_threads()}"
    parts = [where, f"torch {torch}", shape, config.method, f"{config.data.resolution} px"]
    return " · ".join([*parts, config.precision]) if shape else ""


def _threads() -> str:
    """As torch will count them, known without it."""
    if given := os.environ.get("OMP_NUM_THREADS"):
        return given
    with contextlib.suppress(AttributeError):  # there is no affinity on every system
        return str(len(os.sched_getaffinity(0)))
    return str(os.cpu_count())


def remembered(cache: Path, key: str) -> Calibration | None:
    """The newest measurement for a key."""
    rows = _read(cache).calibrations if key else ()
    return next((row for row in rows if row.key == key), None)


def remember(cache: Path, found: Calibration) -> None:
    """Keeps a measurement for later runs; a disk that is full keeps none."""
    if not found.key:
        return
    before = _read(cache)
    others = [row for row in before.calibrations if row.key != found.key]
    kept = before.changed(calibrations=(found, *others)[:MOST])
    with contextlib.suppress(StorageError):
        atomic.write_json(cache / REMEMBERED, kept.as_json())


def forget(config: RunConfig, base: BaseInfo, cache: Path) -> bool:
    """Drops the measurement for a complete configuration, so that the next run measures; False where
    there was none."""
    key, before = key_of(config, base.path, base.family or ""), _read(cache)
    left = tuple(row for row in before.calibrations if row.key != key)
    if len(left) == len(before.calibrations):
        return False
    atomic.write_json(cache / REMEMBERED, before.changed(calibrations=left).as_json())
    return True


def _read(cache: Path) -> Remembered:
    try:
        return Remembered.read(read_json(cache / REMEMBERED))
    except (OSError, ValueError):
        return Remembered()


def note(config: RunConfig, base: BaseInfo, cache: Path) -> str:
    """What Auto will do for a complete configuration, as far as is known without measuring; empty where
    nothing is left to it."""
    from studio.core.device import free_memory

    if not open_to(config) or not base.family or not base.path.exists():
        return ""
    found = remembered(cache, key_of(config, base.path, base.family))
    if found is None:
        return UNKNOWN
    memory = free_memory("cpu") if "threads" in found.key else None
    choice = decide(found, asked_of(config), memory)
    return sentence(found, choice) if choice else UNKNOWN
