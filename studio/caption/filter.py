"""Which images of a dataset are meant: `tag:red AND NOT (name:IMG_* OR tokens:>75)`.

Owns: the language, its fields, and what a filter says of one image. The same in JavaScript is
`static/scripts/caption/filter.js`; both are tried on `tests/caption/filter_cases.json`.
Refuses to know: datasets, files, tokenizers.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

from studio.caption.filter_words import BLANKS, FilterError, Word, words_of

HELP = (
    'words that the caption contains; tag:red  caption:"two dogs"  name:IMG_*  folder:close-ups  '
    "tokens:>75  tags:<3  chars:>200  missing (no caption)  trigger (has the trigger word); AND, OR, "
    "NOT, brackets, quotes"
)
FIELDS = ("caption", "tag", "name", "folder", "tokens", "tags", "chars")
FLAGS = ("missing", "trigger")
DEEPEST = 40  # brackets and NOTs inside each other
_NUMBERS = ("tokens", "tags", "chars")
_NUMBER = re.compile(r"(>=|<=|>|<|=)?([0-9]{1,9})")
_BLANK = re.compile(f"[{BLANKS}]+")


@dataclass(frozen=True)
class Facts:
    """What a filter asks of an image. `tokens` and `trigger` are None where nobody knows."""

    file: str
    """Relative to the dataset, with `/`."""
    caption: str
    tokens: int | None = None
    trigger: bool | None = None
    """Whether the caption has the trigger word."""


Test = Callable[[Facts], bool]


@dataclass(frozen=True)
class Filter:
    """A filter that was understood. `needs`: `tokens`, `trigger`, with the place that asks for each."""

    text: str
    test: Test
    needs: dict[str, tuple[int, int]]

    def refuse(self, need: str, what: str, remedy: str | None = None) -> None:
        """Raises FilterError at the place of a need that cannot be met, when there is one."""
        if need in self.needs:
            raise FilterError(what, self.text, *self.needs[need], remedy)


def parse(text: str) -> Filter:
    """A filter; an empty one lets every image through. Raises FilterError at the place of a mistake."""
    reader = _Reader(text)
    if not reader.words:
        return Filter(text, lambda facts: True, {})
    test = reader.either(0)
    if (left := reader.next) is not None:  # only a bracket can be left
        raise reader.error("A bracket is closed that was not opened", left)
    return Filter(text, test, reader.needs)


def tags_of(caption: str) -> list[str]:
    """The parts of a caption between its commas, with single blanks and as written."""
    return [tag for part in caption.split(",") if (tag := _BLANK.sub(" ", part).strip(" "))]


class _Reader:
    """Reads words from left to right; each method returns a test."""

    def __init__(self, text: str) -> None:
        self.text, self.words, self.place = text, words_of(text), 0
        self.needs: dict[str, tuple[int, int]] = {}

    @property
    def next(self) -> Word | None:
        return self.words[self.place] if self.place < len(self.words) else None

    def error(self, what: str, word: Word, remedy: str | None = None) -> FilterError:
        return FilterError(what, self.text, word.at, word.end, remedy)

    def take(self, *kinds: str) -> Word | None:
        """The next word if it is of one of these kinds."""
        word = self.next
        if word is None or word.kind not in kinds:
            return None
        self.place += 1
        return word

    def either(self, depth: int) -> Test:
        tests = [self.both(depth)]
        while word := self.take("OR"):
            self.needs_more(word)
            tests.append(self.both(depth))
        return tests[0] if len(tests) == 1 else lambda facts: any(test(facts) for test in tests)

    def both(self, depth: int) -> Test:
        tests = [self.one(depth)]
        while (word := self.next) is not None and word.kind not in ("OR", ")"):
            if word.kind == "AND":
                self.place += 1
                self.needs_more(word)
            tests.append(self.one(depth))
        return tests[0] if len(tests) == 1 else lambda facts: all(test(facts) for test in tests)

    def needs_more(self, operator: Word) -> None:
        """After an operator something has to follow."""
        if self.next is None or self.next.kind in ("AND", "OR", ")"):
            raise self.error(f"Nothing comes after {operator.kind}", operator)

    def one(self, depth: int) -> Test:
        word = self.words[self.place]
        if depth > DEEPEST:
            raise self.error("Too many brackets inside each other", word)
        self.place += 1
        if word.kind == "NOT":
            self.needs_more(word)
            inner = self.one(depth + 1)
            return lambda facts: not inner(facts)
        if word.kind == "(":
            return self.brackets(word, depth)
        if word.kind == ")":
            raise self.error("A bracket is closed that was not opened", word)
        if word.kind != "term":
            remedy = f'To find the word itself: "{word.text}".'
            raise self.error(f"Nothing comes before {word.kind}", word, remedy)
        return self.term(word)

    def brackets(self, opened: Word, depth: int) -> Test:
        if self.next is None:
            raise self.error("A bracket is not closed", opened)
        if self.next.kind == ")":
            raise self.error("There is nothing in the brackets", opened)
        inner = self.either(depth + 1)
        if not self.take(")"):
            raise self.error("A bracket is not closed", opened)
        return inner

    def term(self, word: Word) -> Test:
        if not word.field and not word.quoted and word.text.lower() in FLAGS:
            return self.flag(word)
        if word.field and word.field not in FIELDS:
            known = ", ".join(f"{name}:" for name in FIELDS)
            remedy = f"Fields are {known}. Put plain text with a colon in quotes."
            raise self.error(f"There is no field “{word.field}:”", word, remedy)
        if not word.text:
            what = f"Nothing comes after “{word.field}:”" if word.field else "The quotes are empty"
            raise self.error(what, word)
        if word.field in _NUMBERS:
            return self.number(word)
        return _TEXTS[word.field or "caption"](_plain(word.text))

    def flag(self, word: Word) -> Test:
        if word.text.lower() == "missing":
            return lambda facts: not _BLANK.sub("", facts.caption)
        self.needs.setdefault("trigger", (word.at, word.end))
        return lambda facts: bool(facts.trigger)

    def number(self, word: Word) -> Test:
        found = _NUMBER.fullmatch(word.text)
        if found is None:
            remedy = f"Such as {word.field}:>75."
            raise self.error(f"After “{word.field}:” comes a number", word, remedy)
        compare, limit = _COMPARE[found[1] or "="], int(found[2])
        if word.field == "tokens":
            self.needs.setdefault("tokens", (word.at, word.end))
            return lambda facts: facts.tokens is not None and compare(facts.tokens, limit)
        if word.field == "tags":
            return lambda facts: compare(len(tags_of(facts.caption)), limit)
        return lambda facts: compare(len(unicodedata.normalize("NFC", facts.caption)), limit)


_COMPARE: dict[str, Callable[[int, int], bool]] = {
    "=": lambda one, other: one == other,
    ">": lambda one, other: one > other,
    "<": lambda one, other: one < other,
    ">=": lambda one, other: one >= other,
    "<=": lambda one, other: one <= other,
}


def _plain(text: str) -> str:
    return unicodedata.normalize("NFC", text).lower()


def _caption(words: str) -> Test:
    return lambda facts: words in _plain(facts.caption)


def _tag(pattern: str) -> Test:
    fits = _glob(_BLANK.sub(" ", pattern).strip(" "))
    return lambda facts: any(fits(tag) for tag in tags_of(_plain(facts.caption)))


def _name(pattern: str) -> Test:
    fits = _glob(pattern) if _wild(pattern) else lambda name: pattern in name
    return lambda facts: fits(_plain(facts.file).rpartition("/")[2])


def _folder(pattern: str) -> Test:
    """`folder:a` is the folder “a” with what is below it, `folder:.` what is in none."""
    pattern = pattern.strip("/")
    if pattern in ("", "."):
        return lambda facts: "/" not in facts.file
    fits = _glob(pattern)

    def test(facts: Facts) -> bool:
        parts = _plain(facts.file).split("/")[:-1]
        return any(fits("/".join(parts[: end + 1])) for end in range(len(parts)))

    return test


_TEXTS: dict[str, Callable[[str], Test]] = {
    "caption": _caption, "tag": _tag, "name": _name, "folder": _folder,
}  # fmt: skip


def _wild(pattern: str) -> bool:
    return "*" in pattern or "?" in pattern


def _glob(pattern: str) -> Callable[[str], bool]:
    """Whether a whole text fits; `*` stands for any letters, `?` for one."""
    if not _wild(pattern):
        return lambda text: text == pattern
    parts = (".*" if part == "*" else "." if part == "?" else re.escape(part) for part in pattern)
    compiled = re.compile("".join(parts), re.DOTALL)
    return lambda text: compiled.fullmatch(text) is not None
