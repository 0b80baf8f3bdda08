"""Any exception of a run → an error a person can act on.

Owns: recognising what libraries raise. Refuses to know: where it is shown.
"""

from __future__ import annotations

from studio.core import memory
from studio.core.errors import StorageError, StudioError, TrainingError, storage_error


def explain(error: BaseException, last_checkpoint: int | None = None) -> StudioError:
    """The error itself if it is ours; otherwise what it means, and what is safe."""
    safe = (
        f"Your last checkpoint, step {last_checkpoint}, is intact."
        if last_checkpoint
        else "No checkpoint was saved yet; the images and captions are untouched."
    )
    if isinstance(error, StudioError):
        if error.safe is None:
            error.safe = safe
        return error
    if memory.is_full(error):
        return memory.full("training", safe)
    if isinstance(error, OSError) and error.errno:
        known: StorageError = storage_error(error, error.filename or "a file", safe)
        return known
    return TrainingError(
        "The run stopped because of a fault in the program",
        why=f"{type(error).__name__}: {str(error)[:200]}",
        remedy="The log file in the workspace's folder “logs” has the details; please report it.",
        safe=safe,
    )
