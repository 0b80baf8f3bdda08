"""What the run behind a column says of it: method, seed, time, memory, its training images.

Owns: finding the run, by name or by the file on the stack. Refuses to know: what is done with the facts.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from studio.core.errors import StudioError
from studio.core.paths import is_folder
from studio.library.library import Library
from studio.runs.folders import RunFolders
from studio.runs.records import RunState
from studio.settings.generation import Lane
from studio.settings.training import RunConfig


def with_facts(
    columns: Sequence[Lane], library: Library, runs: RunFolders
) -> tuple[list[Lane], list[Path]]:
    """Columns with what their runs say, where they do not say it themselves; the folders that those
    runs were trained on, as far as they are still there, each once."""
    found, folders = [], []
    for column in columns:
        state = _run_of(column, library, runs)
        config = _config(state, runs)
        found.append(column if state is None else _filled(column, state, config))
        if config is not None and config.data.folder and is_folder(Path(config.data.folder)):
            folders.append(Path(config.data.folder))
    return found, list(dict.fromkeys(folders))


def _run_of(column: Lane, library: Library, runs: RunFolders) -> RunState | None:
    """The run that is named, or that left the one file on the stack; None when it is gone."""
    try:
        files = [item.path for item in column.stack if item.enabled]
        run = column.run
        if not run and len(files) == 1:
            run = library.notes.of(library.adapter_path(files[0])).run
        return runs.state(run) if run else None
    except StudioError:
        return None


def _config(state: RunState | None, runs: RunFolders) -> RunConfig | None:
    try:
        return None if state is None else runs.config(state.run)
    except StudioError:
        return None


def _filled(column: Lane, state: RunState, config: RunConfig | None) -> Lane:
    step = state.step if column.step is None else column.step
    whole = step == state.step  # an earlier checkpoint took its share of the time
    seconds = state.seconds if whole or not state.seconds else state.seconds * step / state.step
    facts = {
        "run": state.run,
        "step": step,
        "method": state.method,
        "training_seed": config.seed if config else None,
        "seconds": None if seconds is None else round(seconds, 1),
        "trainable_parameters": sum(state.trained.values()) if state.trained else None,
        "peak_memory": state.peak_memory,
    }
    empty = (None, "")
    return column.model_copy(
        update={key: value for key, value in facts.items() if getattr(column, key) in empty}
    )
