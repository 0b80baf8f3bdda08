"""Comparisons with images that differ, made without a model, for votes on them.

Owns: the folder as a comparison leaves it, settings in every image included. Refuses to know: votes.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw

from studio.compare.record import ComparedColumn, Comparison, Recorder, Reference, StackFile
from studio.formats.image_write import save_png

LABELS = ("Zebrafish", "Quokka", "Narwhal", "Axolotl", "Okapi", "Tapir")


def generated(column: int, prompt: int, seed: int, side: int = 24) -> Image.Image:
    """An image of its own for every cell."""
    image = Image.new("RGB", (side, side), (40 * column + 20, 30 * prompt + 40, (17 * seed) % 256))
    ImageDraw.Draw(image).ellipse((4, 4, 8 + 2 * column, 8 + 2 * column), fill="white")
    return image


def compared(
    root: Path,
    columns: int = 2,
    prompts: int = 3,
    seeds: Sequence[int] = (1, 2),
    *,
    reference: str = "",
    name: str = "shapes",
) -> Comparison:
    """A finished comparison below `root`, whose columns are called like `LABELS`."""
    header = Comparison(
        folder=str(root / f"20260101-120000-{name}"),
        name=name,
        base="tiny",
        created=time.time(),
        prompts=tuple(f"a thing, number {number}" for number in range(prompts)),
        seeds=tuple(seeds),
        reference=Reference(folder=reference),
        columns=tuple(
            ComparedColumn(
                name=label, stack=(StackFile(path=f"adapters/{label.lower()}.safetensors"),)
            )
            for label in LABELS[:columns]
        ),
    )
    recorder = Recorder(header)
    for column in range(columns):
        for prompt in range(prompts):
            for seed in seeds:
                file = f"cells/c{column}-p{prompt}-s{seed}.png"
                text = f"a thing\nSteps: 2, Seed: {seed}, Lora: {LABELS[column]}"
                save_png(recorder.folder / file, generated(column, prompt, seed), text)
                recorder.cell(column, prompt, seed, file)
    return recorder.finish(1.0, cancelled=False)
