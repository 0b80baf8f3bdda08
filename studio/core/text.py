"""The one door for text: what enters becomes text that every encoder takes, and says where from.

Owns: byte-order marks and encodings, JSON and TOML as other programs write them, and what a line is.
Refuses to know: what any of the texts mean, and how an old encoding is told from another
(`studio.core.charset`).

Whatever it returns has been through `names.encodable`; names of files go through `printable` and
`path_of`, which can be had from here too.
"""

from __future__ import annotations

import codecs
import contextlib
import json
import os
import re
import stat
import tomllib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from studio.core.budget import TooMuch, check_text
from studio.core.errors import FileError
from studio.core.names import SURROGATE, encodable, encodable_all, original, path_of, printable

__all__ = [
    "Decoded", "TextError", "decode", "encodable", "encodable_all", "expect", "lines", "original",
    "parse_json", "parse_toml", "path_of", "printable", "read_bytes", "read_json", "read_text", "read_toml",
]  # fmt: skip

MOST_TEXT = 1 << 26  # bytes of a file that is read as text
MOST_DEPTH = 100  # lists and tables inside each other; Python's own limit is ten times that
_MARK = "\ufffd"
UNKNOWN = "unknown"  # the encoding of bytes that fit none

_LINE_END = re.compile("\r\n|\n|\r")
_MARKS = [  # UTF-32 first: its little-endian mark begins with that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
]


class TextError(FileError, ValueError):
    """Bytes or a file that are not the text, JSON or TOML they should be."""


@dataclass(frozen=True)
class Decoded:
    """A text, the encoding it was in (`unknown` when none fits), and whether that is beyond doubt."""

    text: str
    encoding: str
    certain: bool


def decode(data: bytes, expected: Callable[[], str | None] | str | None = None) -> Decoded:
    """Text from bytes in whatever encoding; never fails, and never loses a byte silently.

    In order: a byte-order mark, UTF-8, UTF-16 and UTF-32 without a mark, `expected` (the encoding
    that `expect` found for texts of the same origin; a function is asked only where it matters),
    the encoding that the characters speak for. Bytes that fit none stay visible as “\ufffdE9”.
    """
    if b"\x1b$" in data and data.isascii():  # how ISO-2022-JP begins everything but ASCII
        return Decoded(_shown(data, "iso2022_jp"), "iso2022_jp", False)
    if (unicode := _unicode(data)) is not None:
        settled = unicode.encoding != "utf-8" or not unicode.certain or expected is None
        if not settled and 0 < len(unicode.text) - len(unicode.text.encode("ascii", "ignore")) <= 3:
            from studio.core import charset

            old = expected() if callable(expected) else expected
            if old is not None and charset.prefers(data, old):
                return Decoded(_shown(data, old), old, False)
        return unicode
    if _damaged_utf8(data):
        return Decoded(_shown(data, "utf-8"), "utf-8", False)
    for ask in (expected, lambda: _guess([data])):
        encoding = ask() if callable(ask) else ask
        if encoding is not None:
            text = _shown(data, encoding)
            if text.count(_MARK) * 20 <= len(text):  # a stray byte does not speak against it
                return Decoded(text, encoding, False)
    return Decoded(_shown(data, "utf-8"), UNKNOWN, False)


def expect(samples: Iterable[bytes]) -> str | None:
    """The old encoding that speaks for all those samples together which are no Unicode, if any.

    A caption of three words rarely tells; all captions of a folder do.
    """
    old = [data for data in samples if _unicode(data) is None and not _damaged_utf8(data)]
    return _guess(old) if old else None


def read_bytes(path: str | os.PathLike[str], most: int = MOST_TEXT) -> bytes:
    """The whole of a regular file of at most `most` bytes. Raises OSError, TextError."""
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))  # a pipe would wait
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise TextError("This is not a file that can be read as text", where=printable(path))
        with open(descriptor, "rb", closefd=False) as file:
            data = file.read(most + 1)
    finally:
        os.close(descriptor)
    if len(data) > most:
        raise TextError(
            "This file is too long to be read as text",
            where=printable(path),
            why=f"At most {most:,} bytes are read",
        )
    return data


def read_text(path: str | os.PathLike[str], most: int = MOST_TEXT) -> str:
    """A text file in whatever encoding. Raises OSError, TextError (not a file, too long)."""
    return decode(read_bytes(path, most)).text


def lines(text: str) -> list[str]:
    """The lines of `text`; only a line feed, a carriage return or both end one.

    `str.splitlines` also ends them at U+2028, U+0085, form feeds and others, which people and
    programs use inside of a line.
    """
    found = _LINE_END.split(text)
    return found[:-1] if found[-1] == "" else found


def parse_json(
    source: str | bytes,
    where: str | os.PathLike[str] | None = None,
    *,
    unique: bool = False,
    strict: bool = True,
) -> Any:
    """JSON as programs write it: with a byte-order mark, in UTF-8, -16 or -32, with halves of emoji.

    Whole numbers beyond 64 bits become floats; NaN and infinities are taken as such. Raises
    TextError (which is a ValueError too) for anything else, for what is nested more than
    `MOST_DEPTH` deep or has more values than `studio.core.budget` allows, and with `unique` for a key that stands twice in one table. Without `strict`,
    texts may hold line ends and other control characters.
    """
    place = printable(where) if where is not None else None
    text = _strict(source, "JSON", place)
    try:
        hook = _unique if unique else None
        value = json.loads(text, strict=strict, parse_int=_whole, object_pairs_hook=hook)
    except RecursionError:
        raise _too_deep("JSON", place) from None
    except ValueError as error:
        raise TextError("This is not JSON", where=place, why=_sentence(error)) from None
    return _checked(value, "JSON", place)


def read_json(path: str | os.PathLike[str], most: int = MOST_TEXT, *, unique: bool = False) -> Any:
    """The JSON in a file. Raises OSError, TextError."""
    return parse_json(read_bytes(path, most), path, unique=unique)


def parse_toml(source: str | bytes, where: str | os.PathLike[str] | None = None) -> dict[str, Any]:
    """TOML, also with a byte-order mark or in UTF-16. Raises TextError (a ValueError too)."""
    place = printable(where) if where is not None else None
    text = _strict(source, "TOML", place)
    try:
        value = tomllib.loads(text)
    except RecursionError:
        raise _too_deep("TOML", place) from None
    except ValueError as error:
        raise TextError("This is not TOML", where=place, why=_sentence(error)) from None
    checked: dict[str, Any] = _checked(value, "TOML", place)
    return checked


def read_toml(path: str | os.PathLike[str], most: int = MOST_TEXT) -> dict[str, Any]:
    """The TOML in a file. Raises OSError, TextError."""
    return parse_toml(read_bytes(path, most), path)


def _unicode(data: bytes) -> Decoded | None:
    """The text, when `data` is Unicode beyond doubt."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            body = data[len(mark) :]
            try:
                return Decoded(body.decode(encoding), encoding, True)
            except UnicodeDecodeError:
                pass
            if encoding.startswith("utf-16"):  # half an emoji, or a torn last character
                text = body[: len(body) // 2 * 2].decode(encoding, "surrogatepass")
                return Decoded(encodable(text), encoding, False)
    if (wide := _without_mark(data)) is not None:
        return wide
    for errors in ("strict", "surrogatepass"):  # then halves of emoji, one by one (CESU-8)
        with contextlib.suppress(UnicodeDecodeError):
            return Decoded(encodable(data.decode("utf-8-sig", errors)), "utf-8", errors == "strict")
    return None


def _without_mark(data: bytes) -> Decoded | None:
    """UTF-32 and UTF-16 without a mark: zero bytes stand in the same places again and again."""
    zeros = [data[place::4].count(0) for place in range(4)]
    low, high = zeros[0] + zeros[2], zeros[1] + zeros[3]  # of every two bytes
    often = len(data) // 10  # line ends, blanks and commas are enough
    likely = {
        "utf-32-le": 4 * zeros[3] == len(data),
        "utf-32-be": 4 * zeros[0] == len(data),
        "utf-16-le": high > max(often, 4 * low),
        "utf-16-be": low > max(often, 4 * high),
    }
    for encoding in (name for name, is_so in likely.items() if is_so and b"\0" in data):
        try:
            return Decoded(data.decode(encoding), encoding, True)
        except UnicodeDecodeError:
            continue
    return None


def _damaged_utf8(data: bytes) -> bool:
    """UTF-8 with a torn end or a foreign byte: more characters of several bytes than stray bytes."""
    text = data.decode("utf-8", "surrogateescape")
    stray = sum("\udc80" <= letter <= "\udcff" for letter in text)
    good = sum("\x7f" < letter < "\ud800" or letter > "\udfff" for letter in text)
    return good > 2 * stray


def _shown(data: bytes, encoding: str) -> str:
    """The text, with bytes that are none in this encoding made visible."""
    data = data.removeprefix(codecs.BOM_UTF8) if encoding == "utf-8" else data
    return encodable(data.decode(encoding, "surrogateescape"))


def _guess(samples: list[bytes]) -> str | None:
    from studio.core.charset import guess  # with its tables, only when there is something to guess

    return guess(samples)


def _strict(source: str | bytes, form: str, place: str | None) -> str:
    """Source text for a parser: a mark dropped; bytes that are no Unicode are an error."""
    try:
        check_text(source)
    except TooMuch as error:
        why = f"There is {error}"
        raise TextError(f"This {form} cannot be read", where=place, why=why) from None
    if isinstance(source, str):
        return source.removeprefix("\ufeff")
    if (found := _unicode(source)) is not None and found.certain:
        return found.text
    raise TextError(
        f"This is not {form}",
        where=place,
        why="It is not in UTF-8, which it has to be",
        remedy="Save it again with the encoding UTF-8.",
    )


def _whole(digits: str) -> int | float:
    number = int(digits) if len(digits) <= 20 else float(digits)
    return number if isinstance(number, float) or -(1 << 63) <= number < 1 << 64 else float(number)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key “{printable(key)[:100]}” stands in it twice")
        found[key] = value
    return found


def _checked(value: Any, form: str, place: str | None) -> Any:
    """`value`, if nothing in it is nested too deep, with every text encodable."""
    level, odd = [value], False
    for _ in range(MOST_DEPTH + 1):
        inner: list[Any] = []
        for part in level:
            if isinstance(part, dict):
                inner += part.values()
                odd = odd or any(SURROGATE.search(key) for key in part)
            elif isinstance(part, list):
                inner += part
            elif isinstance(part, str):
                odd = odd or SURROGATE.search(part) is not None
        if not inner:
            return encodable_all(value) if odd else value
        level = inner
    raise _too_deep(form, place)


def _too_deep(form: str, place: str | None) -> TextError:
    deep = f"It is nested more than {MOST_DEPTH} levels deep"
    return TextError(f"This {form} cannot be read", where=place, why=deep)


def _sentence(error: ValueError) -> str:
    return encodable(str(error)[:1].upper() + str(error)[1:300])
