"""The record of a comparison whose columns come one by one.

Owns: beginning it with columns that are empty yet, continuing it in another process, and settings that say
in the end what was compared. Refuses to know: how columns are generated. Imports no torch.
"""

from __future__ import annotations

from pathlib import Path

from studio.compare.record import (
    COMPARISON_FILE,
    Cell,
    ComparedColumn,
    Comparison,
    Recorder,
    read_comparison,
)
from studio.core.record import Failure, Table
from studio.settings.generation import CompareSettings


class Continued(Recorder):
    """Goes on with a comparison where its folder says it is."""

    def __init__(self, folder: Path) -> None:
        """MissingError when it is none. One that was ended is going on again from here."""
        self.folder = folder
        found = read_comparison(folder)
        again = (folder / COMPARISON_FILE).is_file()
        self.comparison = found.changed(
            complete=False, cancelled=False, cells=tuple(dict.fromkeys(found.cells)),
        )  # fmt: skip
        if again:
            self._append({"kind": "started", "comparison": self.comparison.as_json()})
            (folder / COMPARISON_FILE).unlink(missing_ok=True)

    def cell(self, column: int, prompt: int, seed: int, file: str) -> None:
        """An image of the grid is on disk; one that was there before is told once."""
        if Cell(column=column, prompt=prompt, seed=seed, file=file) not in self.comparison.cells:
            super().cell(column, prompt, seed, file)

    def failed(self, index: int, failure: Failure) -> None:
        """A column that there will not be, and why."""
        parts = (failure.what, failure.why, failure.remedy)
        message = " ".join(f"{part.rstrip('.')}." for part in parts if part)
        column = self.comparison.columns[index]
        self.column(index, column.changed(error=failure, message=message))

    def ended(self, *, cancelled: bool) -> Comparison:
        """Writes the whole. Its time is that of its columns; it was begun long before they were."""
        columns = self.comparison.columns
        settings = {**self.comparison.settings, "columns": [_lane(one) for one in columns]}
        self.comparison = self.comparison.changed(settings=settings)
        return self.finish(
            sum(one.generation_seconds or 0.0 for one in columns), cancelled=cancelled
        )


def begin(settings: CompareSettings, comparison: Comparison) -> Comparison:
    """Writes a comparison into its folder whose columns are all empty yet."""
    return Recorder(comparison.changed(settings=settings.model_dump())).comparison


def columns_done(comparison: Comparison) -> set[int]:
    """The places of the columns that were generated."""
    return {
        index
        for index, column in enumerate(comparison.columns)
        if column.images is not None and column.error is None
    }


def _lane(column: ComparedColumn) -> Table:
    """A column as the settings that would generate it again."""
    names = (
        "name", "run", "step", "method", "training_seed", "group", "seconds",
        "trainable_parameters", "peak_memory",
    )  # fmt: skip
    stack = [file.model_dump(include={"path", "strength", "enabled"}) for file in column.stack]
    return {name: getattr(column, name) for name in names} | {"stack": stack}
