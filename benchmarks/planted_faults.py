"""Are planted faults found? A duplicate, a blurred, a turned, a cropped and a mislabelled image in a sample set.

    python studio.py bench planted_faults                ten runs, seeds 111 to 120; goes on where it was cut off
    python studio.py bench planted_faults --seed 111     one of them
    python studio.py bench planted_faults --tune         those which limits and timesteps were chosen on
    python studio.py bench planted_faults --summary      what the results say

Per seed the five faults go into a copy of one of the four sample sets, into images that the seed chooses. The
dataset check has to name each of them. Then the four that lie in the files are mended, as one would do, and a
short LoRA run is trained on the set, in which one image still has the caption of another. The loss of each
image is measured at fixed noise at the run's end, and that image should come last. One JSON file per seed in
`benchmarks/results/planted_faults/`; delete one to measure it again.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from PIL import Image, ImageFilter

from studio.app import Studio
from studio.core import atomic
from studio.core.paths import ASSETS, Workspace
from studio.library import presets
from studio.runs import image_losses

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "planted_faults"
SETS = ("zibbo", "korvu", "popdot", "neonline")
SEEDS, TUNING = tuple(range(111, 121)), (1, 2, 3, 7, 11, 15)
STEPS = 80
NAMED_BY = {
    "duplicate": "duplicate",
    "blurred": "blurred",
    "turned": "turned",
    "cropped": "tiny",
    "mislabelled": "mismatch",
}
"""Fault → the check that has to name its image."""


def planted(folder: Path, seed: int) -> dict[str, str]:
    """Plants the five faults; the name of the image that has each."""
    lots = random.Random(f"planted/{seed}")
    stems = sorted(path.stem for path in folder.glob("*.png"))
    copied, blurred, turned, cropped, wrong = lots.sample(stems, 5)
    mirrored = _image(folder, copied).transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    mirrored.save(folder / "copy.jpg", quality=88)
    shutil.copy2(folder / f"{copied}.txt", folder / "copy.txt")
    _image(folder, blurred).filter(ImageFilter.GaussianBlur(2)).save(folder / f"{blurred}.png")
    exif = Image.Exif()
    exif[0x0112] = 6
    lying = _image(folder, turned).transpose(Image.Transpose.ROTATE_90)
    lying.save(folder / f"{turned}.jpg", exif=exif, quality=95)
    (folder / f"{turned}.png").unlink()
    _image(folder, cropped).crop((0, 0, 32, 32)).save(folder / f"{cropped}.png")
    own = (folder / f"{wrong}.txt").read_text("utf-8")
    others = [(folder / f"{stem}.txt").read_text("utf-8") for stem in stems if stem != wrong]
    elsewhere = [text for text in others if _place(text) != _place(own)]
    (folder / f"{wrong}.txt").write_text(lots.choice(elsewhere), "utf-8")
    return {
        "duplicate": "copy.jpg",
        "blurred": f"{blurred}.png",
        "turned": f"{turned}.jpg",
        "cropped": f"{cropped}.png",
        "mislabelled": f"{wrong}.png",
    }


def mended(folder: Path, name: str, faults: Mapping[str, str]) -> None:
    """Puts the four images back that are not as they were; the wrong caption stays."""
    (folder / "copy.jpg").unlink()
    (folder / "copy.txt").unlink()
    (folder / faults["turned"]).unlink()
    for fault in ("blurred", "turned", "cropped"):
        image = f"{Path(faults[fault]).stem}.png"
        shutil.copy2(ASSETS / "datasets" / name / image, folder / image)


def _place(caption: str) -> str:
    """Where a scene is, as its caption says: “on the beach”."""
    words = caption.split(",")[0].split()
    at = next(k for k, word in enumerate(words) if word in ("in", "on", "under"))
    return " ".join(words[at:]).strip()


def _image(folder: Path, stem: str) -> Image.Image:
    return Image.open(folder / f"{stem}.png").convert("RGB")


def measured(seed: int) -> dict[str, Any]:
    """One faulty set: what the check names, and the order by loss per image after a short run."""
    started = time.monotonic()
    name = SETS[seed % len(SETS)]
    with tempfile.TemporaryDirectory() as place:
        folder = Path(shutil.copytree(ASSETS / "datasets" / name, Path(place) / name))
        faults = planted(folder, seed)
        studio = Studio(Workspace(Path(place) / "workspace"))
        try:
            report = studio.generation.examine(folder)
            named = {
                finding.check.name: [report.evidence.name(file) for file in finding.files()]
                for finding in report.findings
            }
            mended(folder, name, faults)
            record = _trained(studio, folder, name, seed)
        finally:
            studio.close()
    return {
        "seed": seed,
        "dataset": name,
        "faults": faults,
        "named": {
            fault: faults[fault] in named.get(check, []) for fault, check in NAMED_BY.items()
        },
        "steps": STEPS,
        "record": record.as_json(),
        "seconds": round(time.monotonic() - started, 1),
    }


def _trained(studio: Studio, folder: Path, name: str, seed: int) -> image_losses.ImageLossRecord:
    style = name in ("popdot", "neonline")
    changes = [
        f"seed={seed}", f"train.steps={STEPS}", "train.batch_size=4", "prior.weight=0",
        "sample.every=never", "sample.steps=2", "validation.every=never", "save.every=never",
        f"image_loss.every={STEPS}",
    ]  # fmt: skip
    values: Mapping[str, Any] = {"name": f"planted-{seed}", "data": {"folder": str(folder)}}
    config = presets.config_from(
        "starter-lora-style" if style else "starter-lora", dict(values), changes
    )
    run = studio.runs.start(config)
    state = studio.runs.wait(run)
    record = image_losses.read(studio.runs.folder(run))
    if record is None:
        raise SystemExit(f"seed {seed}: the run is {state.state}. {state.reason}")
    return record


def summary() -> str:
    """How many faults were named, and in how many runs the mislabelled image came last."""
    lines = []
    for seeds, title in ((SEEDS, "seeds 111 to 120"), (TUNING, "those for tuning")):
        files = [RESULTS / f"seed-{seed}.json" for seed in seeds]
        found = [json.loads(file.read_text("utf-8")) for file in files if file.is_file()]
        if not found:
            continue
        lines.append(f"{title}: {len(found)} runs")
        for fault in NAMED_BY:
            lines.append(f"  {fault}: named in {sum(one['named'][fault] for one in found)}")
        ranks, said, wrongly = [], 0, 0
        for one in found:
            record = image_losses.ImageLossRecord.read(one["record"])
            wrong = one["faults"]["mislabelled"]
            never = {row.file for row in record.never()}
            ranks.append([row.file for row in record.ordered()].index(wrong) + 1)
            said += wrong in never
            wrongly += len(never - {wrong})
        lines.append(f"  mislabelled: last by loss per image in {ranks.count(1)}, places {ranks}")
        lines.append(
            f"  mislabelled: said to be not told by its caption in {said}; of other images: {wrongly}"
        )
    return "\n".join(lines) or "Nothing has been measured yet."


def main(arguments: list[str] | None = None) -> int:
    """Command line; see the module's docstring."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, action="append")
    parser.add_argument("--tune", action="store_true")
    parser.add_argument("--summary", action="store_true")
    chosen = parser.parse_args(arguments)
    if not chosen.summary:
        if hasattr(os, "nice"):
            os.nice(1)
        for seed in chosen.seed or (TUNING if chosen.tune else SEEDS):
            file = RESULTS / f"seed-{seed}.json"
            if not file.is_file():
                print(f"seed {seed}", file=sys.stderr, flush=True)
                atomic.write_json(file, measured(seed))
    print(summary())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
