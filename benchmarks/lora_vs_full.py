"""LoRA against full fine-tuning (DreamBooth) at true SD 1.5 shape: seconds per step, peak memory.

    python benchmarks/lora_vs_full.py --folder /big/disk --pairs 3 --side 256

Each case is a process of its own (`gpu.py`), LoRA and full in turn, so both see the same machine.
Writes `benchmarks/results/lora_vs_full.json`: both medians, and the median of the pairs' ratios.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
KEYS = ("seconds_per_step", "peak_bytes", "trained", "parts")
CASES = {
    "lora": ["--method", "lora", "--set", "options.rank=4", "--set", "options.target=attention"],
    "full": ["--method", "dreambooth"],
}


def measure(case: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """One case in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "case.json"
        subprocess.run(
            [sys.executable, str(ROOT / "benchmarks" / "gpu.py"), "--family", "sd1",
             "--folder", str(arguments.folder), "--side", str(arguments.side),
             "--steps", str(arguments.steps), "--warmup", "1", "--device", arguments.device,
             "--precision", arguments.precision, "--out", str(out), *arguments.parts, *CASES[case]],
            check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        found = json.loads(out.read_text("utf-8"))
    return {"machine": found["machine"], **found["cases"][0]}


def main() -> None:
    """Command line; see the module's docstring."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, required=True, help="where the random base is kept")
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--side", type=int, default=256, help="pixels")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="bf16")
    parser.add_argument(
        "--parts", action="store_const", const=["--parts"], default=[], help="CPU only; see gpu.py"
    )
    parser.add_argument("--json", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument(
        "--out", type=Path, default=ROOT / "benchmarks" / "results" / "lora_vs_full.json"
    )
    arguments = parser.parse_args()
    pairs = []
    for number in range(arguments.pairs):
        pair = {case: measure(case, arguments) for case in CASES}
        pairs.append(pair)
        shown = {case: found["seconds_per_step"] for case, found in pair.items()}
        print(f"pair {number + 1}: {shown} s/step", file=sys.stderr, flush=True)

    def ratio(name: str) -> float:
        return round(median(pair["full"][name] / pair["lora"][name] for pair in pairs), 2)

    found = {
        "seconds_ratio": ratio("seconds_per_step"),
        "memory_ratio": ratio("peak_bytes"),
        "pairs": [
            {case: {key: found[key] for key in KEYS if key in found}
             for case, found in pair.items()}
            for pair in pairs
        ],
        "how": {"side": arguments.side, "precision": arguments.precision, "batch": 1},
        "machine": pairs[0]["lora"]["machine"],
    }  # fmt: skip
    print(json.dumps(found, indent=2))
    arguments.out.parent.mkdir(exist_ok=True)
    arguments.out.write_text(json.dumps(found, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
