"""Captions: the text beside an image, read as people left it and written so that it stays.

Owns: reading an image's caption (its own text file, else a `.json` beside it, else a line of a
table such as `metadata.jsonl`), encodings, and writing it back to where it came from.
Refuses to know: which name is whose (`folder`), what a dataset is, pixels, tokens.
"""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import Any

from studio.core import atomic
from studio.core.errors import DatasetError
from studio.core.text import TextError, decode, parse_json, read_bytes, read_json
from studio.formats.caption_tables import Tables, caption_of
from studio.formats.caption_text import CaptionTexts
from studio.formats.folder import CAPTION_ENDINGS, Folder
from studio.formats.image_names import IMAGE_ENDINGS, is_image, natural_key
from studio.formats.several import KEYS, Listed, as_list, captions_of

__all__ = [
    "CAPTION_ENDINGS",
    "IMAGE_ENDINGS",
    "Looked",
    "caption_file",
    "copy_caption",
    "fill_template",
    "is_image",
    "natural_key",
    "own_file",
    "read_caption",
    "sidecar_caption",
    "unknown_places",
    "write_caption",
]  # fmt: skip

ORIGINALS = ".not-utf-8"
"""Hidden folder beside captions: how those were that had another encoding before they were edited."""
_LONGEST_CAPTION = 1 << 16  # bytes; a text beside an image that is longer is no caption
_PLACE = re.compile(r"\[\w+\]")


class Looked:
    """Folders and tables that were looked at, for many images in one go."""

    def __init__(self) -> None:
        self._folders: dict[Path, Folder] = {}
        self._tables: dict[Path, Tables] = {}
        self._captions: dict[Path, str | None] = {}
        self._images: dict[Path, list[Path]] = {}
        self.texts = CaptionTexts()

    def folder(self, path: Path) -> Folder:
        """The names in a folder, as they were at the first look."""
        if path not in self._folders:
            self._folders[path] = Folder(path)
        return self._folders[path]

    def images(self, path: Path) -> list[Path]:
        """The images in a folder, in natural order."""
        if path not in self._images:
            self._images[path] = [path / name for name in self.folder(path).images]
        return self._images[path]

    def seen(self) -> list[Path]:
        """The folders that were looked at."""
        return list(self._folders)

    def tables(self, path: Path) -> Tables:
        """The tables of captions in a folder."""
        if path not in self._tables:
            self._tables[path] = Tables(path, self.texts)
        return self._tables[path]

    def caption(self, image: Path) -> str | None:
        """`sidecar_caption`, as it was at the first look."""
        if image not in self._captions:
            self._captions[image] = sidecar_caption(image, self)
        return self._captions[image]

    def problems(self) -> list[str]:
        """What is wrong with the tables that were read, and how files in old encodings were taken."""
        tables = [text for tables in self._tables.values() for text in tables.problems]
        return tables + self.texts.notes()


def read_caption(image: str | Path, looked: Looked | None = None) -> str | None:
    """The caption of one image, or None: from its own file, else from a table's line.

    Raises DatasetError for a caption file that cannot be read as text. For many images
    `read_captions` is faster, or one `looked` for all of them.
    """
    image, looked = Path(image), looked or Looked()
    own = sidecar_caption(image, looked)
    if own is not None:
        return own
    for folder in image.parents[:3]:
        found = looked.tables(folder).of(image)
        if found is not None:
            return found
    return None


def caption_file(image: Path, looked: Looked | None = None) -> Path | None:
    """The text file that holds an image's caption, whatever its ending and case, or None."""
    plain = image.with_suffix(CAPTION_ENDINGS[0])
    if plain.is_file():
        return plain
    if not image.parent.is_dir():
        return None
    name = (looked or Looked()).folder(image.parent).caption_file(image.name)
    return image.with_name(name) if name is not None else None


def write_caption(image: str | Path, text: str, looked: Looked | None = None) -> Path:
    """Puts the caption durably into the text file that holds it, else into a new `.txt`; several
    captions that come from a list stay a list, in the image's own `.json`.

    The image itself is not touched. Returns the file. Raises DatasetError when there is no such
    image, StorageError when the disk refuses; the earlier caption is then intact.
    """
    image = Path(image)
    if not is_image(image) or not image.is_file():
        raise DatasetError(
            "A caption needs an image beside it, and this one is not there",
            where=image,
            remedy="Open the folder again; the image may have been renamed or removed.",
        )
    text = text.strip()
    looked = looked or Looked()
    listed = _list_file(image, looked)
    file = listed or caption_file(image, looked) or image.with_suffix(CAPTION_ENDINGS[0])
    if leads_away(file):
        raise DatasetError(
            "This caption is a link to another place, so it is not written",
            where=file,
            why="What lies there belongs to something else.",
            remedy="Put a text file of its own in its place.",
        )
    _keep_original(file)
    if listed is not None:
        return atomic.write_json(listed, _with_captions(listed, text))
    return atomic.write_text(file, text + "\n" if text else "")


def copy_caption(text: str | None, image: Path, *, lines: bool) -> None:
    """Writes the caption of a copied image beside the copy. Several captions stay a list, unless the
    copy's dataset has one on each line (`lines`)."""
    if captions_of(text) and not lines:
        atomic.write_json(image.with_suffix(".json"), {KEYS[0]: as_list(text or "")})
    elif text is not None:
        atomic.write_text(image.with_suffix(CAPTION_ENDINGS[0]), text + "\n" if text else "")


def own_file(image: Path, looked: Looked | None = None) -> Path | None:
    """The file of an image's own that `write_caption` would change, or None where it would make one."""
    looked = looked or Looked()
    listed = _list_file(image, looked)
    return caption_file(image, looked) if listed is None else listed if listed.is_file() else None


def _list_file(image: Path, looked: Looked) -> Path | None:
    """The `.json` of an image whose captions are a list, also where it is not there yet: the list
    is a table's then."""
    if caption_file(image, looked) is not None or not isinstance(
        read_caption(image, looked), Listed
    ):
        return None
    name = looked.folder(image.parent).caption_file(image.name, (".json",))
    return image.with_name(name) if name is not None else image.with_suffix(".json")


def _with_captions(file: Path, text: str) -> dict[str, Any]:
    """What a `.json` holds, with other captions in the place of its list."""
    rows: dict[str, Any] = {}
    with contextlib.suppress(OSError, TextError):
        found = read_json(file)
        rows = found if isinstance(found, dict) else {}
    key = next((key for key in KEYS if isinstance(rows.get(key), list)), KEYS[0])
    return {**rows, key: as_list(text)}


def leads_away(file: Path) -> bool:
    """Whether a file beside an image is a link to another folder, also one where nothing is."""
    try:
        return file.is_symlink() and file.resolve().parent != file.parent.resolve()
    except (OSError, RuntimeError):  # links in a circle
        return True


def fill_template(line: str, name: str, words: str) -> str:
    """A line of a caption template with [name] and [filewords] filled in, as A1111's web UI does.
    [trigger] is [name], as ai-toolkit calls it.

    Commas and blanks that an empty part leaves at the ends are dropped.
    """
    parts = {"[name]": name, "[trigger]": name, "[filewords]": words}
    # one pass, so that a caption that speaks of [name] stays as it is
    filled = _PLACE.sub(lambda found: parts.get(found[0], found[0]), line)
    return filled.strip(" ,")


def unknown_places(line: str) -> list[str]:
    """What stands in [brackets] in a template line and is not filled in."""
    return [
        place
        for place in _PLACE.findall(line)
        if place not in ("[name]", "[trigger]", "[filewords]")
    ]


def sidecar_caption(image: Path, looked: Looked | None = None) -> str | None:
    """The text in the image's own caption file, stripped, or None without one."""
    looked = looked or Looked()
    file = caption_file(image, looked)
    if file is not None:
        return looked.texts.read(file, _LONGEST_CAPTION).strip()
    if not image.parent.is_dir():
        return None
    name = looked.folder(image.parent).caption_file(image.name, (".json",))
    return _from_json(image.with_name(name), looked.texts) if name is not None else None


def _from_json(file: Path, texts: CaptionTexts) -> str | None:
    """A caption in a `.json` beside an image, as ai-toolkit and downloaders write it, or None."""
    try:
        found = parse_json(texts.read(file, _LONGEST_CAPTION), file)
    except (TextError, DatasetError):
        return None
    return caption_of(found)


def _keep_original(file: Path) -> None:
    """Before a caption is written in UTF-8 over one in another encoding, its bytes are kept beside
    it: what was taken for its text may be wrong."""
    kept = file.parent / ORIGINALS / file.name
    if not file.is_file() or kept.exists():
        return
    data = read_bytes(file)
    if not decode(data).certain:
        atomic.write_bytes(kept, data)
