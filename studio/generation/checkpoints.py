"""A checkpoint of a run as a file of the library.

Owns: its name, and the sample that becomes its thumbnail. Refuses to know: how it is made
(`runs.checkpoint_files`). Imports torch.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from studio.core.errors import StudioError
from studio.core.paths import is_file, slug
from studio.library import keeping
from studio.runs.checkpoint_files import adapter_of
from studio.runs.training import Runs
from studio.runtime.runtime import Runtime


def library_file(run_id: str, step: int, runs: Runs, runtime: Runtime) -> Path:
    """Writes the checkpoint's file into the library, or finds it there. Errors of `adapter_of`.

    It is called after the run and the step, and shows the sample of that step.
    """
    library, name = runtime.library, runs.config(run_id).name
    with runtime.turn(f"writing the file of step {step}", "anything", "The run is as it was."):
        made = adapter_of(run_id, str(step), runs, runtime)
    wanted = Path(f"{slug(name)}-{step}{made.suffix}")
    (path,) = keeping.keep(
        library.workspace.adapters, [made], name=wanted, reserved=library.reserved
    )
    library.note_run(path, run_id, f"{name}, step {step}")
    sample = runs.folder(run_id) / "samples" / f"step-{step:06d}" / "0.png"
    if is_file(sample):
        with contextlib.suppress(StudioError):  # the file is there, with an image or without
            library.choose_thumbnail(library.entries.entry(path), sample)
    return path
