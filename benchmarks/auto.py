"""Is what Auto chooses as fast as the best that is chosen by hand, and does a run learn as well with it?

    python studio.py bench auto                        starter and SD 1.5 shape: speed
    python studio.py bench auto --shape starter --method lora --rounds 9
    python studio.py bench auto --learning             the starter's LoRA, three seeds: KID, fp32 against Auto

Speed: Auto calibrates as before a run; then every way is measured by hand at the run's own size and batch (true
shape: at `--side`), with whole training steps of the studio's loop, each beside Auto's choice, in pairs whose
order alternates; a ratio is the median of its pairs'. Auto passes with at least 0.97 times the speed of the best.
Learning: the same runs with the same seeds, once in fp32 and once as Auto chose. Writes
`benchmarks/results/auto.json` and `auto-learning.json`.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import torch

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.budget import Case, Deadline, Plan  # noqa: E402
from benchmarks.floor import FEWEST, one_step, summary  # noqa: E402
from benchmarks.gpu import Work, now, prepared  # noqa: E402
from benchmarks.shapes import random_base  # noqa: E402
from studio.app import Studio  # noqa: E402
from studio.core import atomic  # noqa: E402
from studio.core.device import device_facts  # noqa: E402
from studio.core.paths import STARTER, Workspace  # noqa: E402
from studio.families.base import Base  # noqa: E402
from studio.families.loading import load_base  # noqa: E402
from studio.library import presets  # noqa: E402
from studio.runs.auto import asked_of  # noqa: E402
from studio.settings.training import CompareSettings  # noqa: E402
from studio.starter import world  # noqa: E402
from studio.train import calibration  # noqa: E402
from studio.train.auto import Precision, Way, decide  # noqa: E402
from studio.train.measured_pass import in_precision, layout  # noqa: E402

DATA = ROOT / "assets" / "datasets" / "zibbo"
RESULTS = ROOT / "benchmarks" / "results"
ENOUGH = 0.97
STEPS = 300  # of the run that Auto is asked for
PAIRS: tuple[tuple[Precision, str], ...] = (
    ("fp32", "sdpa"),
    ("bf16", "sdpa"),
    ("bf16", "sdpa-fp32"),
)
EVERY = [
    Way(precision=precision, attention=kernels, channels_last=last)
    for precision, kernels in PAIRS
    for last in (False, True)
]


def chosen(base: Base, work: Work, steps: int) -> tuple[Way, dict[str, Any]]:
    """What Auto chooses for such a run, and what it measured."""
    config = presets.make_config(
        {
            "method": work.method,
            "data": {"trigger": "concept", "resolution": work.side},
            "train": {"steps": steps, "batch_size": work.batch},
        }
    )
    asked = asked_of(config)
    found = calibration.calibrate(base, config, asked)
    choice = decide(found, asked, calibration.memory_at_hand(base))
    assert choice is not None
    told = {"side": found.side, "batch": found.batch, "took": found.took, "speed": choice.speed}
    return choice.way, {**told, "ways": {row.way.named: list(row.seconds) for row in found.timings}}


def by_hand(
    base: Base, work: Work, calibrated: tuple[int, int], rounds: int, until: Deadline
) -> dict[str, Any]:
    """Every way beside Auto's choice; `calibrated` are side and steps of the run that Auto is asked for."""
    side, steps = calibrated
    way, told = chosen(base, Work(work.method, side, work.batch), steps)
    rows = []
    with ExitStack() as stack:
        bases = {"fp32": base, "bf16": in_precision(base, torch.bfloat16)}
        trainers = {name: stack.enter_context(prepared(one, work)) for name, one in bases.items()}
        steps_of = {name: one_step(trainer) for name, trainer in trainers.items()}

        def seconds(one: Way) -> float:
            trainer = trainers[one.precision]
            trainer.attention = one.attention
            with layout(trainer.base.denoiser, one.channels_last):
                began = now(base.device)
                steps_of[one.precision]()
                return now(base.device) - began

        for other in (one for one in EVERY if one != way):
            seconds(other), seconds(way)
            pairs = []
            for number in range(rounds):
                if number >= FEWEST and now(base.device) > until:
                    break
                order = (other, way) if number % 2 else (way, other)
                found = {one: seconds(one) for one in order}
                pairs.append((found[other], found[way]))
            rows.append({"way": other.named, **summary(pairs, "hand", "auto")})
    ratio = min([1.0, *(row["ratio"] for row in rows)])
    return {
        "method": work.method, "side": work.side, "batch": work.batch, "chosen": way.named,
        "calibration": told, "by_hand": rows, "ratio": ratio, "enough": ratio >= ENOUGH,
    }  # fmt: skip


def learning(seeds: tuple[int, ...], steps: int, images: int, place: Path) -> dict[str, Any]:
    """Likeness and KID of the starter's LoRA after the same steps, in fp32 and as Auto chose."""
    base = load_base(STARTER, "cpu", "fp32")
    way, told = chosen(base, Work("lora", base.native_size, 6), STEPS)
    auto = (
        way if way.precision != "fp32" else EVERY[4]
    )  # else what others have measured to be faster
    studio = Studio(Workspace(place))
    try:
        columns = [
            {
                "name": f"{name} {seed}", "training_seed": seed,
                "stack": [{"path": _trained(studio, f"{name} {seed}", seed, steps, one)}],
            }
            for seed in seeds
            for name, one in (("fp32", EVERY[0]), ("auto", auto))
        ]  # fmt: skip
        scenes = [world.concept_scene("zibbo", "held_out", index) for index in range(8)]
        settings = CompareSettings.parse(
            {
                "columns": columns, "images": images, "seeds": [1], "batch_size": 16, "device": "cpu",
                "prompts": [world.caption(scene, concept="zibbo") for scene in scenes],
                "reference": str(DATA / "held_out"), "training": str(DATA), "ordinary_images": 0,
            }
        )  # fmt: skip
        found = studio.generation.comparisons.compare(settings)
    finally:
        studio.close()
    rows = [
        {"name": one.name, **{key: one.measures.get(key) for key in ("kid", "image_image")}}
        for one in found.columns
    ]
    return {
        "machine": device_facts("cpu"), "way": auto.named, "calibration": told, "steps": steps,
        "images": images, "columns": rows, **_apart(rows),
    }  # fmt: skip


def _apart(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Differences of the pairs beside the spread over seeds."""
    kid = {row["name"]: row["kid"] for row in rows}
    pairs = [kid[name.replace("fp32", "auto")] - kid[name] for name in kid if "fp32" in name]
    spread = statistics.stdev([kid[name] for name in kid if "fp32" in name])
    return {
        "kid_auto_minus_fp32": pairs,
        "mean": statistics.fmean(pairs),
        "spread_of_seeds": spread,
    }


def _trained(studio: Studio, name: str, seed: int, steps: int, way: Way) -> str:
    config = presets.config_from(
        "starter-lora",
        {
            "name": name, "seed": seed, "device": "cpu", "data": {"folder": str(DATA)},
            "precision": way.precision, "prior": {"weight": 0.0}, "save": {"every": 0},
            "train": {
                "steps": steps, "batch_size": 4, "attention": way.attention,
                "channels_last": way.channels_last,
            },
            "sample": {"every": 0}, "validation": {"every": 0},
        },
    )  # fmt: skip
    state = studio.runs.wait(studio.runs.start(config))
    if state.state != "finished":
        raise SystemExit(f"{name}: {state.reason}")
    print(f"{name}: {state.seconds} s", file=sys.stderr, flush=True)
    return state.files[0]


def main() -> int:
    """Measures, prints, writes; 1 when Auto was not fast enough or a case failed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--shape", choices=("starter", "sd1"), action="append")
    parser.add_argument("--method", action="append", help="default: lora")
    parser.add_argument("--batch", type=int, help="default: 6 on the starter, 1 at the true shape")
    parser.add_argument("--side", type=int, default=256, help="pixels of the true shape's steps")
    parser.add_argument("--rounds", type=int, default=5, help="pairs of each way (default 5)")
    parser.add_argument("--budget", type=float, default=1800, help="seconds (default 1800)")
    parser.add_argument("--learning", action="store_true", help="KID instead of speed")
    parser.add_argument("--steps", type=int, default=200, help="of a run with --learning")
    parser.add_argument("--images", type=int, default=32, help="of a column with --learning")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.add_argument("--out", type=Path, help="file to write")
    given = parser.parse_args()
    if given.learning:
        with tempfile.TemporaryDirectory() as place:
            found = learning((1, 2, 3), given.steps, given.images, Path(place))
        atomic.write_json(given.out or RESULTS / "auto-learning.json", found)
        print(json.dumps(found, indent=2))
        return 0
    plan = Plan(given.budget, given.out or RESULTS / "auto.json", {"machine": device_facts("cpu")})
    for shape in given.shape or ("starter", "sd1"):
        if shape == "starter":
            base, batch = load_base(STARTER, "cpu", "fp32"), given.batch or 6
            side, asked = base.native_size, (base.native_size, STEPS)
        else:
            base, batch = random_base("sd1", "cpu", torch.float32), given.batch or 1
            side, asked = given.side, (512, STEPS)
        plan.run(
            [
                Case(
                    f"{shape} {method} batch {batch}",
                    1,
                    partial(by_hand, base, Work(method, side, batch), asked, given.rounds),
                )
                for method in given.method or ("lora",)
            ]
        )
        plan.estimated = plan.spent = 0.0  # another shape takes another time
    print(json.dumps(plan.rows, indent=2) if given.json else table(plan.rows))
    return 1 if any(not row.get("enough") for row in plan.rows) else 0


def table(rows: list[dict[str, Any]]) -> str:
    """The rows for people."""
    lines = []
    for row in rows:
        if row["status"] != "done":
            lines.append(f"{row['case']}: {row['status']}: {row.get('why') or row.get('error')}")
            continue
        lines.append(
            f"{row['case']}: Auto takes {row['chosen']}, {row['ratio']} of the best by hand"
        )
        lines += [
            f"  {hand['way']:<32} {hand['hand_seconds']:9.4f} s, Auto {hand['auto_seconds']:9.4f} s"
            f"  × {hand['ratio']:.3f} {hand['ratios']}"
            for hand in row["by_hand"]
        ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
