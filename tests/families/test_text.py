"""Prompts become the same numbers as in diffusers; words lie over embeddings and leave no trace."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from studio.errors import InputError
from studio.families import text
from studio.families.base import Base
from tests.near import assert_near

PROMPTS = ["a cat, in a House", ""]


@pytest.fixture(params=["sd1", "sdxl"])
def base(request: pytest.FixtureRequest) -> Iterator[Base]:
    found: Base = request.getfixturevalue(request.param)
    found.words.clear()
    yield found
    found.words.clear()


def add_word(base: Base, name: str, vectors: int, seed: int = 0) -> None:
    generator = torch.Generator().manual_seed(seed)
    base.words[name] = [
        torch.randn(vectors, encoder.config.hidden_size, generator=generator)
        for encoder in base.text_encoders
    ]


def hooks(base: Base) -> int:
    return sum(len(encoder.get_input_embeddings()._forward_hooks) for encoder in base.text_encoders)


@pytest.mark.parametrize("clip_skip", [0, 1])
def test_sd1_equals_diffusers_bit_for_bit(sd1: Base, sd1_folder: Path, clip_skip: int) -> None:
    encoder, tokenizer = sd1.text_encoders[0], sd1.tokenizers[0]
    ids = tokenizer(PROMPTS, padding="max_length", max_length=77, truncation=True,
                    return_tensors="pt").input_ids  # fmt: skip
    with torch.no_grad():
        if clip_skip:
            states = encoder(ids, output_hidden_states=True).hidden_states
            expected = encoder.final_layer_norm(states[-1 - clip_skip])
        else:
            expected = pipeline(sd1_folder).encode_prompt(PROMPTS, "cpu", 1, False)[0]
    assert torch.equal(sd1.encode(PROMPTS, clip_skip).embeds, expected)


def test_sdxl_equals_diffusers_bit_for_bit(sdxl: Base, sdxl_folder: Path) -> None:
    made = pipeline(sdxl_folder)
    for clip_skip in (None, 0):
        expected, _, pooled, _ = made.encode_prompt(
            prompt=PROMPTS, device="cpu", do_classifier_free_guidance=False, clip_skip=clip_skip
        )
        found = sdxl.encode(PROMPTS)
        assert found.pooled is not None
        assert torch.equal(found.embeds, expected)
        assert torch.equal(found.pooled, pooled)


def pipeline(folder: Path):
    from diffusers import DiffusionPipeline

    return DiffusionPipeline.from_pretrained(folder)


@pytest.mark.parametrize("vectors", [1, 3])
def test_overlay_equals_really_added_tokens(base: Base, vectors: int) -> None:
    """The reference grows the vocabulary, as other programs do, in copies of the encoders."""
    add_word(base, "<thing>", vectors)
    found = base.encode(["a photo of <thing>, red", "a <thing>"])
    names = [f"<thing>_{k}" for k in range(vectors)]
    reference = copy.copy(base)
    reference.words = {}
    reference.text_encoders = [copy.deepcopy(encoder) for encoder in base.text_encoders]
    reference.tokenizers = [copy.deepcopy(tokenizer) for tokenizer in base.tokenizers]
    for encoder, tokenizer, rows in zip(
        reference.text_encoders, reference.tokenizers, base.words["<thing>"], strict=True
    ):
        tokenizer.add_tokens(names)
        embeddings = encoder.get_input_embeddings()
        embeddings.weight = torch.nn.Parameter(torch.cat([embeddings.weight, rows]))
        embeddings.num_embeddings += vectors
    written = " ".join(names)
    expected = reference.encode([f"a photo of {written}, red", f"a {written}"])
    assert torch.equal(found.embeds, expected.embeds)
    if found.pooled is not None and expected.pooled is not None:
        assert torch.equal(found.pooled, expected.pooled)


def test_words_are_whole_as_typed_and_longest_first() -> None:
    words = {"mug": 1, "mug-blue": 1, "<s1>": 1, "my.style": 1}
    found = [
        piece for piece, is_word in text.split(
            "mug, (mug) mugs mug-blue mug-2 Mug smug my.style! myxstyle <s1><s1>", words
        ) if is_word
    ]  # fmt: skip
    assert found == ["mug", "mug", "mug-blue", "my.style", "<s1>", "<s1>"]


def test_pieces_add_up_to_the_prompt() -> None:
    prompt = " a mug,mug\nand more "
    pieces = text.split(prompt, {"mug": 1})
    assert "".join(piece for piece, _ in pieces) == prompt


def test_a_word_never_straddles_two_chunks(sd1: Base) -> None:
    tokenizer = sd1.tokenizers[0]
    chunks = text.chunks_of(tokenizer, "a " * 73 + "<w> cat", {"<w>": 4}, 75)
    assert [len(chunk.ids) for chunk in chunks] == [73, 5]
    assert chunks[1].overlays == [(place, "<w>", place) for place in range(4)]
    with pytest.raises(InputError, match="76 vectors"):
        text.chunks_of(tokenizer, "<w>", {"<w>": 76}, 75)


def test_long_prompts_become_chunks_of_their_own(base: Base) -> None:
    long = base.encode(["a " * 75 + "red dog"])
    assert long.embeds.shape[1] == 154
    first, second = base.encode(["a " * 75]), base.encode(["red dog"])
    assert_near(long.embeds, torch.cat([first.embeds, second.embeds], dim=1))
    if long.pooled is not None and first.pooled is not None:
        assert_near(long.pooled, first.pooled)


def test_shorter_prompts_of_a_batch_get_empty_chunks(base: Base) -> None:
    both = base.encode(["a " * 80, "cat"])
    expected = torch.cat([base.encode(["cat"]).embeds, base.encode([""]).embeds], dim=1)
    assert_near(both.embeds[1:], expected)


def test_count_tokens_counts_vectors(sd1: Base) -> None:
    sd1.words.clear()
    assert text.count_tokens(sd1, "") == 0
    assert text.count_tokens(sd1, "a red cat") == 3
    add_word(sd1, "<w>", 5)
    assert text.count_tokens(sd1, "a <w> cat") == 7
    sd1.words.clear()


def test_gradients_reach_the_words_and_only_them(base: Base) -> None:
    add_word(base, "<w>", 2)
    for rows in base.words["<w>"]:
        rows.requires_grad_(True)
    base.encode(["a <w> cat"]).embeds.square().sum().backward()
    for rows in base.words["<w>"]:
        assert rows.grad is not None
        assert bool((rows.grad.abs().sum(dim=1) > 0).all())
    for encoder in base.text_encoders:
        assert all(parameter.grad is None for parameter in encoder.parameters())


def test_no_hook_remains(base: Base) -> None:
    before = base.encode(["a cat"]).embeds
    add_word(base, "cat", 1)
    assert not torch.equal(base.encode(["a cat"]).embeds, before)
    assert hooks(base) == 0
    base.words["cat"] = [torch.zeros(1, 5)] * len(base.text_encoders)  # cannot be laid over
    with pytest.raises(RuntimeError):
        base.encode(["a cat"])
    assert hooks(base) == 0
    base.words.clear()
    assert torch.equal(base.encode(["a cat"]).embeds, before)
