"""Checks of the captions: are they there, do they hold the words they need, do they agree.

Owns: its rows of the table, and which captions lack a caption or the trigger word, which the
preflight of a run asks as well. Refuses to know: images.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from statistics import median

from studio.checkup.records import Check, Evidence, Hit
from studio.core.counts import counted
from studio.families.token_match import contains
from studio.formats.caption_marks import as_trained
from studio.formats.captions import fill_template
from studio.formats.dataset_info import DatasetImage, DatasetInfo

FEWEST = 6  # captions, before one that differs is an exception and not variety
_ODD_SHARE = 0.1  # of the captions may lack the class word and still be exceptions
_LONGER = 3  # times the usual length
_MORE = 12  # words
_WORD = re.compile(r"[^\W\d_]{3,}")
_COMMON = frozenset(
    ("and", "are", "for", "from", "her", "his", "into", "its", "near", "over", "she", "that", "the")
    + ("their", "there", "they", "this", "under", "was", "were", "which", "who", "with")
)
_SHOWN = 60  # characters of a caption


def without_caption(info: DatasetInfo) -> list[DatasetImage]:
    """Images that have no caption of their own, or a blank one."""
    return [i for i in info.items if not i.captioned or not (i.caption or "").strip()]


def without_trigger(
    info: DatasetInfo, trigger: str, template: Sequence[str] = ()
) -> tuple[list[str], list[DatasetImage]]:
    """(the trigger words, the images whose captions lack theirs), as training reads the captions.

    A dataset of several concepts has a word for each; else it is `trigger`. No words: none is set.
    """
    words = trigger_words(info, trigger)
    lacking = []
    for word, item in zip(words, info.items if words else [], strict=True):
        captions = item.captions or (item.caption or "",)
        texts = [fill_template(line, word, text) for text in captions for line in template]
        texts = texts or list(captions)
        if not all(contains(text, word) for text in texts):
            lacking.append(item)
    return list(dict.fromkeys(words)), lacking


def trigger_words(info: DatasetInfo, trigger: str) -> list[str]:
    """The trigger word of each image, in a dataset of several concepts its own; none where none is set."""
    own = {item.trigger for item in info.items}
    if not trigger and ("" in own or len(own) < 2):
        return []
    several = len(own) > 1
    return [item.trigger if several and item.trigger else trigger for item in info.items]


def has_trigger(caption: str, word: str) -> bool:
    """Whether a caption has its trigger word, as training reads it."""
    return contains(as_trained(caption, word), word)


def _missing(seen: Evidence) -> list[Hit]:
    return [Hit((item.path,)) for item in without_caption(seen.info) if item.caption != ""]


def _empty(seen: Evidence) -> list[Hit]:
    return [Hit((item.path,)) for item in without_caption(seen.info) if item.caption == ""]


def _no_trigger(seen: Evidence) -> list[Hit]:
    words, lacking = without_trigger(seen.info, seen.info.trigger)
    named = "”, “".join(words)
    return [
        Hit((item.path,), f"no “{item.trigger or named}” in “{short(item.caption)}”")
        for item in lacking
        if (item.caption or "").strip()
    ]


def _unnamed(seen: Evidence) -> list[Hit]:
    return [] if without_trigger(seen.info, seen.info.trigger)[0] else [Hit(())]


def _odd(seen: Evidence) -> list[Hit]:
    """Captions that lack a word which (nearly) all others have."""
    items = [item for item in seen.info.items if (item.caption or "").strip()]
    if len(items) < FEWEST:
        return []
    known = _words(f"{seen.info.trigger} {seen.info.class_word}")
    found = {}
    if seen.info.class_word:
        lacking = [i for i in items if not contains(i.caption or "", seen.info.class_word)]
        if len(lacking) <= max(1, _ODD_SHARE * len(items)):
            found = {item.path: _odd_hit(item, seen.info.class_word) for item in lacking}
    texts = [_words(item.caption or "") for item in items]
    counted = Counter(word for words in texts for word in words)
    usual = {word for word, number in counted.items() if number == len(items) - 1} - known
    for item, words in zip(items, texts, strict=True):
        for word in sorted(usual - words):
            found.setdefault(item.path, _odd_hit(item, word))
    return list(found.values())


def _odd_hit(item: DatasetImage, word: str) -> Hit:
    return Hit((item.path,), f"no “{word}”, which the others have: “{short(item.caption)}”")


def _length(seen: Evidence) -> list[Hit]:
    items = [item for item in seen.info.items if (item.caption or "").strip()]
    lengths = [len((item.caption or "").split()) for item in items]
    if len(items) < FEWEST:
        return []
    usual = median(lengths)
    return [
        Hit((item.path,), f"{counted(words, 'word')}; the others have about {usual:g}")
        for item, words in zip(items, lengths, strict=True)
        if words > max(_LONGER * usual, usual + _MORE)
        or words < min(usual / _LONGER, usual - _MORE)
    ]


def _tokens(seen: Evidence) -> list[Hit]:
    base = seen.base
    if base is None or base.count is None:
        return []
    hits = []
    for item in seen.info.items:
        caption = max(item.captions or (item.caption or "",), key=len)
        if len(caption.encode("utf-8", "replace")) <= base.chunk:  # a token is a byte at least
            continue
        tokens, chunks = base.count(caption)
        if chunks > 1:
            hits.append(
                Hit((item.path,), f"{counted(tokens, 'token')}, {chunks} chunks of {base.chunk}")
            )
    return hits


def _words(text: str) -> set[str]:
    return set(_WORD.findall(text.casefold())) - _COMMON


def short(caption: str | None) -> str:
    """The beginning of a caption, in one line."""
    text = " ".join((caption or "").split())
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


CHECKS = (
    Check(
        "missing", "No caption", "the text file beside the image",
        "Without a caption the whole image goes into the trigger word: describe it.",
        "warning", _missing,
    ),
    Check(
        "empty", "Empty caption", "the text file beside the image",
        "There is a text file with nothing in it: describe the image.",
        "warning", _empty,
    ),
    Check(
        "trigger", "Trigger word missing", "the captions, for the dataset's trigger word",
        "What these images show is not tied to the word: add it under “Edit many at once”.",
        "warning", _no_trigger,
    ),
    Check(
        "odd", "Not like the other captions", "words that all captions but one have, the class word",
        "Either the caption is wrong or the image does not belong to the set.",
        "warning", _odd,
    ),
    Check(
        "unnamed", "No trigger word", "`dataset.toml`",
        "Nothing says which word stands for the concept: name one, or set it for the run.",
        "note", _unnamed,
    ),
    Check(
        "length", "Much longer or shorter", "the number of words, against the middle of the set",
        "A caption of another kind than the rest: look whether it is finished.",
        "note", _length,
    ),
    Check(
        "tokens", "Longer than the text encoder reads at once", "tokens, by the base's vocabulary",
        "It is read in chunks here; other programs may cut it after the first.",
        "note", _tokens,
    ),
)  # fmt: skip
