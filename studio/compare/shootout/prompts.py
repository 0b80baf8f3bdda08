"""What the columns of a shootout are asked for: captions, one's own prompts, and contexts that no
training image shows.

Owns: choosing them, the same ones every time for the same captions. Refuses to know: files, images.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from studio.core.record import Record
from studio.core.spread import spread
from studio.infer.prompt import escaped
from studio.settings.shootout import ShootoutPrompts

Source = Literal["caption", "novel", "own"]

# Where a subject may be, what may be beside it, what it may be made of or drawn as.
CONTEXTS = (
    "on a beach at sunset", "in the snow", "in a rain forest", "on a mountain top", "under water",
    "in a city street at night", "in the desert", "on a wooden table", "in front of a red brick wall",
    "beside a bowl of fruit", "inside a library", "on the moon", "in a field of sunflowers",
    "as an oil painting", "as a pencil sketch", "as a marble statue", "wearing a wizard hat",
    "riding a bicycle", "behind a waterfall", "in a glass bottle",
)  # fmt: skip
# What a style may show.
SUBJECTS = (
    "a sailing boat", "a bowl of fruit", "an old lighthouse", "a portrait of a woman", "a racing car",
    "a mountain lake", "a sleeping dog", "a city street at night", "a bunch of tulips", "a violin",
    "an astronaut", "a steam train", "a teapot", "a horse", "a castle on a hill", "a bicycle",
)  # fmt: skip
_SMALL = frozenset(
    [
        "a",
        "an",
        "the",
        "of",
        "in",
        "on",
        "at",
        "as",
        "by",
        "to",
        "and",
        "with",
        "under",
        "over",
        "beside",
        "behind",
        "inside",
        "front",
        "next",
        "wearing",
        "top",
        "is",
    ]
)


class ShootoutPrompt(Record):
    """One prompt and where it comes from."""

    text: str
    source: Source


@dataclass(frozen=True)
class Subject:
    """What the captions say of a dataset, as far as prompts need it."""

    captions: tuple[str, ...]
    """As they are trained with, the trigger word in them."""
    phrase: str
    """What calls it: “zibbo cat”, or the words of a style."""
    kind: Literal["subject", "style"] = "subject"


@dataclass(frozen=True)
class World:
    """Words of a base that knows few: its places, its kinds of things, and their colours."""

    places: tuple[str, ...]
    kinds: tuple[str, ...]
    colours: tuple[str, ...]


def chosen(
    wanted: ShootoutPrompts, subject: Subject, world: World | None = None
) -> list[ShootoutPrompt]:
    """The prompts of a shootout, none twice: captions evenly spread, novel contexts, one's own."""
    found: dict[str, Source] = {}
    for text in _spread(subject.captions, wanted.captions):
        found.setdefault(escaped(text), "caption")
    for text in islice(novel(subject, world), wanted.novel):
        found.setdefault(escaped(text), "novel")
    for text in (" ".join(line.split()) for line in wanted.own):
        if text:
            found.setdefault(text, "own")
    return [ShootoutPrompt(text=text, source=source) for text, source in found.items()]


def novel(subject: Subject, world: World | None = None) -> Iterator[str]:
    """Prompts whose context no caption has a word of, the same ones in the same order every time."""
    seen = {word for caption in subject.captions for word in words_of(caption)}
    seen |= set(words_of(subject.phrase))
    styled = subject.kind == "style"
    candidates: Iterable[tuple[str, str]] = [
        (text, text) for text in (SUBJECTS if styled else CONTEXTS)
    ]
    if world is not None:
        candidates = _styled(world) if styled else _placed(world)
    for text, context in candidates:
        if set(words_of(context)) & seen:
            continue
        if styled:
            yield ", ".join(filter(None, (text, subject.phrase)))
        else:
            yield f"{_article(subject.phrase)} {subject.phrase} {text}" if subject.phrase else text


def words_of(text: str) -> list[str]:
    """The words of a text that mean something, in small letters."""
    return [word for word in re.findall(r"\w+", text.casefold()) if word not in _SMALL]


def _placed(world: World) -> Iterator[tuple[str, str]]:
    """(text, what is new in it): the world's places, then its things beside the subject."""
    yield from ((place, place) for place in world.places)
    for thing, kind in _things(world):
        yield f"next to {thing}", kind


def _styled(world: World) -> Iterator[tuple[str, str]]:
    """(text, what is new in it): things of the world, in all its colours and places in turn."""
    for number, (thing, kind) in enumerate(_things(world)):
        yield f"{thing} {world.places[number % len(world.places)]}", kind


def _things(world: World) -> Iterator[tuple[str, str]]:
    for number, kind in enumerate(world.kinds):
        colour = world.colours[number % len(world.colours)]
        yield f"{_article(colour)} {colour} {kind}", kind


def _article(noun: str) -> str:
    return "an" if noun[:1].lower() in tuple("aeiou") else "a"


def _spread(captions: Iterable[str], count: int) -> Sequence[str]:
    """`count` of the different captions, evenly spread over their order."""
    distinct = list(dict.fromkeys(" ".join(caption.split()) for caption in captions))
    distinct = [caption for caption in distinct if caption]
    return spread(distinct, count)
