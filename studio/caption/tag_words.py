"""Words put into a caption and taken out of it: pure functions of text.

Owns: where commas go. Refuses to know: which captions are edited. Imports nothing that has to be installed.

A caption is a sentence or a list of tags with commas; every function here takes both.
"""

from __future__ import annotations

import re
from collections.abc import Iterable


def add_prefix(caption: str, prefix: str) -> str:
    """`prefix` in front, unless it is there. A bare word gets a comma, “photo of ” does not."""
    if not prefix.strip() or caption.casefold().startswith(prefix.strip().casefold()):
        return caption
    if not caption.strip():
        return prefix.strip(" ,")
    return prefix + ("" if prefix[-1].isspace() else ", ") + caption


def add_suffix(caption: str, suffix: str) -> str:
    """`suffix` at the end, unless it is there; with a comma unless it brings its own start."""
    if not suffix.strip() or caption.casefold().endswith(suffix.strip().casefold()):
        return caption
    if not caption.strip():
        return suffix.strip(" ,")
    return caption + ("" if suffix[0].isspace() or suffix[0] in ",.;" else ", ") + suffix


def replace(caption: str, find: str, by: str, *, whole_words: bool = True) -> str:
    """Every `find`, whatever its case, becomes `by`; `find` is plain text, not a pattern."""
    if not find:
        return caption
    pattern = _word(find) if whole_words else re.compile(re.escape(find), re.IGNORECASE)
    return _tidy(pattern.sub(lambda _: by, caption)) if pattern.search(caption) else caption


def remove_tags(caption: str, tags: Iterable[str]) -> str:
    """Without the tags that equal one of `tags`, whatever their case."""
    unwanted = {_same(tag) for tag in tags if tag.strip()}
    parts = caption.split(",")
    kept = [part for part in parts if _same(part) not in unwanted]
    return caption if len(kept) == len(parts) else _tidy(",".join(kept))


def rename_tag(caption: str, tag: str, new: str) -> str:
    """The tags that equal `tag`, whatever their case, become `new`; once, also where it was there."""
    old, new = _same(tag), new.strip()
    parts = caption.split(",")
    if not old or not new or old not in map(_same, parts):
        return caption
    found: list[str] = []
    for part in parts:
        renamed = f" {new}" if _same(part) == old else part
        if _same(renamed) != _same(new) or _same(new) not in map(_same, found):
            found.append(renamed)
    return _tidy(",".join(found))


def dedupe_tags(caption: str) -> str:
    """Only the first of tags that are equal but for case and spaces; empty tags go too."""
    first: dict[str, str] = {}
    for part in caption.split(","):
        if part.strip():
            first.setdefault(_same(part), part.strip())
    return ", ".join(first.values())


def insert_trigger(caption: str, trigger: str, class_word: str = "") -> str:
    """The trigger, where it is missing: before the class word (“a sks dog”), else in front."""
    trigger = trigger.strip()
    if not trigger or _word(trigger).search(caption) or "[trigger]" in caption.casefold():
        return caption
    found = _word(class_word.strip()).search(caption) if class_word.strip() else None
    if found:
        return f"{caption[: found.start()]}{trigger} {caption[found.start() :]}"
    return f"{trigger}, {caption}" if caption.strip() else f"{trigger} {class_word}".strip()


def _same(tag: str) -> str:
    """What equal tags share: case and blanks do not count."""
    return " ".join(tag.casefold().split())


def _word(text: str) -> re.Pattern[str]:
    # \b would fail at triggers such as “<cat>” or “*”, so the neighbours are looked at instead
    return re.compile(rf"(?<!\w){re.escape(text)}(?!\w)", re.IGNORECASE)


def _tidy(text: str) -> str:
    """Commas and spaces as a person would set them after something was taken out."""
    parts = (" ".join(part.split()) for part in text.split(","))
    return ", ".join(part for part in parts if part)
