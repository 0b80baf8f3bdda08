"""What is trained with what: dataset, base, method, preset, as one part of the Train tab.

Owns: the component, the choices it offers and what past runs say about them. Its value is
`{"dataset": id, "base": name, "method": name, "preset": name or ""}`.
Refuses to know: settings and runs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from studio.architectures import ARCHITECTURES
from studio.core.errors import InputError, StudioError
from studio.core.names import printable
from studio.core.paths import ASSETS
from studio.methods import METHODS
from studio.runs.history import experience
from studio.ui import theme
from studio.ui.components.columns import named
from studio.ui.components.stack import card
from studio.ui.live import Json, Page, component, read

if TYPE_CHECKING:
    from studio.app import Studio
    from studio.families.detect import BaseInfo

TEMPLATE = '<div class="cs-card cs-pick"></div>'
COVERS = 7
EMPTY: Json = {"dataset": "", "base": "starter", "method": "lora", "preset": ""}


def train_pick(studio: Studio, page: Page, first: Json, kept: Callable[[], bool]) -> gr.HTML:
    """The component. Events: `input` (something else was chosen, or typed in the form),
    `dataset` (another dataset: its words belong into the form), `preset` (fill the form), `like` (fill
    it with the settings of a file), `restore` (fill it as it was left, if `kept()` says it was) and
    `class_images` (a dataset of them becomes the run's own).
    """
    return TrainPick(studio, page).build(first, kept)


class TrainPick:
    """What the choice of dataset, base, method and preset may ask."""

    def __init__(self, studio: Studio, page: Page) -> None:
        self.studio, self.page = studio, page

    def build(self, first: Json, was_kept: Callable[[], bool]) -> gr.HTML:
        def kept(argument: Any) -> bool:
            """Whether the form was left with something in it."""
            return was_kept()

        return component(
            "train_pick",
            TEMPLATE,
            [self.choices, self.covers, self.files, kept],
            events=["input", "dataset", "preset", "like", "restore", "class_images"],
            value=dict(first),
            restored=False,
            refused="",
            elem_id="cs-train-pick",
        )

    def choices(self, argument: Any) -> Json:
        """Everything that can be chosen, as it is on disk now."""
        bases = self.studio.library.bases()
        families = {base.family for base in bases if base.family}
        broken: list[StudioError] = []  # one bad file must not empty the list
        presets = self.studio.library.presets(broken=broken)
        problem = broken[0].as_dict() if broken else None
        seen: dict[str, Json] = {}
        for entry in experience(self.studio.runs.all()):
            seen.setdefault(entry.method, {})[entry.base] = asdict(entry)
        return {
            "problem": problem,
            "datasets": self._datasets(),
            "bases": self._bases(bases),
            "methods": self._methods(families, seen),
            "presets": [
                {
                    "name": preset.name,
                    "title": preset.title,
                    "description": preset.description,
                    "method": preset.method,
                    "family": preset.family,
                    "base": preset.base,
                }
                for preset in presets
            ],
        }

    def _datasets(self) -> list[Json]:
        return [
            {
                "id": printable(info.path),
                "name": info.name,
                "images": info.images,
                "captioned": info.captioned,
                "trigger": info.trigger,
                "kind": info.kind,
                "class_images": info.class_images,
                "sample": info.path.is_relative_to(ASSETS),
            }
            for info in self.page.library.all()
            if info.images
        ]

    def _bases(self, bases: list[BaseInfo]) -> list[Json]:
        return [
            {
                "name": base.name,
                "title": base.title,
                "family": base.family,
                "size": base.native_size,
                "bytes": base.size_bytes,
                "problem": base.problems[0] if base.problems else None,
            }
            for base in bases
        ]

    def _methods(self, families: set[str], seen: dict[str, Json]) -> list[Json]:
        return [
            {
                "name": method.name,
                "title": method.title,
                "summary": method.summary,
                "drawing": theme.drawing(f"method-{method.name}", "method"),
                "seen": seen.get(method.name, {}),
                "unsupported": {
                    family: reason
                    for family in families
                    if (reason := method.unsupported(ARCHITECTURES[family]))
                },
            }
            for method in METHODS.values()
        ]

    def covers(self, argument: Any) -> list[str]:
        """Thumbnails of the first images of a dataset."""
        from studio.formats.dataset import image_files

        (identity,) = read(argument, dataset=str)
        found: list[str] = []
        for image in image_files(self.page.library.path(identity)):
            if len(found) == COVERS:
                break
            try:
                found.append(str(self.page.thumbnails.of(image)))
            except (StudioError, OSError):
                continue
        return found

    def files(self, argument: Any) -> list[Json]:
        """The library's files, newest first."""
        found = sorted(self.studio.library.entries.all(), key=lambda entry: -entry.info.modified)
        return [card(self.page, info, name=name, previews=False) for info, name in named(found)]


def checked(page: Page, value: Any) -> tuple[Json, Path]:
    """The value a page sent → (value, dataset folder); raises InputError when one is missing."""
    dataset, base, method, preset = read(value, dataset=str, base=str, method=str, preset=str)
    if not dataset:
        raise InputError(
            "No dataset is chosen", remedy="Choose one, or make one in the Caption tab."
        ).at({"data.folder": "No dataset is chosen."})
    pick = {"dataset": dataset, "base": base, "method": method, "preset": preset}
    return pick, page.library.path(dataset)
