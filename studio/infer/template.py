"""Choices in a prompt: `{a|b}` and wildcards `__name__`, as the web UIs' dynamic prompts write them.

Owns: the syntax, and which choice a seed makes. Refuses to know: where wildcards lie
(`studio.library.wildcards`), brackets (`studio.infer.prompt`, which reads what comes out), torch.

`{a|b}` is one of its parts, `__name__` one line of the wildcard of that name; both may be inside of
each other. Braces without a bar inside are text, as is everything that does not come out even.
`\\{`, `\\}`, `\\__` and, between braces, `\\|` are the signs themselves. A bar inside `[a|b]` belongs to
that bracket.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TypeVar

from studio.core.errors import InputError

Choice = TypeVar("Choice")
Lines = Callable[[str], list[str]]
"""The lines of a wildcard, by its name; raises what is wrong with it."""

MOST_DEPTH = 20
MOST_LETTERS = 20_000
_CLOSERS = {"}": "{", "]": "["}
_WILDCARD = re.compile(r"__(\w[\w/. \-]*?)__")
_ESCAPE = re.compile(r"\\(?=[{}]|__)")
_SIGN = re.compile(r"[{}]|__")


def resolve(text: str, seed: int, lines: Lines, purpose: str = "prompt") -> str:
    """`text` with every choice made: the same text, seed and wildcards give the same.

    Each choice is a function of (seed, purpose, how many came before it). Raises InputError where
    wildcards name each other in a circle, or the result would be too deep or too long, and what
    `lines` raises.
    """
    return _Resolver(seed, purpose, lines).read(text, ())


def has_choices(text: str) -> bool:
    """Whether `text` is anything but itself."""
    return bool(_ESCAPE.search(text) or _WILDCARD.search(text) or _groups(text))


def escaped(text: str) -> str:
    """`text` written so that it is read as it stands: the prompt of a finished image."""
    return _SIGN.sub(r"\\\g<0>", text) if has_choices(text) else text


@dataclass(frozen=True)
class _Group:
    """Braces with bars: where they end, and the places of the bars."""

    end: int
    bars: list[int] = field(default_factory=list)

    def parts(self, start: int) -> list[tuple[int, int]]:
        """Begin and end of each part."""
        edges = [start, *self.bars, self.end]
        return [(a + 1, b) for a, b in pairwise(edges)]


def _groups(text: str) -> dict[int, _Group]:
    """Place of each opening brace → its group, for braces that are closed and have a bar inside."""
    bars: dict[int, list[int]] = {}
    waiting: list[int] = []
    counts = {"{": 0, "[": 0}
    pairs: dict[int, int] = {}
    for place, letter in enumerate(text):
        if place and text[place - 1] == "\\":
            continue
        if letter in counts:
            waiting.append(place)
            counts[letter] += 1
            bars[place] = []
        elif letter == "|" and waiting:
            bars[waiting[-1]].append(place)
        elif letter in _CLOSERS and counts[_CLOSERS[letter]]:
            loose: list[int] = []  # bars of brackets that were opened later and never closed
            while text[start := waiting.pop()] != _CLOSERS[letter]:
                counts[text[start]] -= 1
                loose += bars.pop(start)
            counts[text[start]] -= 1
            bars[start] = sorted([*bars[start], *loose])
            pairs[start] = place
    return {
        start: _Group(end, bars[start])
        for start, end in pairs.items()
        if text[start] == "{" and bars[start]
    }


class _Resolver:
    """One prompt being read: how many choices were made, how long the result is."""

    def __init__(self, seed: int, purpose: str, lines: Lines) -> None:
        self.seed, self.purpose, self.lines = seed, purpose, lines
        self.choices = self.letters = 0

    def read(self, text: str, chain: tuple[str, ...]) -> str:
        """A whole text: the prompt's, or a line of the wildcards in `chain`."""
        if len(chain) > MOST_DEPTH:
            raise _too_much(f"Wildcards are inside of each other more than {MOST_DEPTH} deep.")
        return self.part(text, _groups(text), (0, len(text)), chain, 0)

    def part(
        self, text: str, groups: dict[int, _Group], span: tuple[int, int],
        chain: tuple[str, ...], depth: int,
    ) -> str:  # fmt: skip
        """What stands between the two places of `span`."""
        if depth > MOST_DEPTH:
            raise _too_much(f"Braces are inside of each other more than {MOST_DEPTH} deep.")
        place, end = span
        written: list[str] = []
        while place < end:
            if group := groups.get(place):
                inner = self.chosen(group.parts(place))
                written.append(self.part(text, groups, inner, chain, depth + 1))
                place = group.end + 1
            elif found := _WILDCARD.match(text, place, end):
                written.append(self.wildcard(found[1], chain))
                place = found.end()
            else:
                sign = _sign_at(text, place, end, inside=depth > 0)
                written.append(sign or text[place])
                place += len(sign) + 1 if sign else 1
                self.count(1)
        return "".join(written)

    def wildcard(self, name: str, chain: tuple[str, ...]) -> str:
        """One line of a wildcard, read like a prompt."""
        if name in chain:
            circle = " → ".join((*chain[chain.index(name) :], name))
            raise InputError(
                "Wildcards name each other in a circle",
                where=f"__{name}__",
                why=circle,
                remedy="Take one of them out of the other's file.",
                safe="Nothing was generated.",
            )
        line = self.chosen(self.lines(name))
        return self.read(line, (*chain, name))

    def chosen(self, choices: list[Choice]) -> Choice:
        """One of several, by the seed."""
        self.choices += 1
        self.count(0)
        key = f"{self.seed}/{self.purpose}/{self.choices}".encode()
        number = int.from_bytes(hashlib.blake2b(key, digest_size=8).digest(), "big")
        return choices[number % len(choices)]

    def count(self, letters: int) -> None:
        """Keeps an eye on what all of it amounts to."""
        self.letters += letters
        if max(self.letters, self.choices) > MOST_LETTERS:
            raise _too_much(f"It would have more than {MOST_LETTERS:,} letters.")


def _sign_at(text: str, place: int, end: int, *, inside: bool) -> str:
    """The sign that a backslash at `place` stands for; "" where it is a backslash."""
    if text[place] != "\\":
        return ""
    sign = "__" if text.startswith("__", place + 1) else text[place + 1 : place + 2]
    known = ("{", "}", "__", "|") if inside else ("{", "}", "__")
    return sign if sign in known and place + len(sign) < end else ""


def _too_much(why: str) -> InputError:
    return InputError(
        "The choices in the prompt make too much of it",
        why=why,
        remedy="Look for a wildcard whose lines name too many others.",
        safe="Nothing was generated.",
    )
