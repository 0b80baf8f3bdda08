"""Whether a change left images and losses as they were, byte for byte, on one machine.

    python benchmarks/same.py record FILE     # before
    python benchmarks/same.py check FILE      # after

Twenty settings of generating (samplers, guidance, image to image, variations, prompt syntax, every
kind of adapter, block weights, VAE tiles) on the starter model, as SHA-256 of the decoded pixels and
of the settings written into the image; and the losses of six steps of each method. Bytes are only
comparable on the same machine with the same libraries, so nothing of this is committed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"
ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from PIL import Image  # noqa: E402

from studio.app import Studio  # noqa: E402
from studio.core.paths import Workspace  # noqa: E402
from studio.library import presets  # noqa: E402
from studio.runs.records import Step, only  # noqa: E402
from studio.settings.generation import GenerateSettings  # noqa: E402

ADAPTERS = ROOT / "assets" / "adapters"
METHODS = ("lora", "dreambooth", "textual-inversion", "hypernetwork", "aesthetic")


def _on(name: str, **more: Any) -> dict[str, Any]:
    return {"path": str(ADAPTERS / f"{name}.safetensors"), **more}


def settings(start: str) -> dict[str, dict[str, Any]]:
    """The twenty; `start` is an image to begin with."""
    common = {"prompt": "a red cat on the left", "count": 2, "steps": 6, "seed": 7}
    changes: dict[str, dict[str, Any]] = {
        "plain": {},
        "negative": {"negative_prompt": "a blue sun", "guidance": 7.5},
        "no guidance": {"guidance": 1.0},
        "euler a": {"sampler": "Euler a"},
        "2m karras": {"sampler": "DPM++ 2M Karras"},
        "2m sde": {"sampler": "DPM++ 2M SDE"},
        "sde karras": {"sampler": "DPM++ SDE Karras"},
        "heun": {"sampler": "Heun"},
        "lms": {"sampler": "LMS Karras"},
        "plms": {"sampler": "PLMS", "image": start, "denoising": 0.5},
        "lcm": {"sampler": "LCM", "guidance": 1.5},
        "image": {"image": start, "denoising": 0.4, "sampler": "UniPC"},
        "variation": {"variation_strength": 0.3, "variation_seed": 5, "count": 3},
        "syntax": {"prompt": "a (red:1.3) cat BREAK [a tree:a sun:0.5] [left|right] <lora:zibbo-lora:0.7>"},
        "clip skip": {"clip_skip": 1, "width": 96, "height": 64},
        "tiles": {"tiles": "always", "width": 128, "height": 128, "count": 1},
        "lora": {"stack": [_on("zibbo-lora", strength=0.8, blocks={"OUT": 0.5}, end=0.5)]},
        "word": {"prompt": "a zibbo", "stack": [_on("zibbo", strength=0.9)]},
        "hypernetwork": {"stack": [_on("zibbo-hypernetwork"), _on("neonline-style")]},
        "aesthetic": {"stack": [_on("neonline-aesthetic", aesthetic={"steps": 3, "slerp": True})]},
    }  # fmt: skip
    return {name: {**common, **more} for name, more in changes.items()}


def images(studio: Studio, start: str) -> dict[str, list[str]]:
    """Setting → SHA-256 of every image's pixels, and of its text block."""
    found: dict[str, list[str]] = {}
    for name, values in settings(start).items():
        made = studio.generation.generate(GenerateSettings.parse(values))
        found[name] = []
        for saved in made.images:
            with Image.open(saved.path) as image:
                pixels = image.convert("RGB").tobytes()
            said = saved.parameters.replace(start, "START")
            found[name] += [_sha(pixels), _sha(said.encode())]
        print(name, flush=True)
    return found


def losses(studio: Studio) -> dict[str, list[str]]:
    """Method → the loss of every step, exactly."""
    found: dict[str, list[str]] = {}
    for method in METHODS:
        preset = next(p.name for p in studio.library.presets(method) if "starter" in p.name)
        values = {
            "name": f"same-{method}", "base": "starter", "data": {"folder": "zibbo"}, "device": "cpu",
            "train": {"steps": 6, "batch_size": 2}, "sample": {"every": 0}, "prior": {"weight": 0.0},
        }  # fmt: skip
        run = studio.runs.start(presets.config_from(preset, values))
        state = studio.runs.wait(run)
        steps = only(studio.runs.view(run).events, Step)
        found[method] = [state.state, *(repr(step.loss) for step in steps)]
        print(method, len(found[method]) - 1, flush=True)
    return found


def _sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def main() -> int:
    """Records or checks; 1 when something differs."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("what", choices=("record", "check"))
    parser.add_argument("file", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        studio = Studio(Workspace(Path(folder)))
        start = str(Path(folder) / "start.png")
        with Image.open(sorted((ROOT / "assets/datasets/zibbo").glob("*.png"))[0]) as image:
            image.convert("RGB").save(start)
        found = {"images": images(studio, start), "losses": losses(studio)}
        studio.close()
    if arguments.what == "record":
        arguments.file.write_text(json.dumps(found, indent=1))
        return 0
    before = json.loads(arguments.file.read_text())
    differ = [
        f"{part}: {name}"
        for part, rows in before.items()
        for name, row in rows.items()
        if found[part].get(name) != row
    ]
    print("the same" if not differ else "different: " + ", ".join(differ))
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
