"""The list of datasets: how many images each has, without touching the images.

Owns: counting by names, and remembering the counts by the times of change of the folders, so that
a list of twenty thousand images costs a handful of looks. Refuses to know: what is in a file
beyond `dataset.toml` and tables of captions; details come when a dataset is opened (`dataset`).
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from studio import __version__
from studio.core import atomic
from studio.core.counts import counted
from studio.core.errors import DatasetError, StorageError, StudioError
from studio.core.names import printable
from studio.formats.captions import Looked
from studio.formats.dataset import HELD_OUT, held_out_folder, kohya_words
from studio.formats.dataset_file import DATASET_FILE, read_dataset_file
from studio.formats.image_names import NOT_READ, is_hidden, natural_key
from studio.formats.layouts import find_parts

LAYOUT = f"3 {__version__}"
SETTLED = 2_000_000_000  # nanoseconds; a folder changed later than this may change unseen


@dataclass(frozen=True)
class DatasetSummary:
    """A dataset as its folder's names show it."""

    name: str
    path: Path
    images: int = 0
    captioned: int = 0
    """Images beside which a caption stands that is not of zero length."""
    trigger: str = ""
    kind: Literal["subject", "style"] = "subject"
    class_word: str = ""
    held_out: Path | None = None
    cover: Path | None = None
    """The first image."""
    problems: list[str] = field(default_factory=list)
    class_images: str | None = None
    """Of class (regularization) images: the base that generated them, or nothing where it is not known."""


class DatasetList:
    """Summaries by folder; safe to ask from several threads. `file` keeps them, where it can."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._known: dict[str, tuple[dict[str, int], DatasetSummary]] | None = None
        self._changed = False
        self._lock = threading.Lock()

    def below(self, roots: Iterable[str | Path]) -> list[DatasetSummary]:
        """The datasets that are direct sub-folders of `roots`, by root, in natural order.

        Folders without images are passed over. One that cannot be used stays visible: without
        images, the reason in `problems`. No folder, whatever is in it, keeps others from view.
        """
        found: list[DatasetSummary] = []
        seen: set[Path] = set()
        for root in map(Path, roots):
            for folder in _sub_folders(root):
                if (real := folder.resolve()) not in seen:
                    seen.add(real)
                    summary = self.of(folder)
                    if summary.images or summary.problems:
                        found.append(summary)
        self._save()
        return found

    def of(self, folder: Path) -> DatasetSummary:
        """One dataset, counted again only when one of its folders has changed."""
        key = os.fspath(folder)
        with self._lock:
            if self._known is None:
                self._known = self._read()
            known = self._known.get(key)
        if known is not None and known[0] == _times(known[0]):
            return known[1]
        now = time.time_ns()
        looked = Looked()
        summary = _row(folder, looked)
        times = _times(_places(folder, looked))
        if times and max(times.values()) < now - SETTLED:
            with self._lock:
                self._known[key] = (times, summary)
                self._changed = True
        return summary

    def _save(self) -> None:
        with self._lock:
            known, changed = dict(self._known or {}), self._changed
            self._changed = False
        if self._file is None or not changed:
            return
        rows = {key: [times, _plain(summary)] for key, (times, summary) in known.items()}
        try:
            data = json.dumps({"layout": LAYOUT, "datasets": rows}).encode("ascii")
            atomic.write_bytes(self._file, data)
        except StorageError:  # they can be counted again
            return

    def _read(self) -> dict[str, tuple[dict[str, int], DatasetSummary]]:
        """A memory that cannot be read is as good as none."""
        if self._file is None:
            return {}
        try:
            found: Any = json.loads(self._file.read_bytes())
            if found["layout"] != LAYOUT:
                return {}
            return {
                key: ({place: int(when) for place, when in times.items()}, _summary(row))
                for key, (times, row) in found["datasets"].items()
            }
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return {}


def summarize(folder: Path, looked: Looked | None = None) -> DatasetSummary:
    """Counts a dataset by the names in its folders. Errors of `read_dataset_file`."""
    looked = looked or Looked()
    says = read_dataset_file(folder)
    layout = find_parts(folder, says, looked)
    problems: list[str] = []
    held_out = held_out_folder(folder, says.held_out, problems)
    parts = [part for part in layout.parts if part.folder != held_out]
    captioned, images, cover, used = 0, 0, None, []
    for part in parts:
        names = looked.folder(part.folder)
        for image in names.images:
            path = part.folder / image
            cover = cover or path
            images += 1
            captioned += _has_caption(path, folder, looked)
        used += [part] * bool(names.images)
    unreadable = [name for name in looked.folder(folder).files if _ending(name) in NOT_READ]
    if not images and unreadable:
        problems.append(
            f"None of its {counted(len(unreadable), 'image')} can be read here: save them as PNG "
            "or JPEG."
        )
    trigger, class_word, _ = kohya_words(used, says)
    return DatasetSummary(
        says.name or printable(folder.resolve().name), folder, images, captioned, trigger,
        says.kind, class_word, held_out, cover, problems,
        says.class_images.base if says.class_images else None,
    )  # fmt: skip


def _row(folder: Path, looked: Looked) -> DatasetSummary:
    """A summary in any case: what goes wrong with one folder is its own row's problem."""
    try:
        return summarize(folder, looked)
    except (StudioError, OSError, ValueError, RecursionError) as error:
        name = printable(folder.name)
        meant = _meant(folder, looked)
        said = error.sentence() if isinstance(error, StudioError) else "It cannot be looked at."
        return DatasetSummary(name, folder, problems=[said] if meant else [])


def _meant(folder: Path, looked: Looked) -> bool:
    """Whether somebody meant a folder for the studio that cannot be used as it is."""
    try:
        names = looked.folder(folder)
        return DATASET_FILE in names.files or bool(names.images)
    except (DatasetError, OSError):  # not ours to open
        return False


def _has_caption(path: Path, root: Path, looked: Looked) -> bool:
    names = looked.folder(path.parent)
    file = names.caption_file(path.name)
    if file is not None:
        return file not in names.blank
    if names.caption_file(path.name, (".json",)) is not None:
        return True
    return any(looked.tables(place).of(path) for place in {path.parent, root})


def _sub_folders(root: Path) -> list[Path]:
    try:
        with os.scandir(root) as entries:
            names = [e.name for e in entries if not is_hidden(e.name) and os.path.isdir(e)]
    except OSError:
        return []
    names.sort(key=lambda name: (natural_key(name), name))
    return [root / name for name in names if name != HELD_OUT]


def _places(folder: Path, looked: Looked) -> list[str]:
    """What decides a summary: every folder that was looked at, and the files that were read."""
    places = [folder, *looked.seen()]
    tables = [place / name for place in places for name in looked.tables(place).files]
    settings = [folder / n for n in looked.folder(folder).files if _ending(n) in (".toml", ".json")]
    return [os.fspath(place) for place in [*places, *tables, *settings]]


def _times(places: Iterable[str]) -> dict[str, int]:
    try:
        return {place: os.stat(place).st_mtime_ns for place in places}
    except (OSError, ValueError):
        return {}


def _ending(name: str) -> str:
    return Path(name).suffix.lower()


def _plain(summary: DatasetSummary) -> dict[str, Any]:
    row = dict(vars(summary))
    return {k: os.fspath(v) if isinstance(v, Path) else v for k, v in row.items()}


def _summary(row: dict[str, Any]) -> DatasetSummary:
    paths = {k: Path(row[k]) if row[k] is not None else None for k in ("path", "held_out", "cover")}
    return DatasetSummary(**{**row, **paths})
