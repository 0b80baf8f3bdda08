"""Prompts become the same numbers as in diffusers; words lie over embeddings and leave no trace."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from studio.core.errors import InputError
from studio.families import text
from studio.families.base import Base
from studio.families.token_match import contains, without
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


def test_words_are_whole_whatever_their_case_and_longest_first() -> None:
    words = {"mug": 1, "mug-blue": 1, "<s1>": 1, "my.style": 1}
    found = [
        piece for piece, is_word in text.split(
            "mug, (mug) mugs mug-blue mug-2 Mug smug my.style! myxstyle <s1><s1>", words
        ) if is_word
    ]  # fmt: skip
    assert found == ["mug", "mug", "mug-blue", "Mug", "my.style", "<s1>", "<s1>"]


def test_case_does_not_count_unless_two_words_differ_by_nothing_else(sd1: Base) -> None:
    def found(prompt: str, *words: str) -> list[str]:
        chunks = text.chunks_of(sd1.tokenizers[0], prompt, dict.fromkeys(words, 1), 75)
        return [word for chunk in chunks for _, word, _ in chunk.overlays]

    assert found("easynegative, EASYNEGATIVE", "EasyNegative") == ["EasyNegative"] * 2
    assert found("Zeb zeb ZEB", "zeb", "Zeb") == ["Zeb", "zeb", "zeb"]
    assert contains("a ZIBBO cat", "zibbo") and without("a Zibbo cat", "zibbo") == "a cat"


def test_a_word_in_another_case_generates_what_it_generated(base: Base) -> None:
    add_word(base, "EasyNegative", 2)
    expected, plain = base.encode(["a EasyNegative"]), base.encode(["a thing"])
    found = base.encode(["a easynegative"])
    assert torch.equal(found.embeds, expected.embeds)
    assert not torch.equal(found.embeds, plain.embeds)


class Letters:
    """A tokenizer of one token per word; a comma is 1."""

    all_special_ids = (0,)

    def __len__(self) -> int:
        return 1000

    def __call__(self, prompt: str, **_: Any) -> dict[str, list[int]]:
        return {"input_ids": [1 if word == "," else int(word) for word in prompt.split()]}


# What A1111's `tokenize_line` gives, comma_padding_backtrack being 20: (prompt, words → tokens per
# chunk, with the first token of each).
def line(*parts: object) -> str:
    return " ".join(str(part) for part in parts)


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        (line(*range(10, 86)), [75, 1]),  # no comma
        (line(*range(10, 80), ",", *range(80, 90)), [71, 10]),
        (line(*range(10, 65), ",", *range(100, 125)), [56, 25]),  # 20 tokens from the comma on
        (line(*range(10, 64), ",", *range(100, 125)), [75, 5]),  # 21: it stays
        (line(*range(10, 84), ",", 90), [75, 1]),  # the comma is the last that fits
        (line(*range(10, 80), ",", *range(80, 84), ",", 90), [75, 2]),  # itself a comma
        (line(*range(10, 80), ",", 80, ",", *range(81, 90)), [73, 9]),  # the last one
    ],
)
def test_a_full_chunk_ends_after_its_last_comma(prompt: str, expected: list[int]) -> None:
    chunks = text.chunks_of(Letters(), prompt, {}, 75)
    assert [len(chunk.ids) for chunk in chunks] == expected
    assert [token for chunk in chunks for token in chunk.ids] == Letters()(prompt)["input_ids"]
    assert all(len(chunk.weights) == len(chunk.ids) for chunk in chunks)


def test_words_behind_a_late_comma_move_on_with_it() -> None:
    prompt = line(*range(10, 70), ",", 71, "<w>", *range(100, 120))
    first, second = text.chunks_of(Letters(), prompt, {"<w>": 3}, 75)
    assert len(first.ids) == 61 and first.overlays == []
    assert second.overlays == [(1 + row, "<w>", row) for row in range(3)]
    # a word that begins at the edge moves what is before it, too
    prompt = line(*range(10, 80), ",", *range(80, 84), "<w>")
    first, second = text.chunks_of(Letters(), prompt, {"<w>": 3}, 75)
    assert (len(first.ids), len(second.ids)) == (71, 7)
    assert second.overlays == [(4 + row, "<w>", row) for row in range(3)]


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
