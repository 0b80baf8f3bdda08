"""How well adapter files have learned one of the starter's concepts, and what they made it forget.

    python benchmarks/concepts.py --concept zibbo --adapter zibbo.safetensors
    python benchmarks/concepts.py --concept zibbo --adapter a.safetensors --adapter b.safetensors

Generates the prompts of held-out renders, with and without each file, and measures generated against
rendered ones (KID, similarities: `studio.compare.metrics`). Forgetting: prompts of ordinary
scenes, without the trained word, judged by the attribute classifier. `ratio` below 1 means nearer
to the truth than the base; `kept` of 1 means nothing was forgotten. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from studio.adapters.cache import AdapterCache
from studio.adapters.loading import load_adapter
from studio.clip.encoders import load_clip
from studio.compare.concept import generate_with, measure_concept
from studio.core import atomic
from studio.core.device import device_facts
from studio.core.errors import StudioError
from studio.families.base import Base
from studio.families.loading import load_base
from studio.infer.options import SamplingOptions
from studio.settings.training import StackItem
from studio.starter import data, world
from studio.starter.classifier import AttributeClassifier, accuracy

_SCENES_OF = 50  # fresh scenes that no other measurement of the starter uses
_FORGETTING_SEED = 100_000


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """The base and every file, measured alike."""
    began = time.monotonic()
    base = load_base(arguments.base, arguments.device, "fp32")
    scorer, cache = load_clip(base.path, base.device), AdapterCache()
    for file in arguments.adapter:  # a wrong name should not show after minutes
        load_adapter(file, cache)
    truth = [
        (text, image)
        for image, text in world.concept_scenes(arguments.concept, "held_out", arguments.images)
    ]
    how = SamplingOptions(
        arguments.steps, arguments.guidance, arguments.sampler, batch_size=arguments.batch_size
    )

    def one(name: str, stack: list[StackItem]) -> dict[str, Any]:
        learnt = measure_concept(
            base, stack, truth, scorer=scorer, options=how, first_seed=arguments.seed, cache=cache,
            on_progress=_progress(name),
        )  # fmt: skip
        measured = learnt.measured
        found: dict[str, Any] = {
            **{key: value for key, value in measured.values.items() if value is not None},
            "kid_n": measured.counts, "image_own": learnt.image_own,
            "image_reference": learnt.image_reference, "seconds": learnt.seconds,
        }  # fmt: skip
        if arguments.forgetting:
            found["attributes"] = _attributes(base, stack, how, cache, arguments, name)
        return found

    plain = one("base", [])
    adapters = []
    for file in arguments.adapter:
        item = StackItem(path=str(file), strength=arguments.strength)
        found = one(Path(file).name, [item])
        found["ratio"] = found["kid"] / plain["kid"] if plain["kid"] > 0 else None
        if arguments.forgetting:
            before = fmean(plain["attributes"].values())
            after = fmean(found["attributes"].values())
            found["kept"] = after / before if before > 0 else None
        adapters.append({"file": Path(file).name, "bytes": Path(file).stat().st_size, **found})
    return {
        "concept": arguments.concept,
        "base_model": base.name,
        "base_hash": base.hash,
        "images": arguments.images,
        "forgetting_images": arguments.forgetting,
        "how": {
            **vars(how),
            "hires": how.hires.model_dump(),
            "seed": arguments.seed,
            "strength": arguments.strength,
        },
        "base": plain,
        "adapters": adapters,
        "seconds": round(time.monotonic() - began, 1),
        "machine": device_facts(base.device),
    }


def _attributes(
    base: Base, stack: list[StackItem], how: SamplingOptions, cache: AdapterCache,
    arguments: argparse.Namespace, name: str,
) -> dict[str, float]:  # fmt: skip
    """Share of ordinary prompts whose kind, colour and place are in the image."""
    scenes = data.fresh_scenes(arguments.forgetting, _SCENES_OF)
    judge = AttributeClassifier.load(base.path / "classifier.safetensors")
    images = generate_with(
        base, stack, [world.caption(scene) for scene in scenes], how,
        first_seed=_FORGETTING_SEED + arguments.seed, cache=cache,
        on_progress=_progress(f"{name}, other prompts"),
    )  # fmt: skip
    return accuracy(judge, np.asarray(images), scenes)


def _progress(name: str) -> Callable[[int, int, str], None]:
    def say(done: int, total: int, text: str) -> None:
        print(f"{name}: {text}", file=sys.stderr, end="\n" if done == total else "\r", flush=True)

    return say


def parser() -> argparse.ArgumentParser:
    """The command line; see the module's docstring."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--concept", choices=list(world.CONCEPTS), required=True)
    parser.add_argument("--adapter", action="append", default=[], metavar="FILE")
    parser.add_argument("--base", default="starter", help="folder of a starter-like base")
    parser.add_argument("--images", type=int, default=256, help="of each side")
    parser.add_argument("--forgetting", type=int, default=256, help="ordinary prompts; 0: none")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--guidance", type=float, default=4.0)
    parser.add_argument("--sampler", default="DDIM")
    parser.add_argument("--strength", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0, help="seed of the first image")
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--out", type=Path, help="also write the JSON to this file")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Measures, prints and keeps."""
    chosen = parser().parse_args(arguments)
    try:
        found = measure(chosen)
    except StudioError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    print(json.dumps(found, indent=2))
    if chosen.out:
        atomic.write_json(chosen.out, found)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
