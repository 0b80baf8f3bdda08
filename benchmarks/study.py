"""The study of docs/shootout.md: its trainings, its numbers, its tables.

    python benchmarks/study.py --workspace DIR                all four datasets; goes on where it was cut off
    python benchmarks/study.py --workspace DIR --only drask   one of them
    python benchmarks/study.py --table                        only writes the tables of what was measured

What it runs is `studio.py compare presets/shootout-starter.toml`, one dataset at a time. One JSON file per
dataset goes to `benchmarks/results/study/`, and the tables and the verdicts in words to `docs/shootout.md`.
Keep the workspace: trainings that are finished are not repeated.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from studio.clip.encoders import load_clip
from studio.compare.features import Features
from studio.compare.measures import MEASURES, Measure
from studio.compare.measures import measure as measure_features
from studio.core import atomic
from studio.core.device import device_facts, pick_device
from studio.core.size import OWN_SIZE
from studio.families.loading import load_base
from studio.formats.images import open_image
from studio.infer.decoding import decoded, image_size, to_image
from studio.starter import world

ROOT = Path(__file__).resolve().parent.parent
STUDY = ROOT / "presets" / "shootout-starter.toml"
RESULTS = ROOT / "benchmarks" / "results" / "study"
PAGE = ROOT / "docs" / "shootout.md"
BEGIN, END = "<!-- study: begin -->", "<!-- study: end -->"
SHOWN = ("image_image", "kid", "image_text", "drift", "attributes", "memorised", "diversity")
RENDERS = 64
TITLES = {"renders": "Other renders", "through the VAE": "Other renders, through the VAE"}
FACTS = ("seconds", "peak_memory", "bytes", "trainable_parameters")


def datasets() -> dict[str, Path]:
    """The study's datasets by name."""
    named = tomllib.loads(STUDY.read_text("utf-8"))["data"]
    return {Path(one).name: (STUDY.parent / one).resolve() for one in named}


def measure(folder: Path, workspace: Path) -> dict[str, Any]:
    """One dataset's shootout, run or found finished: what its comparison says, without its images."""
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "studio.py", "compare", str(STUDY), "--json", "--set", f"data={folder}",
         "--set", f"name=Study · {folder.name}", "--workspace", str(workspace)],
        cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(done.returncode)
    found = json.loads(done.stdout[done.stdout.index("{\n") :])
    comparison = found["comparison"]
    keep = ("name", "group", "training_seed", "method", "measures", "intervals", "images", *FACTS)
    return {
        "dataset": folder.name,
        "prompts": comparison["prompts"],
        "base_hash": comparison["base_hash"],
        "columns": [{key: one.get(key) for key in keep} for one in comparison["columns"]],
        "group_differences": comparison["group_differences"],
        "verdict": comparison["verdict"],
        "notes": comparison["notes"],
        "seconds": round(time.monotonic() - began, 1),
        "machine": device_facts(pick_device("auto")),
    }


def ceiling(name: str) -> dict[str, dict[str, float | None]]:
    """What could be reached: renders of the concept that nobody trained on, as they are and as the base's
    VAE, which has not seen the concept either, lets them through."""
    base = load_base("starter", "auto")
    clip = load_clip(base.path, base.device)
    held_out = sorted((datasets()[name] / "held_out").glob("*.png"))
    references = clip.image_features([open_image(file) for file in held_out])
    scenes = [world.concept_scene(name, "held_out", len(held_out) + at) for at in range(RENDERS)]
    renders = torch.tensor(np.stack([world.render(scene, name) for scene in scenes]))
    pixels = renders.permute(0, 3, 1, 2) / 255
    with torch.inference_mode():
        moments = base.encode_images(pixels * 2 - 1)
        mean = moments.chunk(2, dim=1)[0]
        latents = base.sample_latents(moments, torch.zeros_like(mean))
        through = decoded(base, latents, image_size(base, OWN_SIZE))
    found = {}
    for what, images in (("renders", renders), ("through the VAE", through)):
        rows = clip.image_features([to_image(image) for image in images])
        values = measure_features(Features(rows, references=references)).values
        found[what] = {key: values.get(key) for key in ("image_image", "kid", "diversity")}
    return found


def tables(records: list[dict[str, Any]]) -> str:
    """A table and the verdict of every dataset."""
    return "\n\n".join(_table(record) for record in records)


def _table(record: dict[str, Any]) -> str:
    rows = [row for row in MEASURES if row.key in (*SHOWN, *FACTS)]
    lines = [
        f"**{record['dataset']}**",
        "",
        f"| | {' | '.join(row.label for row in rows)} |",
        f"|---|{'---|' * len(rows)}",
    ]
    groups: dict[str, list[dict[str, Any]]] = {}
    for column in record["columns"]:
        groups.setdefault(column["group"] or column["name"], []).append(column)
    for name, columns in groups.items():
        cells = [_cell(row, columns) for row in rows]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    for what, values in record["ceiling"].items():
        shown = {
            row.key: row.number(values[row.key]) + row.behind for row in rows if values.get(row.key)
        }
        lines.append(
            f"| *{TITLES[what]}* | {' | '.join(shown.get(row.key, '–') for row in rows)} |"
        )
    return "\n".join([*lines, "", *(f"- {text}" for text in record["verdict"])])


def _cell(row: Measure, columns: list[dict[str, Any]]) -> str:
    """Mean ± standard deviation over the training seeds."""
    found = [one[row.key] if row.key in FACTS else one["measures"].get(row.key) for one in columns]
    values = [value for value in found if value is not None]
    if not values:
        return "–"
    text = row.number(fmean(values))
    if len(values) > 1 and row.key not in FACTS:
        text += f" ± {row.number(stdev(values))}"
    return text + row.behind


def main(arguments: list[str] | None = None) -> int:
    """Command line; see the module's docstring."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--workspace", type=Path, default=ROOT / "workspace")
    parser.add_argument("--only", choices=list(datasets()), action="append")
    parser.add_argument("--table", action="store_true", help="only write the tables")
    chosen = parser.parse_args(arguments)
    for name in () if chosen.table else chosen.only or datasets():
        file = RESULTS / f"{name}.json"
        record = (
            json.loads(file.read_text("utf-8"))
            if file.is_file()
            else measure(datasets()[name], chosen.workspace)
        )
        if "ceiling" not in record:
            atomic.write_json(file, {**record, "ceiling": ceiling(name)})
    there = [RESULTS / f"{name}.json" for name in datasets()]
    text = tables([json.loads(file.read_text("utf-8")) for file in there if file.is_file()])
    before = PAGE.read_text("utf-8")
    if BEGIN in before:
        head, _, rest = before.partition(BEGIN)
        atomic.write_text(PAGE, f"{head}{BEGIN}\n{text}\n{END}{rest.partition(END)[2]}")
    print(text)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
