"""The run folders of a workspace: listed, read, deleted to the trash; what they say of the next run.

Owns: what of a run can be looked at. Refuses to know: the queue, torch, pages.

What a run here says of itself is shown from memory: a disk that takes no writes hides nothing.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from pathlib import Path

from studio.core import atomic
from studio.core.errors import InputError, MissingError, StorageError, StudioError
from studio.core.locks import Lock
from studio.core.names import path_of, printable
from studio.core.paths import entries, is_file, is_folder, is_name, there
from studio.core.text import read_toml
from studio.library import presets
from studio.library.library import Library
from studio.library.notes import Note
from studio.runs import auto, rebuilding
from studio.runs.completion import complete
from studio.runs.events import RunLog, honest_state, read_events
from studio.runs.expectation import expect
from studio.runs.findings import Preflight, refused
from studio.runs.preflight import judged
from studio.runs.records import RunState, RunView
from studio.runs.run_states import RunStates
from studio.settings.training import RunConfig

log = logging.getLogger(__name__)


class RunFolders:
    """The runs of a workspace, of this process and of earlier ones."""

    def __init__(self, library: Library) -> None:
        self.library, self.workspace = library, library.workspace
        self._condition = threading.Condition()
        self._locks: dict[str, Lock] = {}
        self._logs: dict[str, RunLog] = {}
        """Runs going on or queued here, and ended ones whose end the disk has not taken yet."""
        self._states = RunStates(self.workspace.cache / "runs.json")
        for folder in sorted(entries(self.workspace.runs)):
            if is_folder(folder):
                state = self._state(folder)
                library.notes.assume(
                    {path: Note(run=state.run, name=state.name) for path in self._left(state)}
                )

    def all(self) -> list[RunState]:
        """The state of every run, newest first."""
        folders = [path for path in entries(self.workspace.runs) if is_folder(path)]
        states = [self._listed(folder) for folder in folders]
        self._states.save({folder.name for folder in folders})
        states = [state for state in states if state.run]
        return sorted(states, key=lambda state: state.run, reverse=True)

    def state(self, run_id: str) -> RunState:
        """One run as it is now. Raises MissingError."""
        return self._state(self.folder(run_id))

    def view(self, run_id: str, since: int = 0) -> RunView:
        """State, configuration and the events after byte offset `since` of one run."""
        folder = self.folder(run_id)
        events, following = read_events(folder, since)
        try:
            config = self.config(run_id)
        except StudioError:
            config = None
        return RunView(self._state(folder), config, events, following)

    def config(self, run_id: str) -> RunConfig:
        """The complete configuration of a run."""
        path = self.folder(run_id) / "config.toml"
        try:
            values = read_toml(path)
        except (OSError, ValueError) as error:
            raise MissingError("The settings of this run cannot be read", where=path) from error
        return presets.make_config(values, where=run_id)

    def trained_config(self, run_id: str) -> RunConfig:
        """The same as the run computes: with what Auto decided when it began."""
        return auto.as_trained(self.folder(run_id), self.config(run_id))

    def preflight(self, config: RunConfig) -> Preflight:
        """What is wrong, what is odd, the facts, and what the run will about take; loads no model."""
        try:
            completed = complete(config, self.library)
        except StudioError as error:
            return refused(error)
        found = judged(completed, self.library)
        found.expected = expect(
            completed.config, completed.base, self.all(), self.config, self.workspace.cache
        )
        return found

    def recalibrate(self, config: RunConfig) -> bool:
        """Forgets what was measured for runs like this one; False where nothing was."""
        completed = complete(config, self.library)
        return auto.forget(completed.config, completed.base, self.workspace.cache)

    def delete(self, run_id: str) -> Path:
        """Moves an ended run to the workspace's trash."""
        folder = self.folder(run_id)
        if self._state(folder).active:
            raise InputError("This run is still going on", where=run_id, remedy="Stop it first.")
        self._logs.pop(run_id, None)
        return atomic.move_to_trash(folder, self.workspace.trash)

    def file(self, run_id: str, relative: str) -> Path:
        """A file of a run, by its path relative to the run's folder."""
        folder = self.folder(run_id)
        return self.workspace.resolve(folder / relative, roots=[folder])

    def folder(self, run_id: str) -> Path:
        """The folder of a run; an id is a plain name, never a path."""
        folder = path_of(self.workspace.runs / run_id)
        if not is_name(run_id) or not is_folder(folder):
            raise MissingError("There is no such run", where=run_id[:100])
        return folder

    def files(self, state: RunState) -> list[Path]:
        """The files that a run left, wherever they are now; none that are gone."""
        files = [path for path in map(path_of, state.files) if there(path)]
        return files or self.library.entries.of_run(state.run)

    def _left(self, state: RunState) -> Iterator[Path]:
        """The files of a run that are where it left them, also when the workspace was moved."""
        roots = self.library.roots
        for path in map(path_of, state.files):
            inside = (path.name, f"{path.parent.name}/{path.name}")
            places = zip((roots["adapters"], roots["bases"]), inside, strict=True)
            yield from (root / name for root, name in places if is_file(root / name))

    def _listed(self, folder: Path) -> RunState:
        """`_state` for the list: one run that cannot be read keeps no other from view."""
        try:
            return self._state(folder)
        except Exception as error:
            log.error("the run %s cannot be read", printable(folder), exc_info=error)
            known = error.sentence() if isinstance(error, StudioError) else "It cannot be read."
            return RunState(run=folder.name, name=folder.name, state="failed", reason=known)

    def _state(self, folder: Path) -> RunState:
        """What a run here says of itself, else what the disk says of it."""
        run = self._logs.get(folder.name)
        if run is None:
            return self._states.of(folder, lambda: _on_disk(folder))
        with self._condition:
            if folder.name not in self._locks:
                try:  # it has ended; perhaps there is room by now
                    run.flush()
                    self._logs.pop(folder.name, None)
                except StorageError:
                    pass
        return run.state


def _on_disk(folder: Path) -> RunState:
    """What a run's files say, also when its state was lost."""
    state = honest_state(folder, False, rebuilding.repair)
    return state if state.state else rebuilding.state(folder)
