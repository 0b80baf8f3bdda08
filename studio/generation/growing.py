"""Comparisons that grow: begun before anything can be generated, a column at a time.

Owns: their folders, and whose turn it is on the device. Refuses to know: who adds columns and when, how one is
generated and measured. Importing it loads no torch.
"""

from __future__ import annotations

import time
from pathlib import Path

from studio.compare.record import ComparedColumn, Comparison, Reference
from studio.compare.report.origin import write_origin
from studio.compare.shootout.growing_record import Continued, begin, columns_done
from studio.core.callbacks import Cancelled, OnProgress
from studio.core.errors import MissingError
from studio.core.record import Failure, Table
from studio.generation.comparisons import KEPT, Comparisons
from studio.generation.in_use import in_use
from studio.runtime.runtime import Runtime
from studio.settings.generation import CompareSettings, Lane


class GrowingComparisons:
    """Those of a workspace; each has one who adds to it."""

    def __init__(self, runtime: Runtime, comparisons: Comparisons) -> None:
        self.runtime, self.comparisons = runtime, comparisons

    def begun(
        self, settings: CompareSettings, base: str, base_hash: str, references: int, known: str = ""
    ) -> str:
        """The id of a comparison with these columns, prompts and seeds on this base: `known` where that
        is one, else a new one, all of whose columns are empty yet. StorageError when the disk refuses."""
        if known:
            try:
                found = self.comparisons.one(known)
                same = _shape(found.settings) == _shape(settings.model_dump())
                if same and found.base_hash == base_hash:
                    return known
            except MissingError:  # deleted meanwhile: its images are generated anew
                pass
        workspace = self.comparisons.workspace
        folder = workspace.new_folder(workspace.comparisons, settings.name or "comparison")
        columns = [
            ComparedColumn(
                name=one.name,
                stack=(),
                method=one.method,
                group=one.group,
                training_seed=one.training_seed,
            )
            for one in settings.columns
        ]
        comparison = Comparison(
            folder=str(folder),
            name=settings.name,
            base=base,
            base_hash=base_hash,
            created=time.time(),
            prompts=tuple(settings.prompts),
            seeds=tuple(settings.seeds),
            reference=Reference(folder=settings.reference, images=references),
            columns=tuple(columns),
        )
        return begin(settings, comparison).id

    def columns_done(self, identity: str) -> set[int]:
        """The places of the columns that are there."""
        return columns_done(self.comparisons.one(identity))

    def add(
        self,
        identity: str,
        index: int,
        column: Lane,
        on_progress: OnProgress | None = None,
        cancelled: Cancelled | None = None,
    ) -> Comparison:
        """Generates and measures a column when the device is free; errors as in `compare.growing`."""
        from studio.compare.shootout.growing import Shared, add_column

        comparison = self.comparisons.one(identity)
        settings = CompareSettings.parse(comparison.settings)
        with (
            in_use(Path(comparison.folder)),
            self.runtime.turn("comparing", "comparison", KEPT),
        ):
            base = self.runtime.base(settings.base, settings.device)
            shared = Shared(on_progress, cancelled, self.runtime.lock, self.runtime.adapters())
            return add_column(base, Path(comparison.folder), index, column, shared)

    def failed(self, identity: str, index: int, failure: Failure) -> None:
        """Writes why there is no such column."""
        Continued(self.comparisons.folder(identity)).failed(index, failure)

    def end(self, identity: str, *, cancelled: bool) -> Comparison:
        """Computes what the columns say together."""
        from studio.compare.shootout.growing import end
        from studio.generation.origins import origin_of

        folder, compared = self.comparisons.folder(identity), self.comparisons.one(identity)
        stacks = [[file.path for file in one.stack if file.enabled] for one in compared.columns]
        with in_use(folder):
            write_origin(folder, origin_of(stacks, self.runtime.library, self.comparisons.runs))
            return end(folder, cancelled=cancelled)


def _shape(settings: Table) -> Table:
    """What has to be the same for a comparison to be continued."""
    kept = ("base", "prompts", "seeds", "steps", "guidance", "sampler", "negative_prompt", "images")
    columns = settings.get("columns")
    names = (
        [one.get("name") for one in columns if isinstance(one, dict)]
        if isinstance(columns, list)
        else []
    )
    return {
        **{key: settings.get(key) for key in (*kept, "reference", "training")},
        "columns": names,
    }
