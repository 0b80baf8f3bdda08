"""Captions that a model cannot have meant: nothing, noise, or the same words over and over.

Owns: telling such a text from a caption, and ending a generation that only repeats itself.
Refuses to know: which model wrote it, what the image shows: a wrong caption can read well.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

REPEATS = 3  # one phrase so often in a row: “big big big”
NUMBER_REPEATS = 6
_LONGEST_PHRASE = 12  # words
_MANY_WORDS = 12  # from so many words on, how few of their pairs differ counts too
_FEWEST_PAIRS = 0.5
# Inside words and in writing without blanks: “hahahaha”, “aaaaaa”.
_LETTERS_AGAIN = re.compile(r"([^\W_])\1{5,}|([^\W_]{2,20}?)\2{3,}")
_WORD = re.compile(r"[^\W_]+")
_WITHOUT_BLANKS = re.compile("[\u0e00-\u0eff\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")
# What a generation may repeat, in tokens; more than a phrase in words, which are several tokens.
_TOKEN_REPEATS = {1: 6, **dict.fromkeys(range(2, 17), 4)}


def doubt(text: str) -> str | None:
    """Why a text is no caption, or None when it may be one."""
    if not text.strip():
        return "The model found no words for it"
    hidden = [c for c in text if unicodedata.category(c) in ("Cc", "Cs", "Co", "Cn")]
    if "\ufffd" in text or any(c not in "\n\r\t" for c in hidden):
        return "It holds characters that cannot be shown"
    words = _words(text)
    if not words or not any(c.isalpha() for c in text):
        return "It holds no words"
    if len(words) == 1:
        return "It is a single word"
    if (phrase := _again_and_again(words)) is not None:
        return f"It repeats “{' '.join(phrase)}”"
    if found := _LETTERS_AGAIN.search(text):
        return f"It repeats “{found[1] or found[2]}”"
    pairs = list(pairwise(words))
    if len(words) >= _MANY_WORDS and len(set(pairs)) < _FEWEST_PAIRS * len(pairs):
        return "It repeats the same few words"
    return None


def goes_in_circles(tokens: Sequence[int]) -> bool:
    """Whether the end of a generation is one group of tokens over and over: no end will come."""
    for length, repeats in _TOKEN_REPEATS.items():
        end = list(tokens[-length * repeats :])
        if len(end) == length * repeats and end == end[:length] * repeats:
            return True
    return False


def stopping(begin: int) -> Any:
    """A criterion for `generate` that ends each row of a batch once it goes in circles.

    `begin` is how many tokens of a row were given to the model.
    """
    import torch
    from transformers import StoppingCriteria, StoppingCriteriaList

    class Circles(StoppingCriteria):
        def __call__(self, input_ids: torch.Tensor, scores: Any, **named: Any) -> torch.Tensor:
            rows = [goes_in_circles(row[begin:].tolist()) for row in input_ids]
            return torch.tensor(rows, dtype=torch.bool, device=input_ids.device)

    return StoppingCriteriaList([Circles()])


def _words(text: str) -> list[str]:
    """Words in lower case; in writing without blanks every sign is one."""
    found: list[str] = []
    for word in _WORD.findall(text.casefold()):
        found += list(word) if _WITHOUT_BLANKS.search(word) else [word]
    return found


def _again_and_again(words: list[str]) -> list[str] | None:
    """A phrase that stands several times in a row, or None."""
    for length in range(1, _LONGEST_PHRASE + 1):
        for at in range(len(words) - length * REPEATS + 1):
            phrase = words[at : at + length]
            numbers = all(word.isdigit() for word in phrase)  # “rgb 255 255 255” is no accident
            repeats = NUMBER_REPEATS if numbers else REPEATS
            if words[at : at + length * repeats] == phrase * repeats:
                return phrase
    return None
