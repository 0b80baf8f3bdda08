"""The tokenizer of the starter spells any text and keeps the world's words whole."""

from __future__ import annotations

from pathlib import Path

import pytest
from transformers import CLIPTokenizer

from studio.starter import world
from studio.starter.tokenizer import make_tokenizer

SHIPPED = Path(__file__).parents[2] / "assets" / "starter" / "tokenizer"


@pytest.fixture(scope="module")
def tokenizer() -> CLIPTokenizer:
    return CLIPTokenizer.from_pretrained(SHIPPED)


@pytest.mark.parametrize(
    "text",
    [
        "a purple robot in the night sky",
        "ünïcode straße 🦊 漢字 مرحبا",
        "code_v2.1 (best quality:1.3) [x|y]",
        "👩🏽‍🚀 ñ — … ™ ½",
    ],
)
def test_any_text_is_spelt_without_loss(tokenizer: CLIPTokenizer, text: str) -> None:
    ids = tokenizer(text).input_ids
    inner = ids[1:-1]
    assert tokenizer.unk_token_id not in inner
    said = tokenizer.decode(inner)
    assert said.replace(" ", "") == text.lower().replace(" ", "")


def test_ids_are_contiguous_and_the_length_is_clip_s(tokenizer: CLIPTokenizer) -> None:
    assert sorted(tokenizer.get_vocab().values()) == list(range(len(tokenizer)))
    assert tokenizer.model_max_length == 77
    assert tokenizer.pad_token_id == tokenizer.eos_token_id


def test_the_world_s_words_are_single_tokens_and_triggers_are_not(tokenizer: CLIPTokenizer) -> None:
    for word in (*world.KINDS, *world.COLOURS):
        assert len(tokenizer(word).input_ids) == 3, word
    for concept in world.CONCEPTS.values():
        assert len(tokenizer(concept.trigger.split()[0]).input_ids) > 3


def test_new_words_can_be_added(tokenizer: CLIPTokenizer) -> None:
    own = CLIPTokenizer.from_pretrained(SHIPPED)
    assert own.add_tokens(["<zibbo>"]) == 1
    assert own.convert_tokens_to_ids("<zibbo>") == len(tokenizer)


def test_the_shipped_tokenizer_is_what_the_recipe_makes(
    tokenizer: CLIPTokenizer, tmp_path: Path
) -> None:
    made = make_tokenizer(tmp_path / "tokenizer")
    assert made.get_vocab() == tokenizer.get_vocab()
    text = "a small teal snail in a meadow, korvu"
    assert made(text).input_ids == tokenizer(text).input_ids
