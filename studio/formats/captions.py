"""Captions: the text beside a picture, read as people left it and written so that it stays.

Owns: which file holds a picture's caption (`.txt`, else `.caption`, else a line of
`metadata.jsonl`), encodings, and writing. Refuses to know: what a dataset is, pixels, tokens.
"""

from __future__ import annotations

import json
import re
from pathlib import Path, PurePosixPath

from studio import atomic
from studio.errors import DatasetError

PICTURE_ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".bmp")
CAPTION_ENDINGS = (".txt", ".caption")  # the first is also written
METADATA_FILE = "metadata.jsonl"
_CAPTION_KEYS = ("text", "caption", "prompt")
_LONGEST_CAPTION = 1 << 16  # bytes; a text beside a picture that is longer is no caption
_LONGEST_METADATA = 1 << 26
_PLACE = re.compile(r"\[\w+\]")


def natural_key(name: str) -> tuple[tuple[int, int, str], ...]:
    """Sort key under which “2” comes before “10”, whatever the case of letters."""
    parts = re.split(r"([0-9]+)", name.casefold())
    return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part)


def is_picture(path: str | Path) -> bool:
    """True when the name ends like a picture's and is not hidden; the content is not looked at."""
    path = Path(path)
    return path.suffix.lower() in PICTURE_ENDINGS and not path.name.startswith(".")


def read_caption(picture: str | Path) -> str | None:
    """The caption of one picture, or None: from `.txt`, else `.caption`, else `metadata.jsonl`.

    Raises DatasetError for a caption file that cannot be read as text. For many pictures
    `read_captions` is faster.
    """
    picture = Path(picture)
    own = side_car(picture)
    if own is not None:
        return own
    for folder in (picture.parent, picture.parent.parent):
        found = metadata_captions(folder).get(picture.relative_to(folder).as_posix())
        if found is not None:
            return found
    return None


def write_caption(picture: str | Path, text: str) -> Path:
    """Puts the caption durably into the `.txt` beside the picture, which itself is not touched.

    Returns the text file. Raises DatasetError when there is no such picture, StorageError when
    the disk refuses; the earlier caption is then intact.
    """
    picture = Path(picture)
    if not is_picture(picture) or not picture.is_file():
        raise DatasetError(
            "A caption needs a picture beside it, and this one is not there",
            where=picture,
            remedy="Open the folder again; the picture may have been renamed or removed.",
        )
    text = text.strip()
    file = picture.with_suffix(CAPTION_ENDINGS[0])
    if leads_away(file):
        raise DatasetError(
            "This caption is a link to another place, so it is not written",
            where=file,
            why="What lies there belongs to something else.",
            remedy="Put a text file of its own in its place.",
        )
    return atomic.write_text(file, text + "\n" if text else "")


def leads_away(file: Path) -> bool:
    """Whether a file beside a picture is a link to another folder, also one where nothing is."""
    try:
        return file.is_symlink() and file.resolve().parent != file.parent.resolve()
    except (OSError, RuntimeError):  # links in a circle
        return True


def fill_template(line: str, name: str, words: str) -> str:
    """A line of a caption template with [name] and [filewords] filled in, as A1111's web UI does.

    Commas and blanks that an empty part leaves at the ends are dropped.
    """
    parts = {"[name]": name, "[filewords]": words}
    # one pass, so that a caption that speaks of [name] stays as it is
    filled = _PLACE.sub(lambda found: parts.get(found[0], found[0]), line)
    return filled.strip(" ,")


def unknown_places(line: str) -> list[str]:
    """What stands in [brackets] in a template line and is not filled in."""
    return [place for place in _PLACE.findall(line) if place not in ("[name]", "[filewords]")]


def side_car(picture: Path) -> str | None:
    """The text in the picture's own caption file, stripped, or None without one."""
    for ending in CAPTION_ENDINGS:
        file = picture.with_suffix(ending)
        if file.is_file():
            return _text(file, _LONGEST_CAPTION).strip()
    return None


def _text(file: Path, limit: int) -> str:
    """A text file by anybody's editor: UTF-8 with or without a mark, UTF-16, or Windows' own."""
    try:
        with open(file, "rb") as opened:
            data = opened.read(limit + 1)
    except OSError as error:
        raise DatasetError(
            "A caption cannot be read", where=file, why=f"The system said: {error.strerror}"
        ) from error
    if len(data) > limit or (b"\0" in data and not data.startswith((b"\xff\xfe", b"\xfe\xff"))):
        raise DatasetError(
            "A caption file is not text a person wrote",
            where=file,
            why=f"It is longer than {limit} bytes" if len(data) > limit else "It holds zero bytes",
            remedy="Remove it, or write the caption anew.",
        )
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def metadata_captions(folder: Path, problems: list[str] | None = None) -> dict[str, str]:
    """Captions by file name from `metadata.jsonl`; lines that say nothing usable are reported."""
    file = folder / METADATA_FILE
    found: dict[str, str] = {}
    if not file.is_file():
        return found
    bad: list[int] = []
    for number, line in enumerate(_text(file, _LONGEST_METADATA).splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            text = next(row[key] for key in _CAPTION_KEYS if isinstance(row.get(key), str))
            found[PurePosixPath(row["file_name"]).as_posix()] = text.strip()
        except (ValueError, KeyError, TypeError, AttributeError, StopIteration, RecursionError):
            bad.append(number)
    if bad and problems is not None:
        problems.append(
            f"{METADATA_FILE}: {len(bad)} lines hold no file_name and text, the first is line {bad[0]}"
        )
    return found
