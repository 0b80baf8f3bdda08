"""The protocol behind benchmarks: each prompt once, measured against its own truth."""

from __future__ import annotations

import numpy as np
import pytest

from studio.clip.encoders import load_clip
from studio.compare.concept import generate_with, measure_concept
from studio.infer.options import SamplingOptions
from studio.settings.training import StackItem

OPTIONS = SamplingOptions(steps=2, batch_size=4)
PROMPTS = ["a cat", "a dog", "a red cat", "a house", "sky", "a photo of a cat", "dog", "red sky"]


def test_images_of_the_same_stack_are_at_no_distance_from_themselves(base, make_lora):
    stack = [StackItem(path=str(make_lora()))]
    own = generate_with(base, stack, PROMPTS, OPTIONS, first_seed=5).numpy()
    truth = list(zip(PROMPTS, own, strict=True))
    found = measure_concept(base, stack, truth, options=OPTIONS, first_seed=5)
    plain = measure_concept(base, [], truth, options=OPTIONS, first_seed=5)
    assert found.image_own == pytest.approx(1, abs=1e-5)
    distance, other = found.measured.values["kid"], plain.measured.values["kid"]
    assert distance is not None and other is not None
    assert distance < 0 and distance < other  # unbiased: below zero for one set
    assert plain.image_own < found.image_own
    assert found.measured.counts == (8, 8)


def test_a_scorer_is_taken_instead_of_the_bases_own(base, clip_folder):
    truth = [(prompt, np.full((32, 32, 3), 9, dtype=np.uint8)) for prompt in PROMPTS[:2]]
    scorer = load_clip(clip_folder)
    seen: list[tuple[int, int, str]] = []
    found = measure_concept(
        base, [], truth, scorer=scorer, options=OPTIONS, on_progress=lambda *step: seen.append(step)
    )
    assert found.measured.counts == (2, 2)
    values = found.measured.values
    assert values["kid"] is not None and values["drift"] is None
    assert seen[-1] == (2, 2, "2 of 2 images")
