"""What a machine with a GPU has to tell, in one call that ends by itself.

    python studio.py bench evidence                  at most 8 minutes on a GPU
    python studio.py bench evidence --budget 240     less, and the cases that are worth most
    python studio.py bench evidence --tiny           the same code at toy size, on a CPU

Steps of every method at the true shape of SD 1.5, 512 px, and of SDXL's LoRA at 1024 px, beside the
floor (see `floor.py`), in fp32, fp16 and bf16, with both attention kernels, gradient checkpointing and
8-bit optimizers; beside the loops of diffusers' training examples (`plain_loops.py`); images per second
beside diffusers' pipeline (`stack.py`). Random weights: speed and memory do not depend on what they say.

Cases come in the order of their worth. Each has an estimate, which the cases before correct; what no
longer fits is written as left out, what is not installed as unavailable, what fails as failed with its
words. `benchmarks/results/evidence.json` is complete after every case, so a call that is cut still tells.

Runs on Python 3.12 with torch 2.11, which need not be the studio's own. Beside torch, transformers, peft,
safetensors, numpy, Pillow and psutil it needs these wheels (9.5 MB together):
    diffusers 0.42.1 (6.4 MB), pydantic 2.14.4 (0.5), pydantic_core 2.50.5 (2.3), annotated-types 0.8.0,
    charset-normalizer 3.5.3 (0.3), importlib_metadata 10.2.0, lazy-importer 0.1.0, tomli-w 1.2.0
and, or else their cases are unavailable, xformers 0.0.35 (3.3 MB) and bitsandbytes 0.50.2 (43.1 MB).
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import torch

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.budget import Case, Deadline, Plan  # noqa: E402
from benchmarks.floor import beside_floor, in_turn, one_step, summary, table  # noqa: E402
from benchmarks.gpu import Work, prepared  # noqa: E402
from benchmarks.plain_loops import LOOPS  # noqa: E402
from benchmarks.shapes import add_clip, random_base  # noqa: E402
from benchmarks.stack import pairs_of  # noqa: E402
from studio.core import memory  # noqa: E402
from studio.core.device import device_facts, pick_device, pick_dtype  # noqa: E402
from studio.families.base import Base  # noqa: E402
from studio.settings.generation import GenerateSettings  # noqa: E402

DENOISING = ("lora", "dreambooth", "textual-inversion", "hypernetwork")
METHODS = (*DENOISING, "aesthetic")
SECONDS = {"lora": 6, "dreambooth": 12, "textual-inversion": 6, "hypernetwork": 6, "aesthetic": 8}
"""Estimates of a case at SD 1.5's shape: making it ready and twelve pairs."""
CHECKPOINTING = "train.gradient_checkpointing=true"
EIGHT_BIT = "train.optimizer=adamw-8bit"
XFORMERS = "train.attention=xformers"
SDPA = "train.attention=sdpa"


@dataclass
class Bases:
    """The random bases, one in memory at a time."""

    device: torch.device
    tiny: bool
    scratch: Path
    _made: dict[tuple[str, str], Base] = field(default_factory=dict)

    def of(self, family: str, precision: str) -> Base:
        """`sd1` or `sdxl` in a precision."""
        key = (family, precision)
        if key not in self._made:
            self._made.clear()
            memory.release()
            dtype = pick_dtype(self.device, precision)
            base = random_base(family, str(self.device), dtype, tiny=self.tiny)
            if family == "sd1":
                add_clip(base, self.scratch, tiny=self.tiny)
            self._made[key] = base
        return self._made[key]

    def side(self, base: Base) -> int:
        """Pixels of an image."""
        return 32 if self.tiny else base.native_size


@dataclass(frozen=True)
class Evidence:
    """What the cases do."""

    bases: Bases
    rounds: int

    def training(
        self, family: str, method: str, precision: str, settings: tuple[str, ...], until: Deadline
    ) -> dict[str, Any]:
        """A step of a method beside the floor."""
        base = self.bases.of(family, precision)
        work = Work(method, self.bases.side(base), settings=settings)
        return beside_floor(base, work, self.rounds, until)

    def example(self, method: str, precision: str, until: Deadline) -> dict[str, Any]:
        """A step of a method beside diffusers' example loop, both in memory."""
        base = self.bases.of("sd1", precision)
        with prepared(base, Work(method, self.bases.side(base), settings=(SDPA,))) as trainer:
            loop = LOOPS[method](trainer)
            pairs = in_turn(one_step(trainer), loop.step, base.device, self.rounds, until)
        return {"method": method, "precision": precision, **summary(pairs, "step", "example")}

    def images(self, family: str, precision: str, until: Deadline) -> dict[str, Any]:
        """Images per second beside diffusers' pipeline."""
        base = self.bases.of(family, precision)
        side, steps = self.bases.side(base), 2 if self.bases.tiny else 20
        settings = GenerateSettings(
            prompt="a red robot in the night sky", count=1, steps=steps, width=side, height=side
        )
        found = pairs_of(base, settings, max(2, self.rounds // 3))
        return {"precision": precision, "side": side, "steps": steps, **found}


def cases(evidence: Evidence) -> list[Case]:
    """All of them, what is worth most first."""
    return [*_first(evidence), *_rest(evidence)]


def _training(
    evidence: Evidence, method: str, precision: str, *settings: str, family: str = "sd1"
) -> Case:
    words = [part.partition("=")[2] for part in settings if part != CHECKPOINTING]
    words += ["checkpointing"] * (CHECKPOINTING in settings)
    seconds = SECONDS[method] * (4 if family == "sdxl" else 1)
    settings = (*settings, *(() if XFORMERS in settings else (SDPA,)))
    return Case(
        " ".join([family, method, precision, *words]),
        seconds * (1.6 if precision == "fp32" else 1),
        partial(evidence.training, family, method, precision, settings),
    )


def _first(evidence: Evidence) -> Iterator[Case]:
    """The claims: cost of each method, beside the examples, beside the pipeline, SDXL."""
    for method in ("lora", "dreambooth", "textual-inversion"):
        yield _training(evidence, method, "bf16")
        yield Case(
            f"sd1 {method} bf16 beside diffusers' example",
            SECONDS[method] * 1.5,
            partial(evidence.example, method, "bf16"),
        )
    yield Case("sd1 images bf16", 12, partial(evidence.images, "sd1", "bf16"))
    yield _training(evidence, "hypernetwork", "bf16")
    yield _training(evidence, "aesthetic", "bf16")
    for method in DENOISING:
        yield _training(evidence, method, "bf16", CHECKPOINTING)
    for method in DENOISING:
        yield _training(evidence, method, "bf16", XFORMERS)
    yield _training(evidence, "lora", "bf16", family="sdxl")
    yield _training(evidence, "lora", "bf16", CHECKPOINTING, family="sdxl")


def _rest(evidence: Evidence) -> Iterator[Case]:
    """Other precisions, what needs a library more, SDXL's images."""
    for precision in ("fp16", "fp32"):
        for method in METHODS:
            yield _training(evidence, method, precision)
        if precision == "fp16":
            yield _training(evidence, "lora", precision, XFORMERS)
    for method in DENOISING:
        yield _training(evidence, method, "bf16", EIGHT_BIT)
    yield Case("sdxl images bf16", 30, partial(evidence.images, "sdxl", "bf16"))


def main() -> int:
    """Measures what fits, prints a table; 1 when a case failed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--budget", type=float, default=480, help="seconds, the start included")
    parser.add_argument("--rounds", type=int, default=0, help="pairs per case (default 12, tiny 1)")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--tiny", action="store_true", help="an eighth of every width, 64 px")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.add_argument(
        "--out", type=Path, default=ROOT / "benchmarks" / "results" / "evidence.json"
    )
    arguments = parser.parse_args()
    device = pick_device(arguments.device)
    facts = {"machine": device_facts(device), "tiny": arguments.tiny}
    plan = Plan(arguments.budget, arguments.out, facts)
    plan.started = plan.clock() - _seconds_so_far()
    with tempfile.TemporaryDirectory() as scratch:
        bases = Bases(device, arguments.tiny, Path(scratch))
        rounds = arguments.rounds or (1 if arguments.tiny else 12)
        rows = plan.run(cases(Evidence(bases, rounds)))
    print(json.dumps(rows, indent=2) if arguments.json else table(rows))
    return 1 if any(row["status"] == "failed" for row in rows) else 0


def _seconds_so_far() -> float:
    """Since this process began: loading the libraries is a part of the budget."""
    return max(0.0, time.time() - psutil.Process().create_time())


if __name__ == "__main__":
    sys.exit(main())
