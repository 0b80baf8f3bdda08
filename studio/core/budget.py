"""What reading one file may cost, counted and not timed: the same file ends the same everywhere.

Owns: the budget of a reader (steps, values, bytes), what a value is when everything shared in it is
written out, and counting JSON and TOML before they are parsed.
Refuses to know: formats, and what a file that costs too much is called.

A limit on the bytes that are read does not bound what comes of them: a list that holds the list
before it twice doubles with every 15 bytes, and `[],[],…` needs twenty times its length in memory.
"""

from __future__ import annotations

import re
import reprlib
from collections.abc import Callable
from typing import Any

from studio.core.counts import counted

MOST_STEPS = 20_000_000
MOST_VALUES = 1_000_000
MOST_BYTES = 768 << 20
MOST_DEPTH = 64
MOST_TEXT_VALUES = 2_000_000  # of a JSON or TOML text
MOST_TEXT_BYTES = 256 << 20  # of one such text as Python keeps it: up to four bytes a character

_BEYOND_64K = re.compile(b"[\xf0-\xf4]")  # first byte of a UTF-8 character of four


class TooMuch(ValueError):
    """Reading this would cost more than its budget; the message says of what there is too much."""


class Budget:
    """What is left to spend on one file. Every method raises TooMuch when it is not enough."""

    def __init__(
        self, steps: int = MOST_STEPS, values: int = MOST_VALUES, size: int = MOST_BYTES
    ) -> None:
        self.steps, self.values, self.size = steps, values, size

    def step(self, count: int = 1) -> None:
        """Spends work: instructions, items handled, keys compared."""
        self.steps -= count
        if self.steps < 0:
            raise TooMuch("more work than any such file is")

    def take(self, size: int) -> None:
        """Spends memory, in bytes."""
        self.size -= size
        if self.size < 0:
            raise TooMuch("more bytes than any such file needs")

    def check(self, value: Any, leaf: Callable[[Any], int]) -> None:
        """Raises TooMuch unless `value`, written out, stays within what is left.

        `leaf` gives the size in bytes of what is no list, tuple or table, and may refuse it.
        Something shared counts as often as it is mentioned; time follows the mentions, not that.
        """
        values, size, _ = self._extent(value, leaf)
        self.values -= values
        self.take(size)

    def _extent(self, value: Any, leaf: Callable[[Any], int]) -> tuple[int, int, int]:
        """Values, bytes and depth of `value`, its parts before itself and none of them twice."""
        known: dict[int, tuple[int, int, int]] = {}
        above: set[int] = set()
        waiting: list[tuple[Any, bool]] = [(value, False)]
        while waiting:
            item, parts_known = waiting.pop()
            place, parts = id(item), _parts(item)
            if parts is None:
                known[place] = (1, leaf(item), 0)
            elif parts_known:
                above.remove(place)
                known[place] = self._sum([known[id(part)] for part in parts])
            elif place in above:
                raise TooMuch("a value that contains itself")
            elif place not in known:
                above.add(place)
                waiting.append((item, True))
                waiting += [(part, False) for part in parts]
        return known[id(value)]

    def _sum(self, extents: list[tuple[int, int, int]]) -> tuple[int, int, int]:
        values = 1 + sum(extent[0] for extent in extents)
        size = sum(extent[1] for extent in extents)
        depth = 1 + max((extent[2] for extent in extents), default=0)
        if depth > MOST_DEPTH:
            raise TooMuch("values nested deeper than in any such file")
        if values > self.values:
            raise TooMuch("more values than any such file, once all that is shared is written out")
        if size > self.size:
            raise TooMuch("more text than any such file, once all that is shared is written out")
        return values, size, depth


def _parts(item: Any) -> list[Any] | None:
    if isinstance(item, dict):
        return [*item, *item.values()]
    return list(item) if isinstance(item, (list, tuple)) and not hasattr(item, "_fields") else None


def check_text(
    source: bytes | str, values: int = MOST_TEXT_VALUES, size: int = MOST_TEXT_BYTES
) -> None:
    """Raises TooMuch for JSON or TOML with more than `values` values or `size` bytes in memory.

    Counts what separates values, outside of quoted texts; the text need not be valid.
    """
    raw = source.encode("utf-8", "surrogatepass") if isinstance(source, str) else source
    plain = raw.replace(b"\\\\", b"") if b"\\" in raw else raw
    # One character beyond Latin makes a text wider for all the others in it.
    wide = b"\\u" in plain or _BEYOND_64K.search(raw) is not None
    width = 4 if wide else 1 if raw.isascii() else 2
    if width * len(raw) > size:
        raise TooMuch("more text than any such file needs")
    if _marks(plain) <= values:
        return  # few enough even if they all stood outside of quotes
    quoted = plain.replace(b'\\"', b"")
    if quoted.count(b'"') > 2 * values:
        raise TooMuch("more texts than any such file needs")
    outside = b"".join(quoted.split(b'"')[::2])
    if _marks(outside) > values:
        raise TooMuch("more values than any such file needs")


def _marks(text: bytes) -> int:
    """How many values there can be at most: each comes after one of these, or is the first."""
    return sum(text.count(mark) for mark in (b",", b"[", b"{", b":", b"=", b"."))


def shown(value: Any, length: int = 80) -> str:
    """`repr` of a value in at most `length` characters, whatever is in it."""
    short = reprlib.Repr()
    short.maxlevel, short.maxstring, short.maxother = 3, length, length
    try:
        text = short.repr(value)
    except ValueError:  # a whole number of more digits than Python writes
        text = "a number of thousands of digits"
    return text if len(text) <= length else text[: length - 1] + "…"


def cut(text: str, length: int) -> str:
    """`text`, or its beginning and how long it is."""
    if len(text) <= length:
        return text
    return f"{text[:length]}… ({counted(len(text), 'character')})"


def cut_all(texts: dict[str, str], length: int, most: int) -> dict[str, str]:
    """The first `most` texts, each cut to `length`; what was left out is said in the last one."""
    kept = {cut(key, 200): cut(texts[key], length) for key in list(texts)[:most]}
    if len(texts) > most:
        kept["…"] = f"{len(texts) - most:,} more are not shown"
    return kept
