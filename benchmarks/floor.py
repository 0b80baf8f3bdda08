"""What a training step costs beside the floor: the network's own forward and backward pass.

    python studio.py bench floor                              starter and SD 1.5 shape, on a CPU
    python studio.py bench floor --shape starter --rounds 9

Every method, batches of 1 and 4. The floor is the same network in the same process with tensors of
the same shapes, gradients for what the method must reach (its weights, the text, or the latents),
and nothing else: no images, no captions, no noise, no clipping, no optimizer. An aesthetic
embedding's floor is CLIP reading the batch. Step and floor in turn, each pair in the other order;
the ratio is the median of the pairs'. Writes `benchmarks/results/floor.json`.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.budget import Case, Deadline, Plan  # noqa: E402
from benchmarks.gpu import Work, now, prepared  # noqa: E402
from benchmarks.shapes import add_clip, random_base  # noqa: E402
from studio import methods  # noqa: E402
from studio.core.device import device_facts, peak_memory, reset_peak_memory  # noqa: E402
from studio.core.paths import STARTER  # noqa: E402
from studio.families.base import Base  # noqa: E402
from studio.families.loading import load_base  # noqa: E402
from studio.train.attention import attention  # noqa: E402
from studio.train.loop import Trainer  # noqa: E402

REACHES = {"dreambooth": "weights", "textual-inversion": "text"}
"""What the gradient must reach, where it is not the first layers of the network."""
FEWEST = 3  # pairs, however late it is


def beside_floor(base: Base, work: Work, rounds: int, deadline: Deadline) -> dict[str, Any]:
    """Seconds of a step and of its floor, the median of the pairs' ratios, peak memory of both."""
    with prepared(base, work) as trainer:
        step, bare = one_step(trainer), floor(trainer)
        pairs = in_turn(step, bare, base.device, rounds, deadline)
        peaks = [_peak(call, base.device) for call in (step, bare)]
        trained = sum(tensor.numel() for tensor in trainer.parameters)
    return {
        "method": work.method, "side": work.side, "batch": work.batch,
        "precision": str(base.dtype).removeprefix("torch."), "attention": trainer.attention,
        "settings": list(work.settings), "trained": trained, **summary(pairs, "step", "floor"),
        "peak_bytes": peaks[0], "floor_peak_bytes": peaks[1],
    }  # fmt: skip


def in_turn(
    first: Callable[[], object],
    second: Callable[[], object],
    device: torch.device,
    rounds: int,
    deadline: Deadline,
) -> list[tuple[float, float]]:
    """Seconds of both, in pairs whose order alternates, after one of each that does not count."""
    first(), second()
    pairs = []
    for number in range(rounds):
        if number >= FEWEST and now(device) > deadline:
            break
        marks = [now(device)]
        for call in (first, second) if number % 2 else (second, first):
            call()
            marks.append(now(device))
        a, b = marks[1] - marks[0], marks[2] - marks[1]
        pairs.append((a, b) if number % 2 else (b, a))
    return pairs


def summary(pairs: list[tuple[float, float]], one: str, other: str) -> dict[str, Any]:
    """Medians of both and of the pairs' ratios, with the least and the greatest of these."""
    ratios = sorted(a / b for a, b in pairs)
    return {
        f"{one}_seconds": round(statistics.median(a for a, _ in pairs), 5),
        f"{other}_seconds": round(statistics.median(b for _, b in pairs), 5),
        "ratio": round(statistics.median(ratios), 3),
        "ratios": [round(ratios[0], 3), round(ratios[-1], 3)],
        "pairs": len(pairs),
    }


def one_step(trainer: Trainer) -> Callable[[], object]:
    """The studio's next step, each time."""
    numbers = iter(range(1, 1_000_000))

    def step() -> None:
        if not trainer.trainable.learns_by_denoising:
            trainer.trainable.features.clear()  # type: ignore[attr-defined]  # or it reads no image
        trainer.one_step(next(numbers))

    return step


def floor(trainer: Trainer) -> Callable[[], object]:
    """The network alone on one batch of the trainer's."""
    items = [trainer.items[index] for index in trainer.plan.batch(0)]
    if not trainer.trainable.learns_by_denoising:
        pixels = torch.zeros(len(items), trainer.config.data.resolution,
                             trainer.config.data.resolution, 3, dtype=torch.uint8)  # fmt: skip
        clip = trainer.trainable.clip  # type: ignore[attr-defined]
        return lambda: [clip.raw_image_features(image[None]) for image in pixels]
    base, denoiser = trainer.base, trainer.base.denoiser
    with torch.no_grad():
        batch = trainer.batches.of(items, [item.caption for item in items])
    reaches = REACHES.get(trainer.config.method, "latents")
    mean, _ = batch.moments.chunk(2, dim=1)
    latents = mean.to(base.dtype).requires_grad_(reaches == "latents")
    conditioning = batch.conditioning.to(base.device, base.dtype)
    conditioning.embeds.requires_grad_(reaches == "text")
    timesteps = torch.full((len(items),), 500, device=base.device)
    less_memory = trainer.config.train.gradient_checkpointing == "on"

    def forward_and_backward() -> None:
        denoiser.requires_grad_(reaches == "weights")
        if less_memory:
            denoiser.enable_gradient_checkpointing()
        with attention(denoiser, trainer.attention):
            prediction = base.denoise(latents, timesteps, conditioning, batch.size)
            prediction.float().square().mean().backward()
        if less_memory:
            denoiser.disable_gradient_checkpointing()
        denoiser.requires_grad_(False)
        denoiser.zero_grad(set_to_none=True)
        latents.grad = conditioning.embeds.grad = None

    return forward_and_backward


def _peak(call: Callable[[], object], device: torch.device) -> int:
    reset_peak_memory(device)
    call()
    now(device)
    return peak_memory(device)


def main() -> int:
    """Measures, prints a table, writes."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--shape", choices=("starter", "sd1"), action="append")
    parser.add_argument("--method", choices=sorted(methods.METHODS), action="append")
    parser.add_argument("--batch", type=int, action="append", help="default: 1 and 4")
    parser.add_argument("--side", type=int, default=128, help="pixels of the true shape")
    parser.add_argument("--rounds", type=int, default=5, help="pairs of each case (default 5)")
    parser.add_argument("--budget", type=float, default=1800, help="seconds (default 1800)")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "floor.json")
    arguments = parser.parse_args()
    plan = Plan(arguments.budget, arguments.out, {"machine": device_facts("cpu")})
    with tempfile.TemporaryDirectory() as scratch:
        for shape in arguments.shape or ("starter", "sd1"):
            if shape == "starter":
                base = load_base(STARTER, "cpu", "fp32")
                side = base.native_size
            else:
                base, side = random_base("sd1", "cpu", torch.float32), arguments.side
                add_clip(base, Path(scratch))
            plan.run(
                [
                    Case(
                        f"{shape} {method} batch {batch}",
                        batch * (20 if method == "dreambooth" else 10),
                        partial(beside_floor, base, Work(method, side, batch), arguments.rounds),
                    )
                    for method in arguments.method or sorted(methods.METHODS)
                    for batch in arguments.batch or (1, 4)
                ]
            )
            plan.estimated = plan.spent = 0.0  # another shape takes another time
    print(json.dumps(plan.rows, indent=2) if arguments.json else table(plan.rows))
    return 1 if any(row["status"] == "failed" for row in plan.rows) else 0


def table(rows: list[dict[str, Any]]) -> str:
    """The rows for people."""
    return "\n".join(f"{row['case']:<42} {_said(row)}" for row in rows)


def _said(row: dict[str, Any]) -> str:
    if row["status"] != "done":
        return f"{row['status']}: {row.get('why') or row.get('error')}"
    measured = [value for key, value in row.items() if key.endswith(("_seconds", "_per_second"))]
    unit = "s" if "step_seconds" in row else "/s"
    facts = "  ".join(f"{value:9.4f} {unit}" for value in measured)
    peak = f"  {row['peak_bytes'] / 2**30:6.2f} GiB" if "peak_bytes" in row else ""
    return f"{facts}  × {row['ratio']:.3f}{peak}"


if __name__ == "__main__":
    sys.exit(main())
