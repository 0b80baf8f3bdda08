"""What is said when a loss became NaN or infinite.

Owns: the words, with what probably helps. Refuses to know: how it was noticed.
"""

from __future__ import annotations

from studio.core.errors import NonFiniteError
from studio.train.state import Progress


def non_finite(
    step: int, rate: float, loss: float, dtype: str, progress: Progress
) -> NonFiniteError:
    """The error of a step that was not taken."""
    precision = dtype.removeprefix("torch.")
    cause = (
        "fp16 overflows easily; bf16 or fp32 does not."
        if precision == "float16"
        else "The learning rate is probably too high."
    )
    return NonFiniteError(
        f"The loss became {'NaN' if loss != loss else 'infinite or its gradient did'} at step {step}",
        where=f"learning rate {rate:g}, precision {precision}",
        why=cause,
        remedy="Lower the learning rate to a third, then resume from the last checkpoint.",
        safe=f"The step was not taken; everything up to step {progress.step} is unharmed.",
    )
