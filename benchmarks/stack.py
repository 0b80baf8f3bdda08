"""What a stack costs: seconds per sampling step with many files, changing it, beside diffusers.

    python studio.py bench stack [--folder BASE] [--rounds N] [--steps N] [--size PX] [--json]

Files are random ones of the base's own shapes: LoRA on attention (merged into the weights, so a
step should cost the same with none or eight) and hypernetworks (which are computed in every step).
Rounds go through all cases in turn, so that a busy machine hits all of them; reported are medians.
`beside diffusers`: images per second against a plain pipeline with the same scheduler, steps,
guidance, batch and precision, in pairs, first one then the other; the ratio is the median of the
pairs'. For the true shape of SD 1.5 make a folder once: `--folder DIR --make sd1`.
Results go to benchmarks/results/stack-<base>.json.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.gpu import now  # noqa: E402
from benchmarks.shapes import random_folder  # noqa: E402
from studio.adapters import lora_file  # noqa: E402
from studio.adapters.cache import AdapterCache  # noqa: E402
from studio.adapters.hypernetwork import attentions, blank_network  # noqa: E402
from studio.adapters.stack import applied  # noqa: E402
from studio.core import atomic  # noqa: E402
from studio.core.device import processor_name  # noqa: E402
from studio.core.paths import STARTER  # noqa: E402
from studio.families.base import Base  # noqa: E402
from studio.families.loading import load_base  # noqa: E402
from studio.formats import hypernetwork, lora  # noqa: E402
from studio.formats.hypernetwork import HypernetworkFile  # noqa: E402
from studio.infer import engine  # noqa: E402
from studio.settings.training import GenerateSettings, StackItem  # noqa: E402

PROMPT = "a red robot in the night sky"
COUNTS = (0, 1, 4, 8)
LAYERS = ("to_q", "to_k", "to_v", "to_out.0")
RANK = 16


def main() -> int:
    """Measures, prints, writes."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--folder", type=Path, default=STARTER, help="base (default: the starter)")
    parser.add_argument("--make", choices=("sd1", "sdxl"), help="make --folder with random weights")
    parser.add_argument("--rounds", type=int, default=5, help="measured rounds (default 5)")
    parser.add_argument("--steps", type=int, default=8, help="sampling steps of an image")
    parser.add_argument("--size", type=int, default=0, help="side in pixels (default: the base's)")
    parser.add_argument("--precision", default="auto", help="fp32, bf16, fp16 or auto")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    arguments = parser.parse_args()
    if arguments.make:
        random_folder(arguments.make, arguments.folder, torch.float32)
    base = load_base(arguments.folder, "auto", arguments.precision)
    settings = GenerateSettings(
        base=str(arguments.folder), prompt=PROMPT, count=1, steps=arguments.steps,
        width=arguments.size, height=arguments.size,
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        loras = [write_lora(Path(folder) / f"lora{k}.safetensors", base, k) for k in range(9)]
        hypers = [write_hypernetwork(Path(folder) / f"hyper{k}.pt", base, k) for k in range(2)]
        result: dict[str, Any] = {
            "base": arguments.folder.name,
            "settings": settings.model_dump(include={"steps", "guidance", "sampler", "width"}),
            "rounds": arguments.rounds,
            "rank": RANK,
            "seconds_per_step": steps_of(base, settings, loras, hypers, arguments.rounds),
            "changing": changes_of(base, loras, arguments.rounds),
            "beside_diffusers": pairs_of(base, settings, arguments.rounds),
            "machine": {
                "processor": processor_name(), "device": str(base.device),
                "precision": str(base.dtype).removeprefix("torch."),
                "threads": torch.get_num_threads(), "torch": torch.__version__,
            },
        }  # fmt: skip
    target = ROOT / "benchmarks" / "results" / f"stack-{arguments.folder.name}.json"
    atomic.write_json(target, result)
    print(json.dumps(result, indent=2) if arguments.json else report(result))
    return 0


def steps_of(
    base: Base, settings: GenerateSettings, loras: list[Path], hypers: list[Path], rounds: int
) -> dict[str, dict[str, float]]:
    """Median seconds of one sampling step per stack, and its ratio to the base alone.

    The first step is left out: it pays for what is set up once per image.
    """
    stacks = {f"{count} LoRA": items(loras[:count]) for count in COUNTS}
    stacks |= {f"{count} hypernetworks": items(hypers[:count]) for count in (1, 2)}
    cache, measured = AdapterCache(), {name: list[float]() for name in stacks}
    for number in range(-1, rounds):  # the first round warms up and does not count
        order = list(stacks.items())
        for name, stack in order[number:] + order[:number]:  # nobody is always the first
            marks: list[float] = []
            engine.generate(
                base,
                settings.model_copy(update={"stack": stack}),
                engine.Watch(lambda *_, marks=marks: marks.append(now(base.device))),
                cache=cache,
            )
            if number >= 0:
                measured[name] += [b - a for a, b in pairwise(marks)]
    alone = statistics.median(measured["0 LoRA"])
    return {
        name: {"seconds": round(value := statistics.median(found), 5), "ratio": round(value / alone, 3)}
        for name, found in measured.items()
    }  # fmt: skip


def changes_of(base: Base, loras: list[Path], rounds: int) -> dict[str, float]:
    """Median seconds until a stack is on the base: first use, another strength, another stack."""

    def put_on(stack: list[StackItem], cache: AdapterCache) -> float:
        began = now(base.device)
        with applied(base, stack, cache):
            return now(base.device) - began

    found: dict[str, list[float]] = {}
    cache = AdapterCache()
    for number in range(rounds):
        four, others = items(loras[:4]), items(loras[4:8])
        weaker = items(loras[:4], 0.5 + number / 100)
        late = [item.model_copy(update={"start": 0.5}) for item in four]
        for name, stack, own in (
            ("first use of 4 files", four, AdapterCache()),
            ("the same 4 again", four, cache),
            ("another strength", weaker, cache),
            ("another stack of 4", others, cache),
        ):
            if number == 0 and own is cache:
                put_on(stack, own)  # its files are read once, and not counted
            found.setdefault(name, []).append(put_on(stack, own))
        with applied(base, late, cache):
            assert base.on_step is not None
            began = now(base.device)
            base.on_step(1, 2)
            found.setdefault("a range that begins between steps", []).append(
                now(base.device) - began
            )
    return {name: round(statistics.median(values), 5) for name, values in found.items()}


def pairs_of(base: Base, settings: GenerateSettings, rounds: int) -> dict[str, float]:
    """Images per second here and in diffusers' own pipeline, and the median ratio of pairs."""
    made = _pipeline(base)
    side = settings.width or base.native_size

    def ours() -> float:
        return _seconds(base, lambda: engine.generate(base, settings))

    def theirs() -> float:
        def generate_once() -> object:
            generator = torch.Generator().manual_seed(settings.seed)
            return made(
                PROMPT, num_inference_steps=settings.steps, guidance_scale=settings.guidance,
                height=side, width=side, generator=generator, output_type="pil",
            )  # fmt: skip

        return _seconds(base, generate_once)

    ours(), theirs()
    pairs = []
    for number in range(rounds):
        first, second = (ours, theirs) if number % 2 else (theirs, ours)
        a, b = first(), second()
        pairs.append((a, b) if first is ours else (b, a))
    return {
        "studio_images_per_second": round(1 / statistics.median(own for own, _ in pairs), 4),
        "diffusers_images_per_second": round(1 / statistics.median(two for _, two in pairs), 4),
        "ratio": round(statistics.median(two / own for own, two in pairs), 3),
    }


def _pipeline(base: Base) -> Any:
    """Diffusers' pipeline of the very same modules."""
    import diffusers
    import transformers

    for library in (diffusers, transformers):
        library.utils.logging.set_verbosity_error()
        library.utils.logging.disable_progress_bar()
    scheduler = diffusers.DDIMScheduler.from_config(
        {**base.scheduler_config, "clip_sample": False}
    )  # fmt: skip
    parts = {**base.components(), "vae": base.vae, "scheduler": scheduler}
    for number, tokenizer in enumerate(base.tokenizers):
        parts["tokenizer" if number == 0 else "tokenizer_2"] = tokenizer
    if len(base.tokenizers) > 1:
        made = diffusers.StableDiffusionXLPipeline(**parts, add_watermarker=False)
    else:
        made = diffusers.StableDiffusionPipeline(
            **parts, safety_checker=None, feature_extractor=None, requires_safety_checker=False
        )
    made.set_progress_bar_config(disable=True)
    return made


def items(files: Sequence[Path], strength: float = 0.1) -> list[StackItem]:
    """A stack of these files."""
    return [StackItem(path=str(path), strength=strength) for path in files]


def _seconds(base: Base, work: Callable[[], object]) -> float:
    began = now(base.device)
    work()
    return now(base.device) - began


def write_lora(path: Path, base: Base, seed: int) -> Path:
    """A random LoRA of rank `RANK` on every attention of the UNet."""
    generator = torch.Generator().manual_seed(seed)
    modules = []
    for name, module in base.denoiser.named_modules():
        if name.endswith(LAYERS):
            out, inputs = module.weight.shape[:2]
            tensors = {
                "down": torch.randn(RANK, inputs, generator=generator) / inputs**0.5,
                "up": torch.randn(out, RANK, generator=generator) * 0.01,
            }
            modules.append(lora.LoraModule("unet", name, "dotted", "lora", tensors, float(RANK)))
    return lora_file.write(path, base, modules)


def write_hypernetwork(path: Path, base: Base, seed: int) -> Path:
    """A hypernetwork of the usual structure for every width of the UNet's attention."""
    file = HypernetworkFile(path, {}, layer_structure=[1, 2, 1], activation="relu")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for width in {width for width, _, _ in attentions(base)}:
            two = [blank_network(file, width).state_dict() for _ in "kv"]
            keys, values = ({f"linear.{k}": t * 0.1 for k, t in one.items()} for one in two)
            file.networks[width] = (keys, values)
    return hypernetwork.write_pt(path, file)


def report(result: dict[str, Any]) -> str:
    """The figures in lines."""
    lines = [f"{result['base']} on {result['machine']['processor']}"]
    lines += [
        f"  {name:<18} {facts['seconds'] * 1000:8.1f} ms per step  × {facts['ratio']:.3f}"
        for name, facts in result["seconds_per_step"].items()
    ]
    lines += [f"  {name:<36} {value * 1000:8.1f} ms" for name, value in result["changing"].items()]
    beside = result["beside_diffusers"]
    lines.append(
        f"  {beside['studio_images_per_second']:.3f} images per second, diffusers "
        f"{beside['diffusers_images_per_second']:.3f}: × {beside['ratio']:.3f}"
    )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
