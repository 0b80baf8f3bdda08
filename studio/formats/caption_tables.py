"""Captions of many images in one file, as other programs keep them.

    metadata.jsonl, metadata.csv          Hugging Face's image folders: file_name, text (or a list of
                                          captions, see formats/several.py)
    meta_cap.json, meta_clean.json, …     kohya's fine-tuning: {"image": {"caption", "tags"}}

Owns: these files, and which line is which image's. Refuses to know: what a dataset is.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

from studio.core.counts import counted
from studio.core.errors import DatasetError
from studio.core.names import composed, original
from studio.core.text import TextError, lines, parse_json
from studio.formats.caption_text import CaptionTexts
from studio.formats.several import KEYS, from_list

METADATA_FILE = "metadata.jsonl"
_CAPTION_KEYS = ("text", "caption", "prompt")
_LONGEST = 1 << 26  # bytes of a table

Reader = Callable[[Path, list[str], CaptionTexts | None], dict[str, str]]


class Tables:
    """The captions that the tables in one folder hold."""

    def __init__(self, folder: Path, texts: CaptionTexts | None = None) -> None:
        self.folder, self._texts = folder, texts
        self.files: list[str] = []
        """The tables that are there."""
        self._by_path: dict[str, str] = {}
        self._by_name: dict[str, str] = {}
        self._places: set[PurePosixPath] = set()
        self.problems: list[str] = []
        for name, read in TABLES.items():
            if (folder / name).is_file():
                self.files.append(name)
                for key, text in self._read(read).items():
                    self._add(key, text)

    def of(self, image: Path) -> str | None:
        """The caption of an image below the folder, or None. The first table that has one wins."""
        try:
            place = PurePosixPath(image.relative_to(self.folder).as_posix())
        except ValueError:
            return None
        for key in (composed(str(place)), composed(str(place.with_suffix("")))):
            if key in self._by_path:
                return self._by_path[key]
        named = self._by_name
        return named.get(composed(place.name), named.get(composed(place.stem)))

    def _read(self, read: Reader) -> dict[str, str]:
        try:
            return read(self.folder, self.problems, self._texts)
        except DatasetError as error:  # a table that is none: its images have no captions
            self.problems.append(error.sentence())
            return {}

    def places(self) -> set[PurePosixPath]:
        """The images that are named, by their paths below the folder."""
        return set(self._places)

    def _add(self, key: str, text: str) -> None:
        for form in dict.fromkeys((key, original(key))):  # a name as it is, or as it prints
            self._add_as(form, text)

    def _add_as(self, key: str, text: str) -> None:
        path = PurePosixPath(key.replace("\\", "/"))
        if not path.name:
            return
        if path.is_absolute() or ":" in path.parts[0][1:2] or ".." in path.parts:
            # written on another machine, or for another folder: the name is what is left
            self._by_name.setdefault(composed(path.name), text)
        else:
            self._by_path.setdefault(composed(str(path)), text)
            self._places.add(path)


def caption_of(row: Any) -> str | None:
    """The caption in a table's row: under one of the usual keys, else its tags. A list of captions
    comes as `Listed`."""
    if not isinstance(row, dict):
        return None
    try:
        return _worded(row)
    except ValueError:
        pass
    tags = row.get("tags")
    if isinstance(tags, list):
        return ", ".join(tag.strip() for tag in tags if isinstance(tag, str))
    return tags.strip() if isinstance(tags, str) else None


def _worded(row: dict[str, Any]) -> str:
    """The text under one of the usual keys, or the list of captions; ValueError without either."""
    for key in _CAPTION_KEYS:
        if isinstance(row.get(key), str):
            return str(row[key]).strip()
    return from_list(next((row[key] for key in KEYS if isinstance(row.get(key), list)), None))


def _text(file: Path, texts: CaptionTexts | None) -> str:
    """The text of a table of captions. Raises DatasetError."""
    return (texts or CaptionTexts()).read(file, _LONGEST)


def _jsonl(folder: Path, problems: list[str], texts: CaptionTexts | None) -> dict[str, str]:
    """Captions by file name; lines that say nothing usable are reported."""
    found: dict[str, str] = {}
    bad: list[int] = []
    for number, line in enumerate(lines(_text(folder / METADATA_FILE, texts)), start=1):
        if not line.strip():
            continue
        try:
            row = parse_json(line)
            name = row["file_name"]
            if not name.strip():
                raise ValueError("no name")
            found[PurePosixPath(name).as_posix()] = _worded(row)
        except (ValueError, KeyError, TypeError, AttributeError):
            bad.append(number)
    if bad:
        some = counted(len(bad), "line holds", "lines hold")
        problems.append(
            f"{METADATA_FILE}: {some} no file_name and text, the first is line {bad[0]}"
        )
    return found


def _csv(folder: Path, problems: list[str], texts: CaptionTexts | None) -> dict[str, str]:
    text = _text(folder / "metadata.csv", texts)
    head = next(iter(lines(text)), "")
    rows = csv.DictReader(
        io.StringIO(text), delimiter=max(",;\t", key=head.count), skipinitialspace=True
    )
    found: dict[str, str] = {}
    bad = 0
    try:
        for row in rows:
            name, caption = row.get("file_name"), caption_of(row)
            if name and caption is not None:
                found[name.strip()] = caption
            else:
                bad += 1
    except csv.Error as error:
        raise DatasetError(
            "This table cannot be read", where=folder / "metadata.csv", why=str(error)
        ) from error
    if bad:
        some = counted(bad, "line holds", "lines hold")
        problems.append(f"metadata.csv: {some} no file_name and text")
    return found


def _kohya(name: str) -> Reader:
    def read(folder: Path, problems: list[str], texts: CaptionTexts | None) -> dict[str, str]:
        try:
            table = parse_json(_text(folder / name, texts), folder / name)
        except TextError as error:
            problems.append(f"{name} cannot be read. {error.why or ''}")
            return {}
        if not isinstance(table, dict):
            return {}
        return {
            str(key): text
            for key, row in table.items()
            if key and (text := caption_of(row)) is not None
        }

    return read


TABLES: dict[str, Reader] = {
    METADATA_FILE: _jsonl,
    "metadata.csv": _csv,
    **{
        name: _kohya(name)
        for name in ("meta_cap.json", "meta_clean.json", "meta_lat.json", "meta_cap_dd.json")
    },
}
