"""Prompts for text encoders that read any number of tokens, with a mask.

Owns: a text between what a template puts before and after it, extra words in it, weights of its
tokens. Refuses to know: which layer a family reads, which template an encoder was trained with.

Each prompt is run by itself, without padding: what it becomes depends on no other prompt.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from studio.families.base import Base
from studio.families.conditioning import Conditioning
from studio.families.text import chunks_of, emphasised, overlaid
from studio.families.weighted import Text

Forward = Callable[[Any, Tensor], Tensor]


def encode(
    base: Base,
    index: int,
    prompts: Sequence[Text],
    forward: Forward,
    template: tuple[str, str] = ("", ""),
) -> Conditioning:
    """Runs text encoder `index` over `prompts`; shorter ones are padded behind the mask.

    `forward(encoder, ids [1, T])` gives hidden states [1, T, d]; `template` is what stands before
    and after every prompt. Returns `embeds` [B, T, d] and `mask` [B, T].
    """
    rows = [_row(base, index, prompt, forward, template) for prompt in prompts]
    return Conditioning.join(rows)


def _row(
    base: Base, index: int, prompt: Text, forward: Forward, template: tuple[str, str]
) -> Conditioning:
    encoder, tokenizer = base.text_encoders[index], base.tokenizers[index]
    before, after = (_ids(tokenizer, part) for part in template)
    lengths = {word: len(vectors[index]) for word, vectors in base.words.items()}
    ids, weights = before, [1.0] * len(before)
    overlays: list[tuple[int, int, Tensor]] = []
    for chunk in chunks_of(tokenizer, prompt, lengths, sys.maxsize):
        overlays += [
            (0, len(ids) + place, base.words[word][index][row])
            for place, word, row in chunk.overlays
        ]
        ids, weights = [*ids, *chunk.ids], [*weights, *chunk.weights]
    ids = [*ids, *after] or [int(tokenizer.pad_token_id)]
    with overlaid(encoder, overlays):
        hidden = forward(encoder, torch.tensor([ids], device=base.device))
    hidden = emphasised(hidden, [weights], first=0)
    return Conditioning(
        hidden, mask=torch.ones(hidden.shape[:2], dtype=torch.bool).to(hidden.device)
    )


def _ids(tokenizer: Any, text: str) -> list[int]:
    return list(tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])
