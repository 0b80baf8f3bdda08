"""The captions of datasets, for whoever looks at them and changes them one by one.

Owns: which file is meant. Refuses to know: caption models, pages; how captions lie on disk.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from studio.caption.history import History
from studio.core.errors import InputError, MissingError
from studio.core.names import original, printable, text_of
from studio.core.paths import Workspace
from studio.formats.dataset import image_files, read_captions, write_caption
from studio.settings.caption import CaptionerSettings


class Captions:
    """The captions of a workspace's datasets; `find` gives the folder of a dataset."""

    def __init__(self, workspace: Workspace, find: Callable[[str], Path]) -> None:
        self._workspace, self._find = workspace, find

    def read(self, folder: str | Path) -> list[dict[str, Any]]:
        """File name and caption of every image of a dataset."""
        root = self._find(text_of(folder))
        return [
            {"file": printable(path.relative_to(root).as_posix()), "caption": caption}
            for path, caption in read_captions(root).items()
        ]

    def save(self, folder: str | Path, file: str, text: str) -> None:
        """Writes one caption beside its image; InputError when there is no such image."""
        root = self._find(text_of(folder))
        image = next(
            (p for p in image_files(root) if p.relative_to(root).as_posix() == original(file)),
            None,
        )
        if image is None:
            raise InputError("There is no such image in this dataset", where=file[:200])
        write_caption(image, text)

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
