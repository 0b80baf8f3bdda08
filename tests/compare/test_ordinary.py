"""Ordinary prompts fit the base's world, and its judge sees what they name."""

from __future__ import annotations

import numpy as np
import pytest

from studio.compare.ordinary import GENERAL, ordinary_prompts, shares_seen
from studio.starter import captions, world


def test_the_list_fits_the_base(starter, tmp_path):
    own = ordinary_prompts(starter, [], 12)
    assert len(set(own)) >= 10 and not any(word in text for text in own for word in world.CONCEPTS)
    assert all(captions.attributes(text)["kind"] for text in own)
    assert ordinary_prompts(tmp_path, [], 3) == list(GENERAL[:3])
    assert ordinary_prompts(starter, ["a", " ", "b "], 3) == ["a", "b", "a"]
    assert ordinary_prompts(starter, [], 0) == [] and len(set(GENERAL)) == len(GENERAL)


def test_the_share_is_of_what_a_prompt_names():
    found = {"kind": ["cat", "dog", "cat"], "colour": ["red"] * 3, "place": ["on the beach"] * 3}
    prompts = ["a red cat", "a blue dog on the beach", "something"]
    assert shares_seen(found, prompts).tolist()[:2] == pytest.approx([1.0, 2 / 3])
    assert np.isnan(shares_seen(found, prompts)[2])
