"""The words of a filter: brackets, operators, terms, and where each of them begins.

Owns: how a filter is cut into words, and the error that points at a place in it. The same in
JavaScript is `static/scripts/caption/filter_words.js`; both are tried on
`tests/caption/filter_cases.json`. Refuses to know: what the words mean.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from studio.core.errors import InputError

LONGEST = 2000  # characters of a filter
BLANKS = " \t\r\n\u00a0\u3000"
OPERATORS = ("AND", "OR", "NOT")
_FIELD = re.compile(r"([A-Za-z]+):")


class FilterError(InputError):
    """A filter that cannot be understood; `start` and `end` are the characters that are wrong."""

    def __init__(
        self, what: str, text: str, start: int, end: int, remedy: str | None = None
    ) -> None:
        self.start, self.end = start, max(end, start + 1)
        marked = f"{text[:start]}▸{text[start:]}"
        super().__init__(what, where=marked[max(0, start - 60) : start + 60], remedy=remedy)


@dataclass(frozen=True)
class Word:
    """One word: `kind` is `(`, `)`, an operator, or `term`."""

    kind: str
    text: str
    at: int
    end: int
    field: str = ""
    """What stands before the colon."""
    quoted: bool = False


def words_of(text: str) -> list[Word]:
    """The words of a filter. Raises FilterError."""
    if len(text) > LONGEST:
        raise FilterError("This filter is too long", text, LONGEST, len(text))
    found: list[Word] = []
    at = 0
    while at < len(text):
        if text[at] in BLANKS:
            at += 1
            continue
        word = Word(text[at], text[at], at, at + 1) if text[at] in "()" else _term(text, at)
        found.append(word)
        at = word.end
    return found


def _term(text: str, at: int) -> Word:
    named = _FIELD.match(text, at)
    start = named.end() if named else at
    field = named[1].lower() if named else ""
    if text[start : start + 1] == '"':
        value, end = _quoted(text, start)
        return Word("term", value, at, end, field, True)
    end = _bare_end(text, start)
    word = text[start:end]
    if not named and word in OPERATORS:
        return Word(word, word, at, end)
    return Word("term", word, at, end, field)


def _quoted(text: str, start: int) -> tuple[str, int]:
    letters = []
    at = start + 1
    while at < len(text):
        if text[at] == "\\" and text[at + 1 : at + 2] in ('"', "\\"):
            letters.append(text[at + 1])
            at += 2
            continue
        if text[at] == '"':
            return "".join(letters), at + 1
        letters.append(text[at])
        at += 1
    raise FilterError("A quote is not closed", text, start, start + 1, 'Put a “"” behind it.')


def _bare_end(text: str, start: int) -> int:
    """Where a word without quotes ends; brackets inside of it belong to it: `miku_(vocaloid)`."""
    depth, at = 0, start
    while at < len(text) and text[at] not in BLANKS:
        if text[at] == "(":
            if at == start or text[start:at] in OPERATORS:
                break
            depth += 1
        elif text[at] == ")":
            if not depth:
                break
            depth -= 1
        at += 1
    return at
