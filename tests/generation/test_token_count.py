"""Tokens of a prompt: by the base's own vocabulary, as it is encoded, without loading the base."""

from __future__ import annotations

import pytest
import torch

from studio.app import Studio
from studio.core.errors import MissingError
from studio.families.loading import load_base
from studio.families.saving import save_single
from studio.families.text import chunks_of
from studio.infer.prompt import weighted


def count(studio: Studio, prompt: str, base: str = "tiny") -> tuple[int, int | None, bool]:
    found = studio.generation.token_count(base, prompt)
    return found.tokens, found.room, found.varies


@pytest.mark.parametrize(
    "prompt", ["", "a cat", "a (cat:1.3), [dog]", "a cat BREAK a dog", "a cat, " * 40]
)
def test_the_count_is_what_is_encoded(studio: Studio, prompt: str) -> None:
    base = load_base(studio.workspace.bases / "tiny", "cpu")
    chunks = chunks_of(base.tokenizers[0], weighted(prompt), {}, 75)
    expected = sum(len(chunk.ids) for chunk in chunks), 75 * len(chunks), False
    assert count(studio, prompt) == expected
    assert studio.runtime._base is None


def test_tags_count_for_nothing_and_choices_for_one_of_them(studio: Studio) -> None:
    plain = count(studio, "a cat")
    assert count(studio, "a cat <lora:anything:1>") == plain
    assert count(studio, "a {cat|cat}") == (*plain[:2], True)
    assert count(studio, "a [cat:cat dog:0.5]")[0] == count(studio, "a cat dog")[0]
    with pytest.raises(MissingError, match="wildcard"):
        count(studio, "__nothing__")


def test_a_base_in_one_file_has_the_same_vocabulary(studio: Studio) -> None:
    base = load_base(studio.workspace.bases / "tiny", "cpu")
    save_single(base, studio.workspace.bases / "one.safetensors", {}, torch.float32)
    assert count(studio, "a red cat, in the rain", "one") == count(studio, "a red cat, in the rain")
