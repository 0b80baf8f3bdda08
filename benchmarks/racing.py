"""Does the race among checkpoints pick what the full grid picks, and how much does it save?

    python benchmarks/racing.py                    all runs; goes on where it was cut off
    python benchmarks/racing.py --run zibbo-1      one of them
    python benchmarks/racing.py --summary          only reads what was measured

Each run trains the starter's LoRA, keeps eight checkpoints, and asks which of them to use at which of two
strengths: first with every image of every candidate (the full grid), then by the race, which has the same
noise and so finds its images on disk; it counts only those that it asks for. They agree when the race's
choice is the grid's, or one that the grid cannot tell apart from its best. One JSON file per run under
`benchmarks/results/racing/`, and `summary.json`; delete one to measure it again.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from studio.app import Studio
from studio.compare.selection.record import Chosen, Selection
from studio.core import atomic
from studio.core.device import device_facts, pick_device
from studio.core.paths import Workspace
from studio.library import presets
from studio.settings.selection import SelectionSettings

RESULTS = Path(__file__).resolve().parent / "results" / "racing"
STEPS, SAVE_EVERY, IMAGES, SAMPLING = 120, 15, 32, 6
STRENGTHS = [0.7, 1.0]
# Concept, seed, learning rate: the second rate is so high that later checkpoints learn their images.
RUNS = {
    f"{concept}-{seed}": (concept, seed, rate)
    for seed, rate in ((1, 1.5e-3), (2, 4e-3), (3, 1.5e-3))
    for concept in ("zibbo", "neonline", "korvu", "popdot")
}


def measure(name: str, home: Path) -> dict[str, Any]:
    """Trains one run and asks both ways."""
    concept, seed, rate = RUNS[name]
    studio = Studio(Workspace(home))
    began = time.monotonic()
    try:
        config = presets.config_from(
            "starter-lora",
            {
                "name": name, "seed": seed, "data": {"folder": concept},
                "train": {"steps": STEPS, "batch_size": 4, "learning_rate": rate},
                "prior": {"weight": 0.0}, "save": {"every": SAVE_EVERY, "keep": 99},
                "sample": {"every": 0}, "validation": {"every": 0},
            },
        )  # fmt: skip
        run = studio.runs.start(config)
        state = studio.runs.wait(run)
        if state.state != "finished":
            raise SystemExit(f"{name}: {state.reason}")
        trained = time.monotonic() - began
        settings = SelectionSettings.parse(
            {
                "runs": [run], "strengths": STRENGTHS, "images": IMAGES, "steps": SAMPLING,
                "batch_size": 16,
            }
        )  # fmt: skip
        full = studio.generation.selections.select(
            settings.model_copy(update={"race": False}), _said(name)
        )
        seconds = time.monotonic() - began - trained
        raced = studio.generation.selections.select(settings)
        base = studio.runtime.base("starter")
        return {
            "concept": concept, "seed": seed, "learning_rate": rate,
            "checkpoints": STEPS // SAVE_EVERY, "strengths": STRENGTHS,
            "images_of_full_grid": full.generated, "images_of_race": raced.generated,
            "share": round(raced.generated / full.generated, 4),
            "full": _answer(full), "race": _answer(raced), "agree": agree(full, raced),
            "same": _key(full.recommended) == _key(raced.recommended),
            "left_early": [
                {"step": e.step, "strength": e.strength, "why": e.out, "after": e.out_after}
                for e in raced.entries if e.out
            ],
            "base_hash": base.hash,
            "seconds": {"training": round(trained, 1), "full_grid": round(seconds, 1)},
            "machine": device_facts(pick_device("auto")),
        }  # fmt: skip
    finally:
        studio.close()


def agree(full: Selection, raced: Selection) -> bool:
    """Whether the race's choice is the grid's, or cannot be told apart from the grid's best."""
    known = [_key(one) for one in full.alike] or [None]
    return _key(raced.recommended) in [_key(full.recommended), *known]


def summary() -> dict[str, Any]:
    """Of all runs that were measured."""
    files = sorted(file for file in RESULTS.glob("*.json") if file.name != "summary.json")
    found = [json.loads(file.read_text("utf-8")) for file in files]
    return {
        "runs": len(found),
        "planned": len(RUNS),
        "agree": sum(one["agree"] for one in found),
        "same": sum(one["same"] for one in found),
        "mean_share": round(sum(one["share"] for one in found) / len(found), 4) if found else None,
        "largest_share": max((one["share"] for one in found), default=None),
        "names": [file.stem for file in files],
    }


def _answer(found: Selection) -> dict[str, Any]:
    return {
        "recommended": _key(found.recommended),
        "alike": [_key(one) for one in found.alike],
        "reason": found.reason,
    }


def _key(one: Chosen | None) -> list[float] | None:
    return [one.step, one.strength] if one else None


def _said(name: str) -> Any:
    def say(done: int, total: int, text: str) -> None:
        print(f"{name}: {text}", file=sys.stderr, end="\r", flush=True)

    return say


def main(arguments: list[str] | None = None) -> int:
    """Command line; see the module's docstring."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", choices=list(RUNS), action="append")
    parser.add_argument("--keep", type=Path, help="a folder for the workspaces")
    parser.add_argument("--summary", action="store_true")
    chosen = parser.parse_args(arguments)
    for name in () if chosen.summary else chosen.run or RUNS:
        file = RESULTS / f"{name}.json"
        if file.is_file():
            continue
        home = chosen.keep / name if chosen.keep else Path(tempfile.mkdtemp())
        try:
            atomic.write_json(file, measure(name, home))
        finally:
            if not chosen.keep:
                shutil.rmtree(home, ignore_errors=True)
        atomic.write_json(RESULTS / "summary.json", summary())
    print(json.dumps(summary(), indent=2))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
