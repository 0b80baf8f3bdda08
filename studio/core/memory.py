"""Memory that ran out: recognised in every form, said in one way, given back afterwards.

Owns: what libraries raise when they get no memory, the sentences with their remedies, letting go
of what a failed piece of work still held. Refuses to know: what the work was doing, torch (it is
only asked when somebody else has loaded it).
"""

from __future__ import annotations

import errno
import gc
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from studio.core.errors import MemoryFullError, StudioError

Work = Literal[
    "training", "measuring", "images", "effect", "grid", "comparison", "captions", "class images",
    "samples", "anything",
]  # fmt: skip

# Why it did not fit, and what to do: at least two things that help with this piece of work.
_SAID: dict[Work, tuple[str, str]] = {
    "training": (
        "The model, its gradients and the batch did not fit together.",
        "Halve the batch size, or switch gradient checkpointing on, then resume.",
    ),
    "measuring": (
        "The model, its gradients and the batch did not fit together.",
        "Halve the batch size, or switch gradient checkpointing on, then measure again.",
    ),
    "images": (
        "The model and the images generated at once did not fit together.",
        "Generate smaller images or fewer at once, or set “Decode in tiles” to always.",
    ),
    "effect": (
        "The model, the stack and the two images to compare did not fit.",
        "Choose a smaller size, or switch off other files of the stack.",
    ),
    "grid": (
        "The model and the images of the grid generated at once did not fit together.",
        "Choose a smaller size, or put fewer prompts and seeds on the axes, then continue the grid.",
    ),
    "comparison": (
        "The model and the images generated at once did not fit together.",
        "Lower the batch size in “More settings”, or compare on a smaller base.",
    ),
    "captions": (
        "The captioning model and its images did not fit together.",
        "Caption fewer images at once, or use a smaller captioning model.",
    ),
    "class images": (
        "The base and the class images generated at once did not fit together.",
        "Close other programs that use the memory, or choose a smaller base. A run can also take a folder "
        "of class images of your own, or do without (prior weight 0): then resume it.",
    ),
    "samples": (
        "The model in training and the samples generated with it did not fit together.",
        "Use fewer sample prompts or a lower resolution, or set the interval of samples to never.",
    ),
    "anything": (
        "Not enough memory was left for it.",
        "Close other programs that use the memory, or choose a smaller model.",
    ),
}  # fmt: skip

# What the messages of allocators have in common, in lower case: CUDA, ROCm, MPS, XPU, cuBLAS, cuDNN,
# the processor's own, C++, bitsandbytes.
_PHRASES = (
    "out of memory", "outofmemory", "not enough memory", "insufficient memory", "alloc_failed",
    "allocate memory", "failed to allocate", "unable to allocate", "memory allocation",
    "memoryallocation", "bad_alloc", "bad allocation", "invalid buffer size", "std::length_error",
    "out_of_device_memory", "out_of_host_memory", "out_of_resources", "cuda_error_out_of_memory",
    "unable to find an engine to execute", "paging file is too small",
)  # fmt: skip
# These mean too little memory when they come from the library of the first word.
_BY_LIBRARY = (
    ("cublas", "status_not_initialized"),
    ("cudnn", "status_not_supported"),
    ("cudnn", "error: not_supported"),
)
_PAGING_FILE = 1455  # ERROR_COMMITMENT_LIMIT, Windows


def is_full(error: BaseException) -> bool:
    """Whether memory ran out, as far as the error or what it came from tells.

    Our own errors are what they say: a file that asks for more than it may is not our memory.
    """
    seen: set[int] = set()
    found: BaseException | None = error
    while found is not None and id(found) not in seen:
        if isinstance(found, StudioError):
            return isinstance(found, MemoryFullError)
        if _says_full(found):
            return True
        seen.add(id(found))
        found = found.__cause__ or (None if found.__suppress_context__ else found.__context__)
    return False


def _says_full(error: BaseException) -> bool:
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM or getattr(error, "winerror", 0) == _PAGING_FILE
    # Libraries speak in RuntimeErrors, some in bare Exceptions; others may quote a person's words.
    if not isinstance(error, RuntimeError | SystemError) and type(error) is not Exception:
        return False
    text = str(error).lower()
    return any(phrase in text for phrase in _PHRASES) or any(
        library in text and status in text for library, status in _BY_LIBRARY
    )


def full(work: Work, safe: str | None = None) -> MemoryFullError:
    """What to say when memory ran out during `work`."""
    why, remedy = _SAID[work]
    return MemoryFullError("The memory is full", why=why, remedy=remedy, safe=safe)


@contextmanager
def explained(work: Work, safe: str | None = None) -> Iterator[None]:
    """Turns what libraries raise inside the block, when memory ran out, into MemoryFullError.

    One that says already what it was doing passes.
    """
    try:
        yield
    except StudioError:
        raise
    except Exception as error:
        if not is_full(error):
            raise
        raise full(work, safe) from error


def let_go(error: BaseException) -> None:
    """Gives back what the failed work held: an error keeps every variable of every function that it
    passed through, and with them the tensors that did not fit."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        found = waiting.pop()
        if found is None or id(found) in seen:
            continue
        seen.add(id(found))
        traceback.clear_frames(found.__traceback__)
        waiting += [found.__cause__, found.__context__]
    release()


def release() -> None:
    """Returns memory that nobody uses to the system and the devices."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is None:
        return
    for name in ("cuda", "xpu", "mps"):
        device = getattr(torch, name, None)
        if device is not None and device.is_available():
            device.empty_cache()
