"""How good a starter folder is, in numbers: `measure(folder)`.

Owns what is measured and on which fresh scenes. Generated images are judged by the attribute
classifier, which is measured first, on renders of the truth.

    python -m studio.starter.measure assets/starter --seed 0 --seed 1 --seed 2 --json
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import torch
from diffusers import StableDiffusionPipeline
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor, CLIPModel

from studio.core.counts import counted
from studio.starter import data, world
from studio.starter.classifier import AttributeClassifier, accuracy
from studio.starter.train_captioner import all_right, write_captions
from studio.starter.train_clip import distinct_scenes, retrieval
from studio.starter.train_vae import psnr

Progress = Callable[[float, str], None]


def load_pipeline(folder: Path | str, device: str = "cpu") -> Any:
    """The pipeline of a starter folder in single precision, without progress bars."""
    pipeline = StableDiffusionPipeline.from_pretrained(
        folder, dtype=torch.float32, local_files_only=True
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline.to(device)


def generate(
    pipeline: Any,
    prompts: list[str],
    seed: int = 0,
    steps: int = 20,
    guidance: float = 4.0,
    batch: int = 16,
    progress: Progress | None = None,
) -> np.ndarray:
    """An image for each prompt, uint8 [N, 64, 64, 3]; image i has noise of seed + i."""
    pieces = []
    for start in range(0, len(prompts), batch):
        some = prompts[start : start + batch]
        draws = [torch.Generator().manual_seed(seed + start + i) for i in range(len(some))]
        images = pipeline(
            some,
            num_inference_steps=steps,
            guidance_scale=guidance,
            generator=draws,
            output_type="np",
        ).images
        pieces.append((images * 255).round().astype(np.uint8))
        if progress:
            done = min(start + batch, len(prompts))
            progress(done / len(prompts), f"{done} of {counted(len(prompts), 'image')}")
    return np.concatenate(pieces)


def pairs_right(judge: AttributeClassifier, images: np.ndarray, scenes: list[world.Scene]) -> float:
    """Share of images [N, 64, 64, 3] in which both things stand at their sides, each right.

    The judge knows one thing at a time, so it sees each side's lower part, enlarged.
    """
    right = np.ones(len(scenes), bool)
    for side, left in enumerate((0, 28)):
        views = [
            Image.fromarray(image)
            .crop((left, 18, left + 36, 64))
            .resize((64, 64), Image.Resampling.BILINEAR)
            for image in images
        ]
        found = judge.predict(np.stack([np.asarray(view) for view in views]))
        things = [scene.beside if side else scene for scene in scenes]
        for name in ("kind", "colour"):
            right &= [a == getattr(b, name) for a, b in zip(found[name], things, strict=True)]
    return float(right.mean())


def measure(
    folder: Path | str,
    images: int = 512,
    seed: int = 0,
    steps: int = 20,
    guidance: float = 4.0,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Measures a starter folder on scenes that nothing was trained on.

    Shares are in [0, 1], PSNR in dB. Another seed means other scenes and other noise.
    `progress(share, text)` is called as images are made.
    """
    began = time.monotonic()
    folder = Path(folder)
    pipeline = load_pipeline(folder)
    judge = AttributeClassifier.load(folder / "classifier.safetensors")
    truth = data.fresh_scenes(400, seed + 10)
    renders = np.stack([world.render(scene) for scene in truth])
    judged = accuracy(judge, renders, truth)
    concepts = np.stack(
        [p for name in world.FAMILIAR for p, _ in world.concept_scenes(name, "held_out", 16)]
    )
    processor = AutoProcessor.from_pretrained(folder / "captioner")
    captioner = AutoModelForImageTextToText.from_pretrained(
        folder / "captioner", dtype=torch.float32
    ).eval()
    written = write_captions(captioner, processor, renders[:200])
    clip = CLIPModel.from_pretrained(folder / "clip", dtype=torch.float32).eval()
    result: dict[str, Any] = {
        "vae_psnr": psnr(pipeline.vae, renders[:128]),
        "vae_psnr_concepts": psnr(pipeline.vae, concepts),
        "classifier_kind": judged["kind"],
        "classifier_colour": judged["colour"],
        "classifier_place": judged["place"],
        "captioner": all_right(written, truth[:200]),
        "retrieval": retrieval(clip, pipeline.tokenizer, distinct_scenes(100, seed + 20)),
    }
    scenes = data.fresh_scenes(images, seed + 30)
    prompts = [world.caption(scene) for scene in scenes]
    made = generate(pipeline, prompts, 100_000 * seed, steps, guidance, progress=progress)
    result.update(accuracy(judge, made, scenes))
    scenes = data.fresh_pairs(images // 4, seed + 40)
    prompts = [world.caption(scene) for scene in scenes]
    made = generate(pipeline, prompts, 100_000 * seed, steps, guidance)
    result["pairs"] = pairs_right(judge, made, scenes)
    truth = data.fresh_pairs(200, seed + 50)
    renders = np.stack([world.render(scene) for scene in truth])
    result["classifier_pairs"] = pairs_right(judge, renders, truth)
    result.update(
        images=images,
        seed=seed,
        steps=steps,
        guidance=guidance,
        seconds=round(time.monotonic() - began, 1),
    )
    return result


def over_seeds(runs: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Mean, lowest and highest of every measured share and PSNR."""
    fixed = {"images", "seed", "steps", "guidance", "seconds"}
    values = {name: [float(run[name]) for run in runs] for name in runs[0] if name not in fixed}
    return {
        name: {"mean": fmean(some), "lowest": min(some), "highest": max(some)}
        for name, some in values.items()
    }


def main(arguments: list[str] | None = None) -> int:
    """Command line: prints the measurements of a folder."""
    parser = argparse.ArgumentParser(prog="python -m studio.starter.measure", description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=Path("assets/starter"))
    parser.add_argument("--images", type=int, default=512, help="drawn with each seed")
    parser.add_argument("--seed", type=int, action="append", help="may be said several times")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--guidance", type=float, default=4.0)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args(arguments)
    runs = [
        measure(chosen.folder, chosen.images, seed, chosen.steps, chosen.guidance)
        for seed in chosen.seed or [0]
    ]
    found = over_seeds(runs)
    if chosen.json:
        print(json.dumps({"seeds": runs, "over_seeds": found}))
        return 0
    for name, value in found.items():
        spread = f"  ({value['lowest']:.4g} to {value['highest']:.4g})" if len(runs) > 1 else ""
        print(f"{name:18} {value['mean']:.4g}{spread}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
