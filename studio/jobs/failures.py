"""Any exception of a run → an error a person can act on.

Owns: recognising what libraries raise. Refuses to know: where it is shown.
"""

from __future__ import annotations

from studio.errors import MemoryFullError, StorageError, StudioError, TrainingError, storage_error


def explain(error: BaseException, last_checkpoint: int | None = None) -> StudioError:
    """The error itself if it is ours; otherwise what it means, and what is safe."""
    safe = (
        f"Your last checkpoint, step {last_checkpoint}, is intact."
        if last_checkpoint
        else "No checkpoint was saved yet; the pictures and captions are untouched."
    )
    if isinstance(error, StudioError):
        if error.safe is None:
            error.safe = safe
        return error
    if _out_of_memory(error):
        return MemoryFullError(
            "The memory is full",
            why="The model, its gradients and the batch did not fit together",
            remedy="Halve the batch size, or switch gradient checkpointing on, then resume.",
            safe=safe,
        )
    if isinstance(error, OSError) and error.errno:
        known: StorageError = storage_error(error, error.filename or "a file", safe)
        return known
    return TrainingError(
        "The run stopped because of a fault in the program",
        why=f"{type(error).__name__}: {str(error)[:200]}",
        remedy="The log file in the workspace's folder “logs” has the details; please report it.",
        safe=safe,
    )


def _out_of_memory(error: BaseException) -> bool:
    text = str(error).lower()
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or "out of memory" in text
        or "can't allocate memory" in text
    )
