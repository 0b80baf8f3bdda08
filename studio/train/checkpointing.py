"""Gradient checkpointing while a step is computed.

Owns: switching it on and off again. Refuses to know: the loop, which denoiser it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def checkpointing(denoiser: Any, choice: str) -> Iterator[None]:
    """Inside, activations are recomputed in the backward pass instead of being kept, if the choice is
    `on`; `auto` that nobody has settled is `off`."""
    wanted = choice == "on"
    if wanted:
        denoiser.enable_gradient_checkpointing()
    try:
        yield
    finally:
        if wanted:
            denoiser.disable_gradient_checkpointing()
