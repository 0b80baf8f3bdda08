"""What edits do to the words of one caption: pure functions of text.

Owns: spellings of a tag, tags and sentences made of each other, case, underscores. Refuses to know:
which captions are edited, how an edit is asked for (`edits`). Imports no torch.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence

from studio.caption.questions import tags_of

_GAPS = re.compile(r"[\s_\-]+")
_ESCAPED = re.compile(r"\\([()\[\]{}])")
_ENDS = re.compile(r"(?:[.;:!?,]+(?=\s|$)|[。；：！？，、\n])+|\s(?:and|with)(?=\s)", re.IGNORECASE)
_ARTICLE = re.compile(r"(?:an?|the)\s+", re.IGNORECASE)
_BETWEEN = re.compile(r"(?<=[^\W_])_(?=[^\W_])|(?<=[^\W_])_(?=\()|(?<=\))_(?=[^\W_])")
_FACE = 3  # characters; such short tags with an underscore are faces: o_o, 0_0, ^_^


def parts_of(caption: str) -> list[str]:
    """The tags of a caption, or the one sentence; empty ones are left out."""
    return [tag for part in caption.split(",") if (tag := " ".join(part.split()))]


def spelling(tag: str) -> str:
    """What all spellings of a tag share: “red_hair”, “Red hair” and “RED-HAIR” are one."""
    plain = _ESCAPED.sub(r"\1", unicodedata.normalize("NFKC", tag)).casefold()
    return _GAPS.sub(" ", plain).strip()


def usual_spellings(captions: Iterable[str]) -> dict[str, str]:
    """For every tag, the spelling that is used most often; of equally many the first."""
    counts = Counter(tag for caption in captions for tag in parts_of(caption))
    found: dict[str, str] = {}
    for tag, _ in counts.most_common():
        found.setdefault(spelling(tag), tag)
    return found


def merged(caption: str, into: dict[str, str]) -> str:
    """The caption with each tag in the spelling that `into` has for it, each of those once."""
    parts, seen, found = parts_of(caption), set[str](), []
    for tag in parts:
        wanted = into.get(spelling(tag))
        if wanted is None:
            found.append(tag)
        elif wanted not in seen:
            seen.add(wanted)
            found.append(wanted)
    return caption if found == parts else ", ".join(found)


def sorted_tags(caption: str, keep: int, rank: Counter[str] | None = None) -> str:
    """A list of tags by the alphabet, or the most usual first; `keep` at the front stay. A sentence
    stays as it is."""
    if not tags_of(caption):
        return caption
    parts = parts_of(caption)
    rest = sorted(
        parts[keep:], key=lambda tag: (-rank[spelling(tag)] if rank else 0, spelling(tag))
    )
    return caption if rest == parts[keep:] else ", ".join([*parts[:keep], *rest])


def sentence_of(caption: str) -> str:
    """A list of tags as a sentence: “a, red_hat, b” is “a, red hat and b.”; a sentence stays."""
    if not tags_of(caption):
        return caption
    *others, last = [spaced(tag) for tag in parts_of(caption)]
    return f"{', '.join(others)} and {last}." if others else f"{last}."


def tags_from(caption: str) -> str:
    """A sentence as tags: it is cut at punctuation, “and” and “with”, articles go, and what comes
    twice comes once."""
    first: dict[str, str] = {}
    for part in _ENDS.split(caption):
        tag = _ARTICLE.sub("", " ".join(part.split()), count=1) if _starts(part) else part
        tag = " ".join(tag.split())
        if tag:
            first.setdefault(spelling(tag), tag)
    return ", ".join(first.values())


def _starts(part: str) -> bool:
    return _ARTICLE.match(part.strip()) is not None


def cased(caption: str, to: str, trigger: str) -> str:
    """In small letters, capitals, or small letters after a first capital; the trigger word stays as
    it is spelled."""
    made = caption.upper() if to == "upper" else caption.lower()
    if to == "sentence":
        made = made[:1].upper() + made[1:]
    if not trigger:
        return made
    found = re.compile(rf"(?<!\w){re.escape(trigger)}(?!\w)", re.IGNORECASE)
    return found.sub(lambda _: trigger, made)


def spaced(tag: str) -> str:
    """Spaces in place of the underscores between words; faces such as ^_^ and o_o stay."""
    return tag if len(tag) <= _FACE else _BETWEEN.sub(" ", tag)


def with_spaces(caption: str) -> str:
    """The same for every tag of a caption, with everything else as it was."""
    return ",".join(
        part.replace(part.strip(), spaced(part.strip())) if part.strip() else part
        for part in caption.split(",")
    )


def with_underscores(caption: str) -> str:
    """Underscores in place of the spaces inside the tags of a list; a sentence stays as it is."""
    if not tags_of(caption):
        return caption
    return ", ".join("_".join(tag.split()) for tag in parts_of(caption))


def ranks(captions: Sequence[str]) -> Counter[str]:
    """How many captions have a tag, by what its spellings share."""
    return Counter(key for caption in captions for key in {spelling(t) for t in parts_of(caption)})
