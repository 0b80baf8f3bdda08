"""A DreamBooth step in each of its ways against the bare forward and backward pass: time, memory, loss.

    python benchmarks/dreambooth_step.py --side 64                              the starter's shape
    python benchmarks/dreambooth_step.py --base sd1 --side 256 --way today --way per-tensor

Each way is a process of its own: it trains `--steps` steps (their losses and validation losses, and the
highest memory), then takes `--pairs` more in turn with bare passes: the same network with weights in
its precision, its gradients left unused. The starter has its weights; `sd1` has random ones of the true
shape. Writes `benchmarks/results/dreambooth_step-BASE.json`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import torch  # noqa: E402

from benchmarks.shapes import random_base  # noqa: E402
from studio import methods  # noqa: E402
from studio.core import atomic  # noqa: E402
from studio.core.device import (  # noqa: E402
    device_facts,
    peak_memory,
    pick_device,
    pick_dtype,
    reset_peak_memory,
)
from studio.families.base import Base  # noqa: E402
from studio.families.loading import load_base  # noqa: E402
from studio.formats.dataset import read_dataset  # noqa: E402
from studio.library import presets  # noqa: E402
from studio.methods.dreambooth import DreamBoothTrainable  # noqa: E402
from studio.train.cache import LatentCache  # noqa: E402
from studio.train.data import held_out_items, read_items  # noqa: E402
from studio.train.loop import Hooks, Trainer  # noqa: E402

FUSED = ("options.fused_backward=true", "options.clipping=per-tensor")
ROUNDED = "options.weights=bf16-stochastic"
WAYS: dict[str, tuple[str, ...]] = {
    "today": (),
    "per-tensor": FUSED,
    "two passes": ("options.fused_backward=true",),
    "8-bit": (*FUSED, "train.optimizer=adamw-8bit"),
    "lion": (*FUSED, "train.optimizer=lion"),
    "adafactor": (*FUSED, "train.optimizer=adafactor"),
    "stochastic": (*FUSED, ROUNDED),
    "stochastic 8-bit": (*FUSED, ROUNDED, "train.optimizer=adamw-8bit"),
    "stochastic lion": (*FUSED, ROUNDED, "train.optimizer=lion"),
    "stochastic adafactor": (*FUSED, ROUNDED, "train.optimizer=adafactor"),
}
Seconds = tuple[float, float]
"""By the clock, and of the processor: other programs on the machine lengthen the first alone."""
SLOW = ("8-bit", "stochastic 8-bit")
"""Minutes per step on a CPU, where bitsandbytes has no kernels: only when named."""


def the_base(arguments: argparse.Namespace) -> Base:
    """The starter, or random weights of a published shape."""
    if arguments.base == "starter":
        return load_base("starter", arguments.device, arguments.precision)
    device = pick_device(arguments.device)
    torch.manual_seed(1)
    return random_base(arguments.base, str(device), pick_dtype(device, arguments.precision))


def the_trainer(base: Base, way: str, arguments: argparse.Namespace, cache: Path) -> Trainer:
    """A trainer on the starter's own dataset."""
    values = {
        "method": "dreambooth",
        "data": {"folder": str(ROOT / "assets" / "datasets" / "zibbo"), "caption_dropout": 0.0},
        "train": {"steps": 1000, "learning_rate": arguments.rate},
        "validation": {"images": 4},
    }
    config = presets.make_config(values, [*WAYS[way], *arguments.set])
    info = read_dataset(config.data.folder)
    read = (config.data, arguments.side, base.size_multiple)
    items, held_out = read_items(info, *read), held_out_items(info, *read)
    if arguments.base != "starter":  # what the images show means nothing to random weights
        items, held_out = items[:2], []
    latents = LatentCache(base, cache)
    latents.fill([*items, *held_out], lambda done, total: None)
    reset_peak_memory(base.device)
    trainable = methods.find("dreambooth").prepare(base, config, info.trigger)
    commands = SimpleNamespace(pause=False, stop=False, save=False, sample=False)
    return Trainer(base, trainable, config, items, held_out, latents, commands, Hooks())


@contextmanager
def bare(trainable: DreamBoothTrainable) -> Iterator[list[torch.nn.Parameter]]:
    """Inside, the network's weights are plain parameters in its precision, which nobody updates."""
    places = [place for found in trainable.places.values() for place in found.values()]
    dtype = trainable.base.dtype
    weights = []
    try:
        for place in places:
            own = place.leaf if place.leaf.dtype == dtype else place.original
            weights.append(torch.nn.Parameter(own.data))
            place.module._parameters[place.name] = weights[-1]
        yield weights
    finally:
        for place in places:
            place.module._parameters[place.name] = place.original


def timed_bare(trainer: Trainer, step: int) -> Seconds:
    """One forward and backward pass."""
    trainable = trainer.trainable
    assert isinstance(trainable, DreamBoothTrainable)
    with bare(trainable) as weights:
        started = _now(trainer)
        trainer.batch_loss(step - 1, step).backward()
        seconds = _since(trainer, started)
        for weight in weights:
            weight.grad = None
    return seconds


def timed_step(trainer: Trainer, step: int) -> Seconds:
    """One whole step."""
    started = _now(trainer)
    trainer.one_step(step)
    return _since(trainer, started)


def _now(trainer: Trainer) -> Seconds:
    if trainer.base.device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter(), time.process_time()


def _since(trainer: Trainer, started: Seconds) -> Seconds:
    now = _now(trainer)
    return now[0] - started[0], now[1] - started[1]


def one_way(way: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """What this process measures."""
    base = the_base(arguments)
    with tempfile.TemporaryDirectory() as folder:
        trainer = the_trainer(base, way, arguments, Path(folder))
        learns = arguments.base == "starter"
        first = trainer.validation.measure() if learns else None
        losses = [trainer.one_step(step).loss for step in range(1, arguments.steps + 1)]
        peak, step = peak_memory(base.device), arguments.steps
        last = trainer.validation.measure() if learns else None
        pairs = []
        for number in range(arguments.pairs + 1):
            step += 1
            order = (timed_bare, timed_step) if number % 2 else (timed_step, timed_bare)
            found = {call.__name__: call(trainer, step) for call in order}
            pairs.append((found["timed_bare"], found["timed_step"]))
        pairs = pairs[1:]  # the first warms up
    return {
        "peak_bytes": peak,
        "gradient_bytes": trainer.update.gradient_bytes,
        "losses": [round(loss, 6) for loss in losses],
        "validation": [first, last],
        "trained": sum(tensor.numel() for tensor in trainer.parameters),
        **_compared([(one[0], two[0]) for one, two in pairs], ""),
        **_compared([(one[1], two[1]) for one, two in pairs], "cpu_"),
    }


def _compared(pairs: list[Seconds], kind: str) -> dict[str, Any]:
    """Medians of bare passes, of steps, and of their ratios."""
    return {
        f"{kind}bare_seconds": round(median(one for one, _ in pairs), 4),
        f"{kind}step_seconds": round(median(two for _, two in pairs), 4),
        f"{kind}ratio": round(median(two / one for one, two in pairs), 3),
        f"{kind}ratios": [round(two / one, 3) for one, two in pairs],
    }


def in_its_own_process(way: str) -> dict[str, Any]:
    """The same command with one way, which prints what it found."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "way.json"
        command = [sys.executable, __file__, *sys.argv[1:], "--inside", way, "--out", str(out)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=os.environ)
        found: dict[str, Any] = json.loads(out.read_text("utf-8"))
    return found


def beside(found: dict[str, dict[str, Any]]) -> None:
    """Adds to each way how it compares to the first: memory, and the losses step by step."""
    first = next(iter(found.values()))
    for one in found.values():
        one["memory_share"] = round(one["peak_bytes"] / first["peak_bytes"], 3)
        pairs = list(zip(one["losses"], first["losses"], strict=True))
        one["loss_off"] = round(max(abs(a - b) / b for a, b in pairs), 5)
        one["mean_loss"] = round(sum(one["losses"]) / len(pairs), 6)


def main() -> None:
    """Command line; see the module's docstring."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--base", choices=("starter", "sd1", "sdxl"), default="starter")
    parser.add_argument(
        "--way", choices=list(WAYS), action="append", help="default: all quick ones"
    )
    parser.add_argument("--side", type=int, default=64, help="pixels")
    parser.add_argument("--steps", type=int, default=20, help="whose losses are compared")
    parser.add_argument("--pairs", type=int, default=5, help="steps in turn with bare passes")
    parser.add_argument("--rate", type=float, default=1e-5, help="learning rate")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="bf16")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--inside", choices=list(WAYS), help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help="JSON file to write")
    arguments = parser.parse_args()
    if arguments.inside:
        atomic.write_json(arguments.out, one_way(arguments.inside, arguments))
        return
    found: dict[str, dict[str, Any]] = {}
    for way in arguments.way or [way for way in WAYS if way not in SLOW]:
        found[way] = in_its_own_process(way)
        shown = {
            key: found[way][key] for key in ("step_seconds", "ratio", "cpu_ratio", "peak_bytes")
        }
        print(f"{way}: {shown}", file=sys.stderr, flush=True)
    if len(found) > 1:
        beside(found)
    how = {key: getattr(arguments, key) for key in ("side", "steps", "pairs", "rate", "precision")}
    result = {"ways": found, "how": {**how, "set": arguments.set}, "machine": device_facts()}
    print(json.dumps(result, indent=2))
    name = f"dreambooth_step-{arguments.base}.json"
    atomic.write_json(arguments.out or ROOT / "benchmarks" / "results" / name, result)


if __name__ == "__main__":
    main()
