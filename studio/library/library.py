"""The library of a workspace: its files, and what is remembered, kept and tidied about them.

Owns: putting these parts together. Refuses to know: torch, training, the page.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from studio.core.errors import StudioError
from studio.core.names import text_of
from studio.core.paths import Workspace
from studio.library import presets
from studio.library.captions import Captions
from studio.library.files import LibraryFiles
from studio.library.image_settings import described
from studio.library.index import AdapterIndex
from studio.library.presets import Like, PresetInfo
from studio.library.prompt_history import PromptHistory
from studio.library.saved_stacks import SavedStacks
from studio.library.styles import Styles
from studio.library.tidying import Tidying
from studio.library.wildcards import Wildcards


class Library(LibraryFiles):
    """Bases, datasets, adapters, captions, presets and saved stacks."""

    def __init__(self, workspace: Workspace) -> None:
        super().__init__(workspace)
        self.index = AdapterIndex(self)
        self.stacks = SavedStacks(self)
        self.styles = Styles(workspace)
        self.prompts = PromptHistory(workspace)
        self.wildcards = Wildcards(workspace)
        self.captions = Captions(workspace, self.dataset_path)
        self.tidying = Tidying(workspace)

    def presets(
        self, method: str | None = None, broken: list[StudioError] | None = None
    ) -> list[PresetInfo]:
        """Every preset, or those of one method; `broken` as in `presets.all_presets`."""
        return [p for p in presets.all_presets(broken=broken) if method in (None, p.method)]

    def config_like(self, path: str | Path) -> Like:
        """The settings a finished adapter file was trained with, and what could not be taken over."""
        return presets.like_file(self.adapter_path(text_of(path)))

    def inspect(self, path: str | Path) -> dict[str, Any]:
        """What a file is; of an image, which program made it and its settings."""
        facts = self.report(Path(path))
        if facts["kind"] == "unknown" and (found := described(Path(path))):
            return found
        return facts
