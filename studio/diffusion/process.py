"""The process that a base was trained on, by its objective.

Owns: which one it is. Refuses to know: what they compute (`alphas`, `flow`).
"""

from __future__ import annotations

from studio.core.errors import UnavailableError
from studio.diffusion.alphas import Epsilon, Velocity
from studio.diffusion.contract import Process
from studio.diffusion.flow import Flow
from studio.families.base import Base


def process_of(base: Base, zero_terminal: bool = False) -> Process:
    """The process that `base` was trained on, by its objective, on its device.

    `zero_terminal` rescales the noise of ε and v (see `zero_terminal_snr`); a flow ends there anyway.
    Raises UnavailableError for an objective that is not known.
    """
    made: Process
    if base.prediction_type == "flow_prediction":
        made = Flow.of(base.scheduler_config)
    elif base.prediction_type == "epsilon":
        made = Epsilon.of(base.scheduler_config, zero_terminal)
    elif base.prediction_type == "v_prediction":
        made = Velocity.of(base.scheduler_config, zero_terminal)
    else:
        raise UnavailableError(
            f"What “{base.name}” predicts is not known here",
            where=base.prediction_type,
            remedy="Choose a base that predicts noise, v or flow.",
        )
    return made.to(base.device)
