"""What a LoRA step takes with its base kept in each way: highest memory, time, and how far weights are off.

    python studio.py bench frozen_base --side 64
    python benchmarks/frozen_base.py --base sd1 --side 128 --way full --way int8

Random weights of the published shape, rank 4 on attention, batch 1, one process per way. On a CPU the
highest memory is that of the whole process while steps are taken, and `computed` is what of it weights
and adapter take; on a GPU it is that of tensors. Writes `benchmarks/results/frozen_base-BASE.json`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import torch  # noqa: E402

from benchmarks.shapes import random_base  # noqa: E402
from studio import methods  # noqa: E402
from studio.core import atomic, memory  # noqa: E402
from studio.core.device import (  # noqa: E402
    device_facts,
    peak_memory,
    pick_device,
    pick_dtype,
    reset_peak_memory,
)
from studio.families.base import Base  # noqa: E402
from studio.families.frozen import Frozen, freeze  # noqa: E402
from studio.families.frozen_weight import FrozenWeight  # noqa: E402
from studio.formats.dataset import read_dataset  # noqa: E402
from studio.library import presets  # noqa: E402
from studio.train.cache import LatentCache  # noqa: E402
from studio.train.data import read_items  # noqa: E402
from studio.train.loop import Hooks, Trainer  # noqa: E402

CHECKPOINTED = "train.gradient_checkpointing=true"
WAYS: dict[str, tuple[Frozen, tuple[str, ...]]] = {
    "full": (Frozen(), ()),
    "offloaded": (Frozen(offload=True), ()),
    "checkpointed": (Frozen(offload=True), (CHECKPOINTED,)),
    "int8": (Frozen("int8", offload=True), (CHECKPOINTED,)),
    "fp8": (Frozen("fp8", offload=True), (CHECKPOINTED,)),
    "nf4": (Frozen("nf4", offload=True), (CHECKPOINTED,)),
    "streamed": (Frozen(stream=True, offload=True), (CHECKPOINTED,)),
    "int8 streamed": (Frozen("int8", stream=True, offload=True), (CHECKPOINTED,)),
}


def the_trainer(base: Base, settings: tuple[str, ...], side: int, cache: Path) -> Trainer:
    """A LoRA on the starter's own dataset."""
    values = {
        "method": "lora",
        "data": {"folder": str(ROOT / "assets" / "datasets" / "zibbo"), "caption_dropout": 0.0},
        "options": {"rank": 4, "target": "attention", "text_encoder": False},
    }
    config = presets.make_config(values, list(settings))
    info = read_dataset(config.data.folder)
    items = read_items(info, config.data, side, base.size_multiple)[:2]
    latents = LatentCache(base, cache)
    latents.fill(items, lambda done, total: None)
    trainable = methods.find("lora").prepare(base, config, info.trigger)
    commands = SimpleNamespace(pause=False, stop=False, save=False, sample=False)
    return Trainer(base, trainable, config, items, [], latents, commands, Hooks())


def stored(base: Base) -> dict[str, int]:
    """Bytes of the denoiser's and the encoders' weights as they are kept, and of a full copy."""
    kept = full = 0
    for component in base.components().values():
        for weight in component.parameters():
            full += weight.numel() * weight.element_size()
            frozen = isinstance(weight, FrozenWeight)
            kept += sum(p.nbytes for p in weight.held()) if frozen else weight.nbytes
    return {"kept_bytes": kept, "full_bytes": full}


def one_way(way: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """What this process measures."""
    wanted, settings = WAYS[way]
    device = pick_device(arguments.device)
    torch.manual_seed(1)
    first = "cpu" if wanted.changes else str(device)
    base = random_base(arguments.base, first, pick_dtype(device, arguments.precision))
    if wanted.changes:
        freeze(base, wanted, device)
    with tempfile.TemporaryDirectory() as folder:
        trainer = the_trainer(base, settings, arguments.side, Path(folder))
        trainer.one_step(1)  # texts are encoded once
        memory.release()
        reset_peak_memory(device)
        seconds = []
        for step in range(2, arguments.steps + 2):
            started = time.perf_counter(), time.process_time()
            loss = trainer.one_step(step).loss
            seconds.append((time.perf_counter() - started[0], time.process_time() - started[1]))
    return {
        "peak_bytes": peak_memory(device),
        **stored(base),
        "loss": loss,
        "seconds": round(median(one for one, _ in seconds), 3),
        "cpu_seconds": round(median(two for _, two in seconds), 3),
    }


def in_its_own_process(way: str) -> dict[str, Any]:
    """The same command with one way, which prints what it found."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "way.json"
        command = [sys.executable, __file__, *sys.argv[1:], "--inside", way, "--out", str(out)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=os.environ)
        found: dict[str, Any] = json.loads(out.read_text("utf-8"))
    return found


def main() -> None:
    """Command line; see the module's docstring."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--base", choices=("sd1", "sdxl"), default="sd1")
    parser.add_argument("--way", choices=list(WAYS), action="append", help="default: all")
    parser.add_argument("--side", type=int, default=128, help="pixels")
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="fp32")
    parser.add_argument("--inside", choices=list(WAYS), help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help="JSON file to write")
    arguments = parser.parse_args()
    if arguments.inside:
        atomic.write_json(arguments.out, one_way(arguments.inside, arguments))
        return
    found: dict[str, dict[str, Any]] = {}
    for way in arguments.way or list(WAYS):
        found[way] = in_its_own_process(way)
        print(f"{way}: {found[way]}", file=sys.stderr, flush=True)
    how = {key: getattr(arguments, key) for key in ("base", "side", "steps", "precision")}
    load = os.getloadavg() if hasattr(os, "getloadavg") else None
    result = {"ways": found, "how": how, "load": load, "machine": device_facts()}
    print(json.dumps(result, indent=2))
    name = f"frozen_base-{arguments.base}.json"
    atomic.write_json(arguments.out or ROOT / "benchmarks" / "results" / name, result)


if __name__ == "__main__":
    main()
