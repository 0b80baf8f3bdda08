"""Changes of many captions of a dataset: edits with a preview, and a list of all that can be undone.

Owns: which images are meant, and what is said of a change. Refuses to know: what edits do
(`caption.edits`), how captions lie on disk, pages.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studio.caption.changes import Change
from studio.caption.edit_row import About
from studio.caption.history import Entry, History
from studio.caption.steps import Step, preview, read_steps
from studio.core.errors import InputError
from studio.core.names import original, printable, text_of
from studio.core.paths import ASSETS, Workspace
from studio.formats.dataset import read_captions
from studio.formats.dataset_file import write_dataset_file
from studio.formats.dataset_list import DatasetSummary
from studio.formats.several import lines_of

WHAT = "edited"


@dataclass(frozen=True)
class Edited:
    """What an edit would do, or did."""

    images: int
    """How many it looked at."""
    changes: list[Change]
    changed: int = 0
    kept: int = 0
    """How many had been changed since the preview, and were left alone."""
    name: str = ""
    """Of the change, to undo it by."""


class CaptionChanges:
    """Edits of the captions of a workspace's datasets; `find` gives the folder of a dataset, `summary`
    what it says of itself."""

    def __init__(
        self,
        workspace: Workspace,
        find: Callable[[str], Path],
        summary: Callable[[Path], DatasetSummary],
    ) -> None:
        self._workspace, self._find, self._summary = workspace, find, summary

    def preview(
        self, folder: str | Path, steps: Sequence[Mapping[str, Any]], files: Collection[str] = ()
    ) -> Edited:
        """What the steps would change, of all images or of those named. Nothing is written.

        Raises SettingsError for a wrong step, InputError for an image that is not there.
        """
        return self._previewed(self._find(text_of(folder)), read_steps(list(steps)), files)

    def apply(
        self, folder: str | Path, steps: Sequence[Mapping[str, Any]], files: Collection[str] = ()
    ) -> Edited:
        """Makes the changes; what stood there before is kept."""
        root, made = self._own(folder), read_steps(list(steps))
        found = self._previewed(root, made, files)
        if not found.changes:
            return found
        record = self._history.begin(root, WHAT, says=[step.words for step in made])
        done = record.write(found.changes)
        return Edited(
            found.images, found.changes, len(done.changed), len(done.kept), record.file.stem
        )

    def past(self, folder: str | Path) -> list[Entry]:
        """Every change of many captions of a dataset, newest first, also those taken back."""
        return self._history.past(self._find(text_of(folder)))

    def undo(self, folder: str | Path, name: str = "") -> dict[str, Any]:
        """Takes a change back, by its name, or the newest. MissingError when there is none."""
        done = self._history.undo(self._own(folder), self._workspace.inside, name)
        return {"changed": len(done.changed), "kept": len(done.kept)}

    def several(self, folder: str | Path, wanted: bool) -> dict[str, Any]:
        """Says in `dataset.toml` whether each line of a caption file is a caption of its own; answers
        that, and how many images have several lines now."""
        root = self._own(folder)
        write_dataset_file(root, {"captions": "lines" if wanted else "one"})
        texts = read_captions(root).values()
        lines = sum(len(lines_of(text or "")) > 1 for text in texts)
        return {"captions": "lines" if wanted else "one", "images_with_several_lines": lines}

    def _own(self, folder: str | Path) -> Path:
        root = self._find(text_of(folder))
        if root.resolve().is_relative_to(ASSETS):
            raise InputError(
                "This is a sample that ships with the studio",
                remedy="Make a copy of it first; the copy is yours.",
            )
        return root

    @property
    def _history(self) -> History:
        return History(self._workspace.captions)

    def _previewed(self, root: Path, steps: Sequence[Step], files: Collection[str]) -> Edited:
        captions = read_captions(root)
        if files:
            wanted = {original(str(name)) for name in files}
            captions = {
                path: text
                for path, text in captions.items()
                if path.relative_to(root).as_posix() in wanted
            }
            if len(captions) < len(wanted):
                there = {path.relative_to(root).as_posix() for path in captions}
                raise InputError(
                    "There is no such image in this dataset",
                    where=printable(sorted(wanted - there)[0])[:200],
                )
        says = self._summary(root)
        about = About(says.trigger, says.class_word)
        return Edited(len(captions), preview(captions, steps, about))


def plain(entry: Entry) -> dict[str, Any]:
    """A change as pages and `--json` show it."""
    return {
        "name": entry.name,
        "what": entry.what,
        "by": entry.by,
        "says": list(entry.says),
        "time": entry.time,
        "replaced": entry.replaced,
        "added": entry.added,
        "undone": entry.undone,
        "kept": entry.kept,
    }
