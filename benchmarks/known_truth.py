"""Does Compare find what is known to be true? Runs that are too short, good and far too long, on real training.

    python benchmarks/known_truth.py                 five training seeds; goes on where it was cut off
    python benchmarks/known_truth.py --seed 1        one of them
    python benchmarks/known_truth.py --null 40       the same file twice, with noise of their own, 40 times
    python benchmarks/known_truth.py --summary       what the results say

Per seed the LoRA preset of the starter is trained three times on `zibbo`: a tenth as long, as the preset
says, and ten times as long on four images without prior preservation. Known: the good one is closer to the held-out
images than the short one; the long one has drifted further than the good one; and memorisation raises its
alarm for the long one alone. One JSON file per seed in `benchmarks/results/known_truth/`; delete one to
measure it again.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from studio.clip.encoders import load_clip
from studio.compare.comparison import compare
from studio.compare.concept import generate_with
from studio.compare.contrasts import ColumnValues
from studio.compare.differences import better, paired
from studio.compare.features import Features
from studio.compare.measures import measure
from studio.compare.measuring import ImageFolder
from studio.compare.record import Comparison
from studio.core import atomic
from studio.core.device import device_facts
from studio.families.loading import load_base
from studio.formats.images import open_image
from studio.infer.options import SamplingOptions
from studio.settings.training import CompareSettings, StackItem
from studio.starter import world

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "known_truth"
DATA = ROOT / "assets" / "datasets" / "zibbo"
SEEDS = (1, 2, 3, 4, 5)
FEW = 4  # images of the run that memorises
RUNS = {
    "short": ["train.steps=30"],
    "good": [],
    "long": ["train.steps=3000", "prior.weight=0"],
}


def measured(seed: int) -> dict[str, Any]:
    """Trains the three runs with one seed, and compares them."""
    base = load_base("starter", "auto")
    with tempfile.TemporaryDirectory() as place:
        few = _few(Path(place) / "few")
        columns: list[dict[str, Any]] = [
            {"name": "base", "stack": []}
        ]  # the control of memorisation
        columns += [
            {
                "name": name,
                "stack": [{"path": str(_trained(name, seed, few if name == "long" else DATA, Path(place)))}],
                "training_seed": seed,
            }
            for name in RUNS
        ]  # fmt: skip
        settings = CompareSettings.parse(
            {
                "columns": columns,
                "prompts": _prompts(),
                "seeds": [1, 2, 3, 4],
                "images": 64,
                "reference": str(DATA / "held_out"),
                "training": str(DATA),
            }
        )
        found = compare(base, settings, Path(place) / "comparison")
        return {
            "seed": seed,
            "known": judged(found),
            "columns": [
                {"name": one.name, "measures": one.measures, "intervals": one.intervals,
                 "memorised": one.memorised}
                for one in found.columns
            ],
            "verdict": found.verdict,
            "seconds": found.seconds,
            "machine": device_facts(base.device),
        }  # fmt: skip


def _prompts() -> list[str]:
    """Captions that all runs trained with, where copies would appear, and as many of held-out images."""
    trained = [
        file.with_suffix(".txt").read_text("utf-8").strip() for file in sorted(DATA.glob("*.png"))
    ]
    scenes = [world.concept_scene("zibbo", "held_out", index) for index in range(16)]
    new = [world.caption(scene, concept="zibbo") for scene in scenes]
    return trained[:FEW] + [text for text in dict.fromkeys(new) if text not in trained][:FEW]


def judged(found: Comparison) -> dict[str, bool]:
    """Whether each known fact came out; told apart, not only on the right side."""
    places = {column.name: place for place, column in enumerate(found.columns)}

    def ahead(measure: str, first: str, second: str) -> bool:
        for one in found.differences:
            if one.measure == measure and {one.a, one.b} == {places[first], places[second]}:
                return better(one) == (1 if one.a == places[first] else -1)
        return False

    return {
        "good is closer than short": ahead("image_image", "good", "short"),
        "good has drifted less than long": ahead("drift", "good", "long"),
        "the alarm is for long": found.columns[places["long"]].memorised,
        "no alarm for good": not found.columns[places["good"]].memorised,
        "no alarm for short": not found.columns[places["short"]].memorised,
    }


def null(comparisons: int) -> dict[str, Any]:
    """How often the same file, with other noise, is told apart from itself; at most 5 % should be."""
    base = load_base("starter", "auto")
    clip = load_clip(base.path, base.device)
    stack = [StackItem(path=str(ROOT / "assets" / "adapters" / "zibbo-lora.safetensors"))]
    scenes = [world.concept_scene("zibbo", "held_out", index) for index in range(8)]
    prompts = [world.caption(scene, concept="zibbo") for scene in scenes for _ in range(4)]
    texts = clip.text_features(prompts)
    sides = {}
    for role, path in (("held_out", DATA / "held_out"), ("training", DATA)):
        folder = ImageFolder.of(str(path))
        assert folder is not None
        sides[role] = torch.cat([clip.image_features([open_image(file)]) for file in folder.files])
    clusters = [torch.arange(len(prompts)).div(4, rounding_mode="floor").numpy()]
    apart: dict[str, int] = {}
    for number in range(comparisons):
        columns = []
        for side in range(2):
            images = generate_with(
                base, stack, prompts, SamplingOptions(), first_seed=1000 * (2 * number + side)
            )
            rows = clip.image_features(images)
            per_image = measure(
                Features(rows, texts, sides["held_out"], sides["training"])
            ).per_image
            columns.append(ColumnValues({key: one.numpy() for key, one in per_image.items()}))
        for one in paired(columns, {"comparison": clusters}).differences:
            apart[one.measure] = apart.get(one.measure, 0) + one.told_apart
        print(f"{number + 1} of {comparisons}: {apart}", file=sys.stderr, flush=True)
    return {"comparisons": comparisons, "told_apart": apart, "machine": device_facts(base.device)}


def _few(folder: Path) -> Path:
    """The first images of the dataset, with their captions."""
    folder.mkdir()
    for file in sorted(DATA.glob("*.png"))[:FEW]:
        shutil.copy2(file, folder)
        shutil.copy2(file.with_suffix(".txt"), folder)
    shutil.copy2(DATA / "dataset.toml", folder)
    return folder


def _trained(name: str, seed: int, data: Path, place: Path) -> Path:
    command = [
        sys.executable, "studio.py", "train", "--preset", "starter-lora", "--json", "--data", str(data),
        "--workspace", str(place / name), "--name", name, "--set", f"seed={seed}",
        "--set", "sample.every=never", "--set", "validation.every=never",
    ]  # fmt: skip
    for change in RUNS[name]:
        command += ["--set", change]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{name}, seed {seed}:\n{done.stderr[-2000:]}")
    return Path(json.loads(done.stdout[done.stdout.index("{\n") :])["files"][0])


def summary() -> str:
    """Each known fact with how many seeds it came out for."""
    records = [json.loads(file.read_text("utf-8")) for file in sorted(RESULTS.glob("seed-*.json"))]
    facts = records[0]["known"] if records else {}
    lines = [
        f"{fact}: {sum(record['known'][fact] for record in records)} of {len(records)} seeds"
        for fact in facts
    ]
    return "\n".join(lines) or "Nothing has been measured yet."


def main(arguments: list[str] | None = None) -> int:
    """Command line; see the module's docstring."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, action="append")
    parser.add_argument("--null", type=int, default=0, metavar="COMPARISONS")
    parser.add_argument("--summary", action="store_true")
    chosen = parser.parse_args(arguments)
    if chosen.null:
        atomic.write_json(RESULTS / "null.json", null(chosen.null))
    elif not chosen.summary:
        for seed in chosen.seed or SEEDS:
            file = RESULTS / f"seed-{seed}.json"
            if not file.is_file():
                print(f"seed {seed}", file=sys.stderr, flush=True)
                atomic.write_json(file, measured(seed))
    print(summary())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
