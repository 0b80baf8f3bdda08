"""The words for a step that could not be taken, or only by some of the weights.

Owns: what is said, and what is said to be safe. Refuses to know: how a step is taken.
"""

from __future__ import annotations

import torch

from studio.core.errors import NonFiniteError, TrainingError

AGAIN = "Lower the learning rate to a third, then resume from the last checkpoint."


def non_finite(
    step: int, rate: float, loss: float, dtype: torch.dtype, done: int, torn: bool
) -> NonFiniteError:
    """The error for a loss or a gradient that is NaN or infinite at `step`, after `done` whole ones.

    `torn` says that some weights had taken the step before it was seen: what is safe then is on
    disk alone, and whoever knows the disk adds it.
    """
    precision = str(dtype).removeprefix("torch.")
    cause = (
        "fp16 overflows easily; bf16 or fp32 does not."
        if precision == "float16"
        else "The learning rate is probably too high."
    )
    where = f"learning rate {rate:g}, precision {precision}"
    if torn:
        return NonFiniteError(
            f"A gradient became NaN or infinite in the middle of step {step}",
            where=where,
            why=f"{cause} With the fused backward pass some weights had taken the step by then, so the "
            "weights in memory are given up and nothing is saved of them.",
            remedy=AGAIN,
        )
    return NonFiniteError(
        f"The loss became {'NaN' if loss != loss else 'infinite or its gradient did'} at step {step}",
        where=where,
        why=cause,
        remedy=AGAIN,
        safe=f"The step was not taken; everything up to step {done} is unharmed.",
    )


def half_stepped(step: int) -> TrainingError:
    """The error for using weights of which only some have taken `step`."""
    return TrainingError(
        f"Only some of the weights have taken step {step}",
        why="The step was broken off in the middle of its fused backward pass.",
        remedy="Resume the run from its last checkpoint.",
    )
