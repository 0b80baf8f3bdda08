"""What is being generated is not deleted meanwhile: its next line would make the folder again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from studio.app import Studio
from studio.core.errors import BusyError
from studio.core.paths import Workspace, entries
from studio.settings.generation import CompareSettings, GenerateSettings, Lane
from studio.settings.grid import GridSettings, read
from tests.generation.races import asked

Delete = Callable[[str], Path]


class Deleting:
    """Hears the id and the progress of a generation, and tries to delete it in the midst."""

    def __init__(self, *delete: Delete) -> None:
        self.delete, self.id, self.refused = delete, "", 0

    def started(self, identity: str) -> None:
        self.id = identity

    def progress(self, done: int, total: int, text: str) -> None:
        for delete in self.delete if self.id and done else ():
            with pytest.raises(BusyError, match="is still being generated"):
                delete(self.id)
            self.refused += 1

    def check(self, folder: Path, name: str) -> None:
        """It was refused, the whole is there, and now it can be deleted for good."""
        assert self.refused and (folder / self.id / name).is_file()
        self.delete[0](self.id)
        assert self.id not in [path.name for path in entries(folder)]


COMPARED = CompareSettings(
    base="tiny", device="cpu", columns=[Lane(name="Base")], prompts=["a cat"], seeds=[1, 2],
    steps=1, images=0, ordinary_images=1,
)  # fmt: skip


def test_a_comparison_also_of_another_program(studio: Studio) -> None:
    made, other = studio.generation.comparisons, Studio(Workspace(studio.workspace.root))
    trying = Deleting(made.delete, other.generation.comparisons.delete)
    made.compare(COMPARED, trying.progress, started=trying.started)
    other.close()
    trying.check(studio.workspace.comparisons, "comparison.json")


def test_a_comparison_that_grows(studio: Studio) -> None:
    growing = studio.generation.shootouts.growing
    trying = Deleting(studio.generation.comparisons.delete)
    trying.started(growing.begun(COMPARED, "tiny", "", 0))
    growing.add(trying.id, 0, COMPARED.columns[0], trying.progress)
    growing.end(trying.id, cancelled=False)
    trying.check(studio.workspace.comparisons, "comparison.json")


def test_a_choice_among_checkpoints(trained: tuple[Studio, str]) -> None:
    studio, run = trained
    trying = Deleting(studio.generation.comparisons.delete)
    settings = asked(run, checkpoints=[2, 4], strengths=[1.0], images=4, seed=61)
    studio.generation.selections.select(settings, trying.progress, started=trying.started)
    trying.check(studio.workspace.comparisons, "selection.json")


def test_a_grid(studio: Studio) -> None:
    common = GenerateSettings(base="tiny", prompt="a cat", steps=1, device="cpu")
    trying = Deleting(studio.generation.grids.delete)
    studio.generation.grids.generate(
        GridSettings(generation=common, x=read("seed", "1,2"), name="two"),
        trying.progress,
        started=trying.started,
    )
    trying.check(studio.workspace.grids, "grid.json")
