"""The table of methods: every starter preset × concept × seed, trained, measured, side by side.

    python benchmarks/methods.py                         all of it; goes on where it was cut off
    python benchmarks/methods.py --method lora --concept zibbo --seed 1
    python benchmarks/methods.py --table                 writes the table into docs/results.md
    python benchmarks/methods.py --keep FOLDER           also keeps the trained files

Each run is a `studio.py train` in a process of its own, so its seconds and its memory are its own.
One JSON file per run under `benchmarks/results/methods/`; delete one to measure it again.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import concepts
from studio.core import atomic
from studio.core.paths import STARTER
from studio.families.part_files import base_hash

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "methods"
METHODS = ("dreambooth", "lora", "textual-inversion", "hypernetwork", "aesthetic")
CONCEPTS = ("zibbo", "neonline")
SEEDS = (1, 2, 3)
BEGIN, END = "<!-- methods: begin -->", "<!-- methods: end -->"


def measure(
    method: str, concept: str, seed: int, images: int, keep: Path | None = None
) -> dict[str, Any]:
    """Trains one preset on one concept and measures its file; seconds, bytes, and what concepts.py says.

    The base generates the same images every time, so it is measured once per concept. `keep` is a
    folder for the trained files, one folder per seed in it.
    """
    same = [r for r in records() if (r["concept"], r["images"]) == (concept, images)]
    plain = next((r["base"] for r in same if r["base_hash"] == base_hash(STARTER)), None)
    with tempfile.TemporaryDirectory() as workspace:
        preset = preset_of(method, concept)
        trained = _train(preset, concept, seed, Path(workspace))
        found = concepts.measure(
            concepts.parser().parse_args(
                ["--concept", concept, "--adapter", trained["files"][0],
                 "--images", str(images), "--forgetting", str(images)]
            ),
            plain,
        )  # fmt: skip
        sizes = [Path(file).stat().st_size for file in trained["files"]]
        state = json.loads((Path(workspace) / "runs" / trained["run"] / "state.json").read_text())
        if keep:
            folder = keep / f"seed-{seed}"
            folder.mkdir(parents=True, exist_ok=True)
            for file in trained["files"]:
                shutil.copy2(file, folder)
    return {
        "method": method, "concept": concept, "seed": seed, "preset_name": preset,
        "trained": sum(state["trained"].values()), "bytes": sizes,
        "seconds": trained["seconds"], "peak_memory": trained["peak_memory"],
        "preset": tomllib.loads((ROOT / "presets" / f"{preset}.toml").read_text("utf-8")),
        **found,
    }  # fmt: skip


def preset_of(method: str, concept: str) -> str:
    """The starter preset of a method; for a style the one made for styles, where there is one."""
    facts = tomllib.loads((ROOT / "assets" / "datasets" / concept / "dataset.toml").read_text())
    style = f"starter-{method}-style"
    made_for_it = facts["kind"] == "style" and (ROOT / "presets" / f"{style}.toml").is_file()
    return style if made_for_it else f"starter-{method}"


def _train(preset: str, concept: str, seed: int, workspace: Path) -> dict[str, Any]:
    command = [
        sys.executable, "studio.py", "train", "--preset", preset, "--json",
        "--data", str(ROOT / "assets" / "datasets" / concept), "--workspace", str(workspace),
        "--name", f"{concept}-{preset.removeprefix('starter-')}", "--set", f"seed={seed}",
    ]  # fmt: skip
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{preset} on {concept}, seed {seed}:\n{done.stderr[-2000:]}")
    result: dict[str, Any] = json.loads(done.stdout[done.stdout.index("{\n") :])
    return result


def records() -> list[dict[str, Any]]:
    """Everything measured so far."""
    return [json.loads(file.read_text("utf-8")) for file in sorted(RESULTS.glob("*.json"))]


def table(measured: list[dict[str, Any]]) -> str:
    """The Markdown tables, one per concept; mean ± standard deviation over seeds."""
    blocks = []
    for concept in CONCEPTS:
        own = [record for record in measured if record["concept"] == concept]
        if not own:
            continue
        base = own[0]["base"]
        rows = [
            f"**{concept}** · base: KID {base['kid']:.2f}, to references "
            f"{base['image_reference']:.2f}, image–text {base['image_text']:.2f}",
            "",
            "| method | seeds | trainable parameters | file | seconds | peak memory | KID | of the base's"
            " | to references | image–text | kept on other prompts |",
            "|---|---|---|---|---|---|---|---|---|---|---|",
        ]
        for method in METHODS:
            found = [record for record in own if record["method"] == method]
            if found:
                rows.append(_row(found))
        blocks.append("\n".join(rows))
    return "\n\n".join(blocks)


def _row(found: list[dict[str, Any]]) -> str:
    adapters = [record["adapters"][0] for record in found]

    def spread(name: str, digits: int = 2, percent: bool = False) -> str:
        values = [adapter[name] * (100 if percent else 1) for adapter in adapters]
        deviation = f" ± {stdev(values):.{digits}f}" if len(values) > 1 else ""
        return f"{fmean(values):.{digits}f}{deviation}{' %' if percent else ''}"

    first = found[0]
    timed = [record["seconds"] for record in found if record["seconds"] is not None]
    return (
        f"| `{first['preset_name']}` | {len(found)} | {first['trained']:,} | "
        f"{first['bytes'][0] / 1e3:,.0f} kB | {f'{fmean(timed):.0f}' if timed else '–'} | "
        f"{fmean(r['peak_memory'] for r in found) / 2**20:,.0f} MiB | {spread('kid')} | "
        f"**{spread('ratio', 0, percent=True)}** | {spread('image_reference')} | "
        f"{spread('image_text')} | {spread('kept', 0, percent=True)} |"
    )


def main(arguments: list[str] | None = None) -> int:
    """Command line; see the module's docstring."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--method", choices=METHODS, action="append")
    parser.add_argument("--concept", choices=CONCEPTS, action="append")
    parser.add_argument("--seed", type=int, action="append")
    parser.add_argument("--images", type=int, default=128, help="of each side")
    parser.add_argument("--keep", type=Path, help="a folder for the trained files")
    parser.add_argument("--table", action="store_true", help="only write the table")
    chosen = parser.parse_args(arguments)
    for seed in () if chosen.table else chosen.seed or SEEDS:
        for concept in chosen.concept or CONCEPTS:
            for method in chosen.method or METHODS:
                file = RESULTS / f"{method}-{concept}-{seed}.json"
                if not file.is_file():
                    print(f"{method}, {concept}, seed {seed}", file=sys.stderr, flush=True)
                    atomic.write_json(
                        file, measure(method, concept, seed, chosen.images, chosen.keep)
                    )
    text = table(records())
    page = ROOT / "docs" / "results.md"
    before = page.read_text("utf-8")
    if BEGIN in before:
        head, _, rest = before.partition(BEGIN)
        atomic.write_text(page, f"{head}{BEGIN}\n{text}\n{END}{rest.partition(END)[2]}")
    print(text)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
