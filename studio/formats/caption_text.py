"""The text of caption files, whatever editor and language they were written in.

Owns: how long such a file may be, and which encoding is taken for those that are not Unicode.
Refuses to know: which file belongs to which image, what a caption is.

A caption is short, and a few bytes fit many encodings; so the first file that is no Unicode asks
all caption files of its folder together.
"""

from __future__ import annotations

from pathlib import Path

from studio.core import charset, text
from studio.core.counts import counted
from studio.core.errors import DatasetError
from studio.core.names import printable

ENDINGS = (".txt", ".caption", ".jsonl", ".csv")
_MOST_TOGETHER = 1 << 20  # bytes of a folder's captions that are weighed together
_LONGEST_OF_THESE = 1 << 16
_UNMARKED = ("utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")


class CaptionTexts:
    """Caption files of any number of folders, and the encodings that were taken."""

    def __init__(self) -> None:
        self._expected: dict[Path, str | None] = {}
        self._taken: dict[str, dict[Path, None]] = {}

    def read(self, file: Path, limit: int) -> str:
        """The text of a file of at most `limit` bytes. Raises DatasetError when it is none."""
        try:
            data = text.read_bytes(file, limit)
        except text.TextError as error:
            raise _no_text(file, error.why or error.what) from error
        except OSError as error:
            why = f"The system said: {error.strerror}"
            raise DatasetError("A caption cannot be read", where=file, why=why) from error
        found = text.decode(data, lambda: self._expect(file.parent))
        if "\0" in found.text:
            raise _no_text(file, "It holds zero bytes")
        if not found.certain:
            self._taken.setdefault(found.encoding, {})[file] = None
        return found.text

    def notes(self) -> list[str]:
        """What was concluded about files that do not say it; sentences for people."""
        return [_note(encoding, list(files)) for encoding, files in self._taken.items()]

    def _expect(self, folder: Path) -> str | None:
        if folder not in self._expected:
            self._expected[folder] = text.expect(_samples(folder))
        return self._expected[folder]


def _samples(folder: Path) -> list[bytes]:
    found: list[bytes] = []
    left = _MOST_TOGETHER
    try:
        files = sorted(path for path in folder.iterdir() if path.suffix.lower() in ENDINGS)
    except OSError:
        return found
    for file in files:
        if left <= 0:
            break
        try:
            data = text.read_bytes(file, _LONGEST_OF_THESE)
        except (OSError, text.TextError):
            continue
        found.append(data)
        left -= len(data)
    return found


def _note(encoding: str, files: list[Path]) -> str:
    first = printable(files[0].name)
    several = f"{counted(len(files), 'caption file')}, the first is “{first}”, are"
    which = f"The caption file “{first}” is" if len(files) == 1 else several
    if encoding == text.UNKNOWN:
        return f"{which} in no known encoding: what could not be read shows as �. Save as UTF-8."
    if encoding in _UNMARKED:
        return f"{which} damaged: the bytes that are no text show as �. Save again as UTF-8."
    name = charset.title(encoding)
    return f"{which} not in UTF-8 and read as {name}. If it looks wrong, save again as UTF-8."


def _no_text(file: Path, why: str) -> DatasetError:
    return DatasetError(
        "A caption file is not text a person wrote",
        where=file,
        why=why,
        remedy="Remove it, or write the caption anew.",
    )
