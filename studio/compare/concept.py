"""How well a stack has learned a concept, in numbers: generated images against held-out references.

Owns: the protocol (one generated image per reference, same prompt, seeds counted up).
Refuses to know: where references come from, files, the page.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from studio.adapters.cache import AdapterCache
from studio.adapters.stack import applied
from studio.clip.encoders import Clip, load_clip
from studio.compare.features import Features
from studio.compare.measures import Measured, measure
from studio.compare.metrics import image_reference, own_prompt
from studio.core.counts import counted
from studio.families.base import Base
from studio.infer.batches import sampled
from studio.infer.options import Job, SamplingOptions
from studio.settings.training import StackItem


def generate_with(
    base: Base,
    stack: Sequence[StackItem],
    prompts: Sequence[str],
    options: SamplingOptions,
    *,
    first_seed: int = 0,
    cache: AdapterCache | None = None,
    on_progress: Callable[[int, int, str], None] | None = None,
) -> Tensor:
    """One image per prompt, uint8 [N, H, W, 3]; image i has the seed `first_seed` + i."""
    jobs = [Job(prompt, first_seed + index) for index, prompt in enumerate(prompts)]
    found: dict[int, Tensor] = {}
    with applied(base, stack, cache):
        for batch in sampled(base, jobs, options):
            found.update(zip(batch.places, batch.pixels, strict=True))
            if on_progress is not None:
                said = f"{len(found)} of {counted(len(jobs), 'image')}"
                on_progress(len(found), len(jobs), said)
    return torch.stack([found[index] for index in range(len(jobs))])


@dataclass(frozen=True)
class Learnt:
    """What `measure_concept` found."""

    measured: Measured
    image_own: float
    """Mean cosine between each image and the reference of its own prompt."""
    image_reference: float
    """Mean cosine between images and the references' mean direction."""
    seconds: float


def measure_concept(
    base: Base,
    stack: Sequence[StackItem],
    references: Sequence[tuple[str, np.ndarray]],
    *,
    scorer: Clip | None = None,
    options: SamplingOptions | None = None,
    first_seed: int = 0,
    cache: AdapterCache | None = None,
    on_progress: Callable[[int, int, str], None] | None = None,
) -> Learnt:
    """Generates the prompt of each held-out image and measures all of them against all of those.

    `references` are N pairs (prompt, image uint8 [H, W, 3] of one size). Without `scorer` the base's
    own CLIP measures: UnavailableError without one.
    """
    began = time.monotonic()
    scorer = scorer or load_clip(base.path, base.device)
    prompts = [prompt for prompt, _ in references]
    reference = scorer.image_features(np.stack([image for _, image in references]))
    generated = generate_with(
        base, stack, prompts, options or SamplingOptions(), first_seed=first_seed, cache=cache,
        on_progress=on_progress,
    )  # fmt: skip
    images = scorer.image_features(generated)
    return Learnt(
        measure(Features(images, scorer.text_features(prompts), reference)),
        float(own_prompt(images, reference).mean()),
        image_reference(images, reference),
        round(time.monotonic() - began, 2),
    )
