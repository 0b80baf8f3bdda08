"""When a prompt or caption contains an extra word: one rule, for encoding, training and preflight.

Owns: the rule. Refuses to know: tokens, tensors. Imports no torch.

A word is matched as a whole and whatever its case, as in A1111's web UI: CLIP knows no capitals. `-`
joins words, so `mug` is not found in `mug-2`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable


def bounded(word: str) -> str:
    """A regular expression that finds `word` where it stands as a whole word."""
    # a boundary is only asked for beside a letter: `<s1>` may touch anything
    before = r"(?<!\w)(?<!\w-)" if re.match(r"\w", word) else ""
    after = r"(?!\w)(?!-\w)" if re.search(r"\w\Z", word) else ""
    return f"{before}{_written(word)}{after}"


def named(text: str, words: Iterable[str]) -> str:
    """Which of `words` a match of theirs means: the one written so, or else the first but for case."""
    found = [word for word in words if re.fullmatch(_written(word), text, re.IGNORECASE)]
    return text if text in found else found[0]


def _written(word: str) -> str:
    """`word` as a pattern: also with its accents apart, as a Mac writes the names of files."""
    forms = (word, *(unicodedata.normalize(form, word) for form in ("NFC", "NFD")))
    return f"(?:{'|'.join(re.escape(form) for form in dict.fromkeys(forms))})"


def contains(text: str, word: str) -> bool:
    """Whether `word` stands in `text` as a whole word."""
    return re.search(bounded(word), text, re.IGNORECASE) is not None


def without(text: str, word: str) -> str:
    """`text` with the extra word taken out and the gap closed: “a zibbo cat” → “a cat”."""
    left = re.sub(bounded(word), " ", text, flags=re.IGNORECASE) if word else text
    parts = [" ".join(part.split()) for part in left.split(",")]
    return ", ".join(part for part in parts if part)
