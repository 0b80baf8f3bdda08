"""What brackets and tags in a prompt mean, as A1111's web UI reads them.

Owns: the syntax. Refuses to know: tokens, adapters, torch.

`(a)` ×1.1 · `[a]` ÷1.1 · `(a:1.3)` ×1.3 · nesting multiplies · `\\(` is a bracket · `BREAK` begins a
new chunk · `[a:b:0.5]` a, from half of the steps b (`[a:b:12]`: from step 12; `[b:0.5]`, `[a::0.5]`)
· `[a|b]` in turn, step by step. Tags that name files: `studio.infer.tags`.

What does not come out even is text: an unclosed bracket, a third colon, a weight that is no number.
(A1111 lets an unclosed bracket count to the end; here it is a bracket.) Everything takes time in
proportion to the length of the prompt, however it is nested.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from studio.families.token_match import bounded
from studio.families.weighted import Span, Text, Weighted, parts_of

_MORE = 1.1
_CLOSERS = {")": "(", "]": "["}
_ESCAPED = frozenset("()[]\\")
_NUMBER = re.compile(r"\d+\.?\d*|\.\d+")
_WEIGHT = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)")
_SYNTAX = re.compile(r"[()\[\]:|\\]|\bBREAK\b")
_BREAK = re.compile(r"\s*\bBREAK\b\s*")


def weighted(prompt: str, words: Iterable[str] = ()) -> Text:
    """`prompt` with its emphasis and BREAKs read; a plain `str` where nothing of it has a weight.

    Brackets in `words`, which are names of embeddings, are letters like any other. A BREAK at the
    end begins nothing.
    """
    prompt, hidden = _hidden(prompt, words)
    parts: list[list[Span]] = [[]]
    for span in _spans(prompt):
        for place, piece in enumerate(_BREAK.split(span.text)):
            if place:
                parts.append([])
            if piece:
                parts[-1].append(Span(piece.translate(hidden), span.weight))
    if len(parts) > 1 and not parts[-1]:
        parts.pop()
    if len(parts) == 1 and all(span.weight == 1 for span in parts[0]):
        return "".join(span.text for span in parts[0])
    return Weighted(tuple(tuple(part) for part in parts))


def plain(prompt: str) -> str:
    """What is left of `prompt` for a reader that knows no brackets: its words at the last step."""
    text = weighted(steps_of(prompt, 2)[-1])
    return " ".join("".join(span.text for span in part) for part in parts_of(text))


def steps_of(prompt: str, steps: int, words: Iterable[str] = ()) -> list[str]:
    """The prompt at each of `steps` sampling steps, its `[a:b:n]` and `[a|b]` resolved.

    A number with a point is a share of the steps, one without is a step; the change comes after it.
    `words` as in `weighted`.
    """
    safe, hidden = _hidden(prompt, words)
    groups = _changing(safe, steps)
    if not groups:
        return [prompt] * steps
    return [_at(safe, groups, step).translate(hidden) for step in range(steps)]


def escaped(text: str) -> str:
    """`text` written so that it is read as it stands: a caption as a prompt."""
    # CLIP knows no capitals: in small letters it is the same word, and no longer a command
    quiet = re.sub(r"\bBREAK\b", "break", text)
    return re.sub(r"([()\[\]\\])", r"\\\1", quiet)


def _hidden(prompt: str, words: Iterable[str]) -> tuple[str, dict[int, str]]:
    """(`prompt` with a letter of nobody's for each word that holds syntax, the way back)."""
    names = sorted(filter(_SYNTAX.search, words), key=len, reverse=True)
    if not names:
        return prompt, {}
    free = (code for code in range(0xE000, 0xF900) if chr(code) not in prompt)
    letters: dict[str, str] = {}

    def hide(match: re.Match[str]) -> str:
        if match[0] not in letters:
            letters[match[0]] = chr(next(free))
        return letters[match[0]]

    pattern = "|".join(bounded(name) for name in names)
    safe = re.sub(pattern, hide, prompt, flags=re.IGNORECASE)
    return safe, {ord(letter): word for word, letter in letters.items()}


def _pairs(text: str) -> dict[int, int]:
    """Place of each opening bracket that is closed → place of its closing one."""
    pairs: dict[int, int] = {}
    waiting: list[int] = []
    counts = {"(": 0, "[": 0}
    place = 0
    while place < len(text):
        letter = text[place]
        if letter == "\\":
            place += 1
        elif letter in counts:
            waiting.append(place)
            counts[letter] += 1
        elif letter in _CLOSERS and counts[_CLOSERS[letter]]:
            while True:  # brackets that were opened later and never closed are text
                start = waiting.pop()
                counts[text[start]] -= 1
                if text[start] == _CLOSERS[letter]:
                    break
            pairs[start] = place
        place += 1
    return pairs


def _separators(text: str, pairs: dict[int, int]) -> dict[int, list[int]]:
    """Place of each closed bracket → places of the `:` and `|` directly inside it."""
    found: dict[int, list[int]] = {start: [] for start in pairs}
    inside: list[int] = []
    place = 0
    while place < len(text):
        if text[place] == "\\":
            place += 1
        elif place in pairs:
            inside.append(place)
        elif inside and place == pairs[inside[-1]]:
            inside.pop()
        elif inside and text[place] in ":|":
            found[inside[-1]].append(place)
        place += 1
    return found


@dataclass(frozen=True)
class _Group:
    """A bracket whose contents change over the steps: ranges of text, and which one when."""

    end: int
    choices: list[tuple[int, int]]
    when: int | None
    """From this step on the second choice; None: in turn."""

    def choice(self, step: int) -> tuple[int, int]:
        if self.when is None:
            return self.choices[step % len(self.choices)]
        return self.choices[int(step >= self.when)]


def _changing(text: str, steps: int) -> dict[int, _Group]:
    pairs = _pairs(text)
    groups = {}
    for start, separators in _separators(text, pairs).items():
        end = pairs[start]
        if text[start] != "[" or not separators:
            continue
        bars = [place for place in separators if text[place] == "|"]
        if bars:
            edges = [start, *bars, end]
            choices = [(a + 1, b) for a, b in pairwise(edges)]
            groups[start] = _Group(end + 1, choices, None)
            continue
        number = text[separators[-1] + 1 : end].strip()
        if len(separators) > 2 or not _NUMBER.fullmatch(number):
            continue
        when = int(float(number) * steps) if "." in number else int(number)
        first, last = separators[0], separators[-1]
        before = (start + 1, first) if len(separators) == 2 else (start + 1, start + 1)
        after = (first + 1, last) if len(separators) == 2 else (start + 1, first)
        groups[start] = _Group(end + 1, [before, after], when)
    return groups


def _at(text: str, groups: dict[int, _Group], step: int) -> str:
    written: list[str] = []
    jumps: list[tuple[int, int]] = []
    place = 0
    while place < len(text):
        if jumps and place == jumps[-1][0]:
            place = jumps.pop()[1]
        elif place in groups:
            start, end = groups[place].choice(step)
            jumps.append((end, groups[place].end))
            place = start
        else:
            written.append(text[place])
            place += 1
    return "".join(written)


def _spans(text: str) -> list[Span]:
    """Emphasis read, neighbours of one weight joined."""
    pairs = _pairs(text)
    weights, ends = _factors(text, pairs)
    spans: list[Span] = []
    open_until: list[tuple[int, int]] = []
    factors = [1.0]
    letters: list[str] = []

    def close() -> None:
        if letters:
            spans.append(Span("".join(letters), factors[-1]))
            letters.clear()

    place = 0
    while place < len(text):
        if open_until and place == open_until[-1][0]:
            close()
            factors.pop()
            place = open_until.pop()[1]
        elif place in pairs:
            close()
            factors.append(factors[-1] * weights[place])
            open_until.append((ends[place], pairs[place] + 1))
            place += 1
        elif text[place] == "\\" and text[place + 1 : place + 2] in _ESCAPED:
            letters.append(text[place + 1])
            place += 2
        else:
            letters.append(text[place])
            place += 1
    close()
    joined: list[Span] = []
    for span in spans:
        if joined and joined[-1].weight == span.weight:
            span = Span(joined.pop().text + span.text, span.weight)
        joined.append(span)
    return joined


def _factors(text: str, pairs: dict[int, int]) -> tuple[dict[int, float], dict[int, int]]:
    """Place of each bracket → its factor, and → where its text ends."""
    weights, ends = {}, {}
    separators = _separators(text, pairs)
    for start, end in pairs.items():
        weights[start] = _MORE if text[start] == "(" else 1 / _MORE
        ends[start] = end
        colons = [place for place in separators[start] if text[place] == ":"]
        if text[start] == "(" and colons:
            number = text[colons[-1] + 1 : end].strip()
            if _WEIGHT.fullmatch(number):
                weights[start], ends[start] = float(number), colons[-1]
    return weights, ends
