"""Grids on disk: generated, continued, listed, deleted to the trash.

Owns: the folders under `grids/`, and the files that the values of an axis mean. Refuses to know:
how cells are generated. Importing it loads no torch.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from studio import methods
from studio.compare.grid_record import Grid, read
from studio.core import atomic
from studio.core.callbacks import Cancelled, OnProgress
from studio.core.errors import MissingError
from studio.core.names import path_of
from studio.core.paths import entries, is_folder, is_name
from studio.generation.in_use import in_use, to_trash
from studio.infer.tags import split_tags
from studio.infer.template import has_choices
from studio.runs import rebuilding
from studio.runs.training import Runs
from studio.runtime.runtime import Runtime
from studio.settings.generation import GenerateSettings
from studio.settings.grid import NONE, Axis, GridSettings, reference
from studio.settings.grid_cells import lay_out

KEPT = "The images generated so far are kept."


class Grids:
    """The grids of a workspace."""

    def __init__(self, runtime: Runtime, runs: Runs) -> None:
        self.workspace, self.runtime, self.runs = runtime.library.workspace, runtime, runs

    def generate(
        self,
        settings: GridSettings,
        on_progress: OnProgress | None = None,
        cancelled: Cancelled | None = None,
        started: Callable[[str], None] | None = None,
    ) -> Grid:
        """Generates a grid when the device is free; `started` hears its id. See `compare.axes_grid`."""
        settings = settings.model_copy(update={"generation": settings.generation.seeded()})
        settings = self._with_paths(settings)
        self._check(settings)
        folder = self.workspace.new_folder(self.workspace.grids, settings.name or "grid")
        if started:
            started(folder.name)
        return self._run(settings, folder, on_progress, cancelled)

    def _check(self, settings: GridSettings) -> None:
        """Refuses axes that make no sense, before anything is loaded or written."""
        files: dict[str, Axis] = {}
        for name, axis in _axes(settings).items():
            if axis is None or axis.kind != "checkpoint":
                continue
            from studio.runs.checkpoint_files import check_step

            for value in axis.values:
                check_step(axis.of, value, self.runs)
            # they are written when it is their turn; here any file stands for one
            files[name] = Axis(kind="adapter", values=[f"step-{value}" for value in axis.values])
        lay_out(settings.model_copy(update=files), self._resolved)

    def resume(
        self,
        grid_id: str,
        on_progress: OnProgress | None = None,
        cancelled: Cancelled | None = None,
    ) -> Grid:
        """Generates what is missing of a grid."""
        folder = self.folder(grid_id)
        settings = self._with_paths(read(folder).wanted)
        return self._run(settings, folder, on_progress, cancelled)

    def _run(
        self,
        settings: GridSettings,
        folder: Path,
        on_progress: OnProgress | None,
        cancelled: Cancelled | None,
    ) -> Grid:
        from studio.compare.axes_grid import generate

        common = settings.generation
        with in_use(folder), self.runtime.turn("generating a grid", "grid", KEPT):
            settings = self._with_checkpoints(settings, on_progress)
            base = self.runtime.base(common.base, common.device, vae=common.vae)
            try:
                return generate(
                    base,
                    settings,
                    folder,
                    on_progress=on_progress,
                    cancelled=cancelled,
                    cache=self.runtime.adapters(),
                    resolve=self._resolved,
                )
            except BaseException:
                if not (folder / "cells").is_dir():
                    atomic.remove_folder(folder)  # it never began
                raise

    def all(self) -> list[Grid]:
        """Every grid, newest first."""
        found = []
        for folder in entries(self.workspace.grids):
            try:
                found.append(read(folder))
            except MissingError:
                continue
        return sorted(found, key=lambda grid: (grid.created, grid.id), reverse=True)

    def one(self, grid_id: str) -> Grid:
        """One grid by its id, a plain folder name."""
        return read(self.folder(grid_id))

    def folder(self, grid_id: str) -> Path:
        """The folder of a grid."""
        folder = path_of(self.workspace.grids / grid_id)
        if not is_name(grid_id) or not is_folder(folder):
            raise MissingError("There is no such grid", where=grid_id[:100])
        return folder

    def steps(self, run_id: str) -> list[int]:
        """Steps of a run whose checkpoints an axis can vary; none of a run that trains a model."""
        folder = self.runs.folder(run_id)
        if not is_folder(
            folder / "checkpoints"
        ):  # most of many runs: asked before anything is read
            return []
        if methods.find(self.runs.config(run_id).method).product == "model":
            return []
        return list(rebuilding.saved(folder))

    def delete(self, grid_id: str) -> Path:
        """Moves a grid to the trash. BusyError while it is generated."""
        return to_trash(self.folder(grid_id), self.workspace.trash, "This grid")

    def _with_paths(self, settings: GridSettings) -> GridSettings:
        """Files of the stack and of an adapter axis as paths that may be read."""

        def named(text: str) -> str:
            path, strength = reference(text)
            if path.lower() in NONE:
                return text
            return f"{self.runtime.library.adapter_path(path)}:{strength:g}"

        changes: dict[str, Any] = {
            name: axis.model_copy(update={"values": [named(value) for value in axis.values]})
            for name, axis in _axes(settings).items()
            if axis is not None and axis.kind == "adapter"
        }
        if not _varies_tags(settings) and not has_choices(settings.generation.prompt):
            from studio.generation.parts import located

            changes["generation"] = located(settings.generation, self.runtime.library)
        return settings.model_copy(update=changes)

    def _resolved(self, settings: GenerateSettings) -> GenerateSettings:
        from studio.generation.parts import resolved
        from studio.infer import inpaint_files

        found = resolved(settings, self.runtime.library)
        inpaint_files.keep(self.workspace.output_folder(), found)
        return found

    def _with_checkpoints(
        self, settings: GridSettings, on_progress: OnProgress | None
    ) -> GridSettings:
        """Steps of a run as adapter files, which are written when they are first asked for."""
        changes: dict[str, Axis] = {}
        for name, axis in _axes(settings).items():
            if axis is None or axis.kind != "checkpoint":
                continue
            from studio.runs.checkpoint_files import adapter_of

            paths = []
            for value in axis.values:
                if on_progress:
                    on_progress(0, len(axis.values), f"writing the file of step {value}")
                paths.append(str(adapter_of(axis.of, value, self.runs, self.runtime)))
            labels = [f"step {value}" for value in axis.values]
            changes[name] = Axis(kind="adapter", values=paths, labels=labels)
        return settings.model_copy(update=changes)


def _varies_tags(settings: GridSettings) -> bool:
    """Whether search and replace looks for something inside a tag: then the tags stay for it."""
    prompt = settings.generation.prompt
    searched = [
        axis.values[0] for axis in _axes(settings).values() if axis and axis.kind == "replace"
    ]
    return any(text in prompt and text not in split_tags(prompt)[0] for text in searched)


def _axes(settings: GridSettings) -> dict[str, Axis | None]:
    return {"x": settings.x, "y": settings.y, "pages": settings.pages}
