"""The library of a workspace: its files, and what is remembered, kept and tidied about them.

Owns: putting these parts together. Refuses to know: torch, training, the page.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from studio.core import atomic
from studio.core.errors import FileError, StudioError
from studio.core.names import printable, text_of
from studio.core.paths import Workspace, entries
from studio.formats import images
from studio.library import keeping, presets
from studio.library.adapter_info import ADAPTER_ENDINGS, AdapterInfo
from studio.library.caption_changes import CaptionChanges
from studio.library.caption_desk import CaptionDesk
from studio.library.captions import Captions
from studio.library.entries import SAMPLES, Entry, grouped
from studio.library.entry_store import EntryStore
from studio.library.files import LibraryFiles
from studio.library.image_preparing import RecipeBook
from studio.library.image_settings import described
from studio.library.index import AdapterIndex
from studio.library.outputs import Outputs
from studio.library.presets import Like, PresetInfo
from studio.library.prompt_history import PromptHistory
from studio.library.saved_stacks import SavedStacks
from studio.library.styles import Styles
from studio.library.tidying import Tidying
from studio.library.trash import Trash
from studio.library.wildcards import Wildcards

log = logging.getLogger(__name__)
THUMBNAIL = 512  # pixels of the longer side


class Library(LibraryFiles):
    """Bases, datasets, adapters and their entries, captions, presets and saved stacks."""

    def __init__(self, workspace: Workspace) -> None:
        super().__init__(workspace)
        self.entries = EntryStore(self, self.notes)
        self.trash = Trash(self.entries)
        self.index = AdapterIndex(self.entries)
        self.stacks = SavedStacks(self)
        self.outputs = Outputs(workspace)
        self.styles = Styles(workspace)
        self.prompts = PromptHistory(workspace)
        self.wildcards = Wildcards(workspace)
        self.recipes = RecipeBook()
        self.captions = Captions(workspace, self.dataset_path)
        self.caption_changes = CaptionChanges(workspace, self.dataset_path, self.summary)
        self.caption_desk = CaptionDesk(workspace)
        self.tidying = Tidying(workspace)

    def presets(
        self, method: str | None = None, broken: list[StudioError] | None = None
    ) -> list[PresetInfo]:
        """Every preset, or those of one method; `broken` as in `presets.all_presets`."""
        return [p for p in presets.all_presets(broken=broken) if method in (None, p.method)]

    def config_like(self, path: str | Path) -> Like:
        """The settings a finished adapter file was trained with, and what could not be taken over."""
        return presets.like_file(self.adapter_path(text_of(path)))

    @cached_property
    def reserved(self) -> frozenset[str]:
        """Names of what ships (casefolded): no run's file gets one of them."""
        return frozenset(path.stem.casefold() for path in entries(self.roots[SAMPLES]))

    def keep_run(
        self,
        run: str,
        name: str,
        written: Sequence[Path],
        mine: keeping.Hashes,
        note: Callable[[dict[str, list[str]]], None],
    ) -> list[Path]:
        """Copies the files of a run into the library (see `keeping.keep`) and notes whose they are."""
        places = keeping.keep(self.workspace.adapters, written, mine, note, reserved=self.reserved)
        for place in places:
            if place.suffix in ADAPTER_ENDINGS:
                companion = place.stem.removeprefix(places[0].stem)
                self.note_run(place, run, f"{name}{companion}")
        return places

    def note_run(self, path: Path, run: str, name: str) -> None:
        """Notes which run wrote a file; notes that cannot be read stop no run."""
        try:
            self.notes.change(path, run=run, name=name)
        except FileError:
            log.warning("the run of %s could not be noted", path.name, exc_info=True)

    def called(self, info: AdapterInfo) -> str:
        """What a file is called where it is shown: like no other, as far as they have been seen."""
        entry = self.index.entry(str(info.path))
        return self.index.label(entry) if entry else self.notes.of(info.path).name or info.name

    def column_name(self, path: Path) -> str:
        """A file as the heading of a column: its name, in full where others have the same."""
        same = [p for p in self.adapter_files() if p.stem.casefold() == path.stem.casefold()]
        several = len(grouped([*same, path])) > 1
        return self.adapter_names([path])[0] if several else printable(path.stem)

    def choose_thumbnail(self, entry: Entry, image: Path) -> Path:
        """Puts a small copy of an image beside an entry of one's own, where other programs look for
        it too."""
        data = images.thumbnail(image, THUMBNAIL)
        return atomic.write_bytes(entry.path.with_suffix(".preview.png"), data)

    def inspect(self, path: str | Path) -> dict[str, Any]:
        """What a file is; of an image, which program made it and its settings."""
        facts = self.report(Path(path))
        if facts["kind"] == "unknown" and (found := described(Path(path))):
            return found
        return facts
