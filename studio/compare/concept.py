"""How well a stack has learnt a concept, in numbers: drawn pictures against held-out truth.

Owns: the protocol (one drawn picture per held-out one, same prompt, seeds counted up).
Refuses to know: where truth comes from, files, the page.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from studio.adapters.cache import AdapterCache
from studio.adapters.stack import applied
from studio.clip.encoders import Clip, load_clip
from studio.compare import metrics
from studio.compare.drawing import How, draw_pairs
from studio.families.base import Base
from studio.settings.training import StackItem


def draw_with(
    base: Base,
    stack: Sequence[StackItem],
    prompts: Sequence[str],
    how: How,
    *,
    first_seed: int = 0,
    cache: AdapterCache | None = None,
    on_progress: Callable[[int, int, str], None] | None = None,
) -> Tensor:
    """One picture per prompt, uint8 [N, H, W, 3]; picture i has the seed `first_seed` + i."""
    pairs = [(prompt, first_seed + index) for index, prompt in enumerate(prompts)]
    found: dict[int, Tensor] = {}
    with applied(base, stack, cache):
        for indices, pixels in draw_pairs(base, pairs, how):
            found.update(zip(indices, pixels, strict=True))
            if on_progress is not None:
                on_progress(len(found), len(pairs), f"{len(found)} of {len(pairs)} pictures")
    return torch.stack([found[index] for index in range(len(pairs))])


def measure_concept(
    base: Base,
    stack: Sequence[StackItem],
    truth: Sequence[tuple[str, np.ndarray]],
    *,
    meter: Clip | None = None,
    how: How | None = None,
    first_seed: int = 0,
    cache: AdapterCache | None = None,
    on_progress: Callable[[int, int, str], None] | None = None,
) -> dict[str, Any]:
    """Draws the prompt of each held-out picture and measures all of them against all of those.

    `truth` are N pairs (prompt, picture uint8 [H, W, 3] of one size). Returns `kid` (N against N,
    see `metrics.kid`), its `kid_error` and `kid_n`; `image_text`; `image_image` over all pairs;
    `image_reference`; `image_own`, the mean cosine between each picture and the truth of its own
    prompt; `seconds`. Without `meter` the base's own CLIP measures: UnavailableError without one.
    """
    began = time.monotonic()
    meter = meter or load_clip(base.path, base.device)
    prompts = [prompt for prompt, _ in truth]
    reference = meter.image_features(np.stack([picture for _, picture in truth]))
    pictures = draw_with(
        base, stack, prompts, how or How(), first_seed=first_seed, cache=cache,
        on_progress=on_progress,
    )  # fmt: skip
    images = meter.image_features(pictures)
    return {
        "kid": metrics.kid(images, reference),
        "kid_error": metrics.kid_error(images, reference),
        "kid_n": [len(images), len(reference)],
        "image_text": metrics.image_text(images, meter.text_features(prompts)),
        "image_image": metrics.image_image(images, reference),
        "image_reference": metrics.image_reference(images, reference),
        "image_own": float((images.double() * reference.double()).sum(dim=1).mean()),
        "seconds": round(time.monotonic() - began, 2),
    }
