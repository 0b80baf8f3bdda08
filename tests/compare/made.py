"""Comparisons that nobody generated: images of plain noise, numbers from nowhere."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from studio.compare.record import ComparedColumn, Comparison, Recorder
from studio.formats.image_write import save_png

SETTINGS = {"sampler": "DDIM", "steps": 20, "guidance": 4.0, "negative_prompt": ""}


def column(
    name: str, kid: float | None = 0.05, text: float | None = 0.3, **more: object
) -> ComparedColumn:
    """A column with measures."""
    return ComparedColumn.model_validate(
        {
            "name": name,
            "bytes": 0,
            "measures": {
                "kid": kid,
                "image_text": text,
                "image_image": 0.5,
            },
            "intervals": {"kid": None if kid is None else (kid - 0.01, kid + 0.01)},
            "counts": None if kid is None else (64, 256),
            **more,
        }
    )


def noise(seed: int, side: int) -> Image.Image:
    """An image like no other, as hard to compress as a real one of its size."""
    dice = np.random.default_rng(seed)
    coarse = dice.integers(0, 256, (max(2, side // 8), max(2, side // 8), 3), dtype=np.uint8)
    fine = dice.integers(-6, 7, (side, side, 3))
    large = np.asarray(Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC))
    return Image.fromarray(np.clip(large + fine, 0, 255).astype(np.uint8))


def make(
    folder: Path,
    columns: Sequence[ComparedColumn],
    prompts: Sequence[str] = ("a cat",),
    seeds: Sequence[int] = (1,),
    *,
    name: str = "shapes",
    side: int = 32,
    finished: bool = True,
) -> Comparison:
    """A comparison in `folder`, with every image of its grid."""
    recorder = Recorder(
        Comparison(
            folder=str(folder), name=name, base="starter", base_hash="0" * 64, created=1e9,
            prompts=tuple(prompts), seeds=tuple(seeds), columns=tuple(columns), settings=SETTINGS,
        )
    )  # fmt: skip
    (folder / "cells").mkdir()
    for c in range(len(columns)):
        for p in range(len(prompts)):
            for s in seeds:
                file = f"cells/c{c}-p{p}-s{s}.png"
                save_png(folder / file, noise(1000 * c + 100 * p + s, side), "a cat\nSteps: 20")
                recorder.cell(c, p, s, file)
    if finished:
        recorder.finish(3.0, cancelled=False)
    return recorder.comparison
