"""Steps per second and peak memory of each training method at true model shape.

    python benchmarks/gpu.py --family sd1 --method lora --steps 20
    python benchmarks/gpu.py --tiny                       a quick look on a CPU
    python benchmarks/gpu.py --family sdxl --set train.gradient_checkpointing=true
    python benchmarks/gpu.py --device cpu --folder /big/disk --side 128 --files
                                                          each method's files at true size, in RAM

Random weights, random latents, fixed text: speed and memory do not depend on what they say.
Prints one JSON line per case; `--out` writes them with the machine's description. What a step costs
beside the network alone: `evidence.py`, which prepares its steps here.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.shapes import add_clip, random_base, random_folder
from studio import methods
from studio.core import atomic
from studio.core.device import device_facts, peak_memory, pick_device, pick_dtype, reset_peak_memory
from studio.families.base import Base
from studio.families.loading import load_base
from studio.formats.dataset import read_dataset
from studio.library import presets
from studio.methods.base import ExportFacts, Trainable
from studio.train.cache import LatentCache
from studio.train.data import read_items
from studio.train.loop import Hooks, Trainer


@dataclass(frozen=True)
class Work:
    """One training, as a benchmark takes steps of it."""

    method: str
    side: int
    """Pixels."""
    batch: int = 1
    settings: tuple[str, ...] = ()
    """`key=value` beside these, as `--set` takes them."""


@contextmanager
def prepared(base: Base, work: Work, steps: int = 1000) -> Iterator[Trainer]:
    """The studio's own loop before its first step, on images of noise with captions."""
    with tempfile.TemporaryDirectory() as folder:
        config = presets.make_config(
            {
                "method": work.method,
                "data": {"folder": folder, "trigger": "concept", "resolution": work.side},
                "train": {"steps": steps, "batch_size": work.batch},
                "validation": {"every": 0},
                "sample": {"every": 0},
            },
            list(work.settings),
        )
        _images(Path(folder), work.side, work.batch)
        items = read_items(read_dataset(folder), config.data, work.side, base.size_multiple)
        latents = LatentCache(base, Path(folder))
        latents.fill(items, lambda done, total: None)
        reset_peak_memory(base.device)
        trainable = methods.find(work.method).prepare(base, config, "concept")
        commands = SimpleNamespace(pause=False, stop=False, save=False, sample=False)
        yield Trainer(base, trainable, config, items, [], latents, commands, Hooks())


def measure(family: str, method: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """One case: median seconds per step after warm-up, peak bytes, numbers trained."""
    device = pick_device(arguments.device)
    dtype = pick_dtype(device, arguments.precision)
    with tempfile.TemporaryDirectory() as scratch:
        if arguments.folder:
            place = random_folder(family, arguments.folder / f"random-{family}", torch.bfloat16)
            base = load_base(place, str(device), arguments.precision)
        else:
            base = random_base(family, str(device), dtype, tiny=arguments.tiny)
            if method == "aesthetic":
                add_clip(base, Path(scratch), tiny=arguments.tiny)
        side = arguments.side or (32 if arguments.tiny else base.native_size)
        work = Work(method, side, arguments.batch, tuple(arguments.set))
        with prepared(base, work, arguments.steps) as trainer:
            seconds = []
            clock = Clock(trainer) if arguments.parts else None
            for step in range(1, arguments.warmup + arguments.steps + 1):
                started = now(device)
                trainer.one_step(step)
                seconds.append(now(device) - started)
            peak, trained = peak_memory(device), sum(t.numel() for t in trainer.parameters)
            written = (
                _files(trainer.trainable, Path(scratch) / "files") if arguments.files else None
            )
    median = statistics.median(seconds[arguments.warmup :])
    return {
        "family": family, "method": method, "side": side, "batch": arguments.batch,
        "precision": str(dtype).removeprefix("torch."), "tiny": arguments.tiny,
        "settings": arguments.set, "trained": trained,
        "seconds_per_step": round(median, 4), "steps_per_second": round(1 / median, 3),
        "peak_bytes": peak, "files": written,
        **({"parts": clock.medians(arguments.warmup)} if clock else {}),
    }  # fmt: skip


def now(device: torch.device) -> float:
    """Seconds, once the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


class Clock:
    """Seconds that the parts of each step take; on a CPU only, where nothing runs behind our back."""

    def __init__(self, trainer: Trainer) -> None:
        self.seconds: dict[str, list[float]] = {}
        for part, holder, name in (
            ("forward", trainer.base.family, "denoise"),
            ("backward", torch.Tensor, "backward"),
            ("clipping", torch.nn.utils, "clip_grad_norm_"),
            ("optimizer", trainer.optimizer, "step"),
        ):
            setattr(holder, name, self._timed(part, getattr(holder, name)))
        attached = trainer.trainable.attached

        @contextmanager
        def timed(training: bool = False) -> Iterator[None]:
            started = time.perf_counter()
            with attached(training):
                self.seconds.setdefault("attaching", []).append(time.perf_counter() - started)
                yield

        trainer.trainable.attached = timed  # type: ignore[method-assign]

    def medians(self, warmup: int) -> dict[str, float]:
        """The median of each part after the first `warmup` steps."""
        return {
            part: round(statistics.median(found[warmup:]), 3)
            for part, found in self.seconds.items()
        }

    def _timed(self, part: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: Any, **options: Any) -> Any:
            started = time.perf_counter()
            result = call(*arguments, **options)
            self.seconds.setdefault(part, []).append(time.perf_counter() - started)
            return result

        return timed


def main() -> None:
    """Measures the cases named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--family", choices=("sd1", "sdxl"), default="sd1")
    parser.add_argument("--method", choices=sorted(methods.METHODS), action="append")
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--warmup", type=int, default=3)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--side", type=int, default=0, help="pixels; 0 takes the family's own")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--tiny", action="store_true", help="an eighth of every width")
    parser.add_argument("--folder", type=Path, help="keep the random base here and load it")
    parser.add_argument("--files", action="store_true", help="write the files; needs --folder")
    parser.add_argument("--parts", action="store_true", help="seconds of each part; CPU only")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    arguments = parser.parse_args()
    cases = []
    for method in arguments.method or sorted(methods.METHODS):
        case = measure(arguments.family, method, arguments)
        print(json.dumps(case), flush=True)
        cases.append(case)
    if arguments.out:
        atomic.write_json(arguments.out, {"machine": device_facts(), "cases": cases})


def _files(trainable: Trainable, folder: Path) -> dict[str, int]:
    """Bytes of every file that the method writes."""
    now = time.time()
    trainable.export(folder, ExportFacts("concept", "concept", 3, 1, now, now))
    return {
        path.relative_to(folder).as_posix(): path.stat().st_size
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _images(folder: Path, side: int, batch: int) -> None:
    for k in range(max(4, batch)):
        noise = np.random.default_rng(k).integers(0, 255, (side, side, 3), np.uint8)
        Image.fromarray(noise).save(folder / f"{k}.png")
        (folder / f"{k}.txt").write_text(f"a concept cat {k}")


if __name__ == "__main__":
    main()
