"""The captions of datasets, for whoever looks at them and changes them one by one.

Owns: which file is meant, and that nobody's caption is overwritten unseen. Refuses to know: caption
models, pages; how captions lie on disk.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studio.caption.changes import reads
from studio.caption.history import History
from studio.core.errors import InputError, MissingError
from studio.core.names import original, printable, text_of
from studio.core.paths import Workspace
from studio.formats.captions import Looked
from studio.formats.dataset import image_files, read_captions, write_caption
from studio.settings.caption import CaptionerSettings

MOST_KNOWN = 8  # datasets whose images' names are remembered


class CaptionChanged(InputError):
    """A caption on disk is no longer what whoever writes it has seen; `now` is what it is."""

    def __init__(self, file: str, now: str) -> None:
        self.now = now
        super().__init__(
            "This caption was changed meanwhile, by another program or in another window",
            where=file[:200],
            remedy="Look at both, and keep the one you want.",
            safe="Nothing was overwritten.",
        )


@dataclass(frozen=True)
class Sighting:
    """What became of an image since somebody looked at it. `stamp` changes with its pixels."""

    caption: str
    stamp: str
    gone: bool = False


class Captions:
    """The captions of a workspace's datasets; `find` gives the folder of a dataset."""

    def __init__(self, workspace: Workspace, find: Callable[[str], Path]) -> None:
        self._workspace, self._find = workspace, find
        self._known: dict[Path, frozenset[str]] = {}
        self._writing = threading.Lock()

    def read(self, folder: str | Path) -> list[dict[str, Any]]:
        """File name and caption of every image of a dataset."""
        root = self._find(text_of(folder))
        return [
            {"file": printable(path.relative_to(root).as_posix()), "caption": caption}
            for path, caption in read_captions(root).items()
        ]

    def save(self, folder: str | Path, file: str, text: str, before: str | None = None) -> None:
        """Writes one caption beside its image; InputError when there is no such image.

        With `before`, the caption that was seen, CaptionChanged when another one stands there by now.
        """
        root = self._find(text_of(folder))
        image = self._image(root, original(file))
        if image is None:
            raise InputError("There is no such image in this dataset", where=file[:200])
        with self._writing:
            looked = Looked()
            now = (reads(image, looked) or "").strip() if before is not None else ""
            if before is not None and now not in (before.strip(), text.strip()):
                raise CaptionChanged(file, now)
            write_caption(image, text, looked)

    def look_again(
        self, folder: str | Path, seen: Mapping[str, tuple[str, str]]
    ) -> dict[str, Sighting]:
        """Of images by name, with the caption and stamp that were seen: those that are otherwise now.

        A stamp that is empty was not seen.
        """
        root = self._find(text_of(folder))
        looked, found = Looked(), {}
        for file, (caption, stamp) in seen.items():
            image = self._image(root, original(file))
            if image is None:
                found[file] = Sighting(caption, "", gone=True)
                continue
            now = Sighting((reads(image, looked) or "").strip(), image_stamp(image))
            if now.caption != caption.strip() or (stamp and now.stamp != stamp):
                found[file] = now
        return found

    def _image(self, root: Path, name: str) -> Path | None:
        """An image of a dataset; its folder is listed only where the name is new."""
        image = root / name
        if name in self._known.get(root, ()):
            return image if image.is_file() else None
        names = frozenset(path.relative_to(root).as_posix() for path in image_files(root))
        self._known = dict([*self._known.items(), (root, names)][-MOST_KNOWN:])
        return image if name in names else None

    def history(self) -> History:
        """The earlier captions of every dataset."""
        return History(self._workspace.captions)

    def unfinished(self, folder: str | Path) -> CaptionerSettings:
        """The captioner of the newest captioning that was stopped; MissingError when there is none."""
        record = self.history().unfinished(self._find(text_of(folder)))
        if record is None or record.job is None:
            raise MissingError(
                "There is no captioning to continue",
                where=text_of(folder),
                why="The last one came to its end, was taken back, or there was none.",
                remedy="Start a new one.",
            )
        return CaptionerSettings.parse(record.job.captioner)

    def undo(self, folder: str | Path) -> dict[str, Any]:
        """Brings back the captions from before the newest change of many; MissingError: none."""
        root = self._find(text_of(folder))
        done = self.history().undo(root, self._workspace.inside)
        return {"changed": len(done.changed), "kept": len(done.kept)}


def image_stamp(image: Path) -> str:
    """What changes when the image's file does; empty where it is not there."""
    try:
        facts = image.stat()
    except OSError:
        return ""
    return f"{facts.st_mtime_ns}-{facts.st_size}"
