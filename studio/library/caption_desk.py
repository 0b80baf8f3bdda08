"""What a person keeps at hand for captioning: named filters, recent ones, quick tags per dataset.

Owns: `caption_desk.json` in the workspace. Refuses to know: the page, what a filter means to images.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from studio.caption.filter import parse
from studio.core import atomic, text
from studio.core.errors import FileError, InputError, MissingError
from studio.core.names import printable
from studio.core.paths import Workspace
from studio.settings.base import nearest

FILE = "caption_desk.json"
QUICK_TAGS = 9
RECENT = 8
LONGEST_NAME = 60  # characters
LONGEST_TAG = 200


@dataclass(frozen=True)
class SavedFilter:
    """A filter under a name."""

    name: str
    text: str


@dataclass(frozen=True)
class Desk:
    """All of it. `quick_tags` are keyed by a dataset's folder."""

    filters: list[SavedFilter] = field(default_factory=list)
    recent: list[str] = field(default_factory=list)
    quick_tags: dict[str, list[str]] = field(default_factory=dict)


class CaptionDesk:
    """The filters and quick tags of a workspace."""

    def __init__(self, workspace: Workspace) -> None:
        self.path = workspace.root / FILE
        self._lock = threading.Lock()

    def read(self) -> Desk:
        """What is kept; FileError when the file is damaged."""
        if not self.path.exists():
            return Desk()
        try:
            found = text.read_json(self.path)
            return Desk(
                [SavedFilter(str(one["name"]), str(one["text"])) for one in found["filters"]],
                [str(one) for one in found["recent"]],
                {
                    str(folder): [str(tag) for tag in tags]
                    for folder, tags in found["quick_tags"].items()
                },
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise FileError(
                "The saved filters and quick tags cannot be read",
                where=self.path,
                why="The file is damaged.",
                remedy="Correct it, or remove it to begin anew.",
            ) from error

    def save_filter(self, name: str, filter_text: str) -> Desk:
        """Keeps a filter under a name, in place of one of the same name.

        InputError without a name, for an empty filter, and for one that cannot be understood.
        """
        name, filter_text = " ".join(name.split()), filter_text.strip()
        if not name or not filter_text:
            raise InputError(
                "There is no filter to save" if name else "The filter has no name",
                remedy="Write a filter first." if name else "Write a name for it.",
            )
        if len(name) > LONGEST_NAME:
            raise InputError(f"The name of a filter has at most {LONGEST_NAME} characters")
        parse(filter_text)
        with self._lock:
            desk = self.read()
            others = [one for one in desk.filters if one.name.lower() != name.lower()]
            filters = sorted(
                [*others, SavedFilter(name, filter_text)], key=lambda one: one.name.lower()
            )
            return self._write(Desk(filters, desk.recent, desk.quick_tags))

    def remove_filter(self, name: str) -> Desk:
        """Forgets a saved filter."""
        with self._lock:
            desk = self.read()
            left = [one for one in desk.filters if one.name != name]
            return self._write(Desk(left, desk.recent, desk.quick_tags))

    def used(self, filter_text: str) -> Desk:
        """Notes a filter that has been used; the newest come first, saved ones are none of them."""
        filter_text = filter_text.strip()
        with self._lock:
            desk = self.read()
            if not filter_text or any(one.text == filter_text for one in desk.filters):
                return desk
            parse(filter_text)
            recent = [filter_text, *(one for one in desk.recent if one != filter_text)]
            return self._write(Desk(desk.filters, recent[:RECENT], desk.quick_tags))

    def filter_text(self, given: str) -> str:
        """The filter that was given, or the saved one that `@name` means. MissingError."""
        if not given.startswith("@"):
            return given
        saved = {one.name.lower(): one for one in self.read().filters}
        name = given[1:].strip().lower()
        if name in saved:
            return saved[name].text
        close = nearest(name, list(saved))
        raise MissingError(
            f"There is no saved filter “{given[1:].strip()[:LONGEST_NAME]}”",
            remedy=f"Did you mean “@{saved[close].name}”?"
            if close
            else "Save one first, or put a text that begins with @ in quotes.",
        )

    def quick_tags(self, folder: Path) -> list[str]:
        """The quick tags of a dataset, in the order of the keys 1 to 9; a place may be empty."""
        return self.read().quick_tags.get(_key(folder), [])

    def pin(self, folder: Path, tags: Sequence[str]) -> list[str]:
        """Keeps the quick tags of a dataset; the answer is what is kept then."""
        clean = [" ".join(tag.replace(",", " ").split())[:LONGEST_TAG] for tag in tags[:QUICK_TAGS]]
        while clean and not clean[-1]:
            clean.pop()
        with self._lock:
            desk = self.read()
            pinned = {key: kept for key, kept in desk.quick_tags.items() if key != _key(folder)}
            if clean:
                pinned[_key(folder)] = clean
            self._write(Desk(desk.filters, desk.recent, pinned))
        return clean

    def _write(self, desk: Desk) -> Desk:
        atomic.write_json(self.path, {"version": 1, **asdict(desk)})
        return desk


def _key(folder: Path) -> str:
    return printable(folder.resolve())
