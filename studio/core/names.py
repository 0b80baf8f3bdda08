"""Names and texts that no encoder takes: made printable, and back again; names that systems mix up.

Owns: the two ways to write what is not valid Unicode, and the forms of what is. Refuses to know: files, encodings
(`studio.core.text`), errors: everything may import it.

Python keeps a file name's undecodable byte 0xE9 as the lone surrogate U+DCE9, and half an emoji in
JSON as U+D83D. No encoder takes these: one of them, printed, logged or sent to the page, ends the
program that meant well. Two rules keep them out:

- A **name** that leaves goes through `printable` once, and what comes back through `original`
  (or `path_of`, for a path). The pair is exact: no two names print alike.
- **Any other text** goes through `encodable`, which changes nothing but lone surrogates, as often
  as one likes. What `studio.core.text` reads has been through it already.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import Any

_MARK = "\ufffd"  # what Unicode shows for “a character was here that I cannot show”
_ESCAPE = re.compile(f"{_MARK}(?:([89A-F][0-9A-F])|u([0-9A-F]{{4}}))")
# Surrogates, control characters, and what turns the direction of writing or breaks a line: a name
# with one of these looks like another name, or like two.
_HIDDEN = "\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069"
_UNPRINTABLE = re.compile(f"[\ud800-\udfff{_HIDDEN}]|{_MARK}(?=[89A-F][0-9A-F]|u[0-9A-F]{{4}})")
SURROGATE = re.compile("[\ud800-\udfff]")
_PAIR = re.compile("([\ud800-\udbff])([\udc00-\udfff])")


def printable(name: str | os.PathLike[str]) -> str:
    """A name or path as text that can be shown, sent and stored anywhere.

    The byte 0xE9 becomes “\ufffdE9”, half an emoji “\ufffduD83D”, a line break “\ufffdu000A”; so do
    the other control characters and those that turn the direction of writing. A name that holds
    such a sequence of its own has its “\ufffd” written “\ufffduFFFD”: `original` gives back exactly
    what came in, so this is done once, at the border.
    """
    return _UNPRINTABLE.sub(_escaped, os.fspath(name))


def text_of(named: str | Path) -> str:
    """What names a file as settings hold it: a path printable, a text as it is."""
    return printable(named) if isinstance(named, Path) else named


def original(text: str) -> str:
    """The name that `printable` made `text` from."""
    return _ESCAPE.sub(_unescaped, text)


def once(name: str) -> str:
    """`printable` for a name that somebody gave and that may be printable already."""
    return printable(original(name))


def distinct(names: Iterable[str]) -> list[str]:
    """The same names, a number behind those that came before: “a”, “a” → “a”, “a 2”."""
    found: dict[str, None] = {}
    for wanted in names:
        name, count = wanted, 2
        while name in found:
            name, count = f"{wanted} {count}", count + 1
        found[name] = None
    return list(found)


def path_of(text: str | os.PathLike[str]) -> Path:
    """The path that a printable text names.

    A text that `printable` never made (typed by hand, from another program) and that names an
    existing file as it stands, is taken as it stands; so is a name whose accents a Mac keeps apart
    from their letters, or the other way round. Asking what is there never raises for it.
    """
    literal = os.fspath(text)
    meant = original(literal)
    if not _can_be_a_path(meant):
        return Path(encodable(literal))
    if os.path.lexists(meant):
        return Path(meant)
    if meant != literal and os.path.lexists(literal):
        return Path(literal)
    return _in_another_form(Path(meant))


def composed(name: str) -> str:
    """A name in the Unicode form that most systems write; a Mac's archives take letters apart."""
    return unicodedata.normalize("NFC", name)


def same_name(name: str) -> str:
    """What two names share that a system without upper case, or with another Unicode, mixes up."""
    return composed(name).casefold()


def encodable(text: str) -> str:
    """`text` with its lone surrogates written as `printable` writes them; all else unchanged.

    Two halves of one character that stand together become the character. Doing it again changes
    nothing.
    """
    if not SURROGATE.search(text):
        return text
    return SURROGATE.sub(_escaped, _PAIR.sub(_joined, text))


def encodable_all(value: Any) -> Any:
    """`encodable` for every text in lists, tuples and tables, keys included; the rest as it is."""
    if isinstance(value, str):
        return encodable(value)
    if isinstance(value, dict):
        return {encodable_all(key): encodable_all(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [encodable_all(inner) for inner in value]
    if type(value) is tuple:
        return tuple(encodable_all(inner) for inner in value)
    return value


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"{_MARK}{code - 0xDC00:02X}" if 0xDC80 <= code <= 0xDCFF else f"{_MARK}u{code:04X}"


def _unescaped(found: re.Match[str]) -> str:
    return chr(0xDC00 + int(found[1], 16)) if found[1] else chr(int(found[2], 16))


def _joined(found: re.Match[str]) -> str:
    return found[0].encode("utf-16-le", "surrogatepass").decode("utf-16-le")


def _in_another_form(path: Path) -> Path:
    """The file that is there under the other Unicode form of its name, or `path`."""
    if path.name.isascii():
        return path
    forms = (unicodedata.normalize("NFC", path.name), unicodedata.normalize("NFD", path.name))
    others = (path.with_name(form) for form in forms)
    return next((other for other in others if os.path.lexists(other)), path)


def _can_be_a_path(text: str) -> bool:
    try:
        return b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:
        return False
