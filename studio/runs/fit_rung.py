"""One rung of the memory ladder, measured in a process of its own: its memory is nobody else's.

    python -m studio.runs.fit_rung WORKSPACE CONFIG.json OUT.json

Owns: a few steps and the loss of the untrained base. Refuses to know: the ladder, limits (`fit`).
"""

from __future__ import annotations

import statistics
import sys
import time
from pathlib import Path

from studio.core import atomic, memory
from studio.core.device import peak_memory, reset_peak_memory
from studio.core.errors import StudioError
from studio.core.paths import Workspace
from studio.core.record import Table
from studio.core.text import read_json
from studio.library import presets
from studio.library.library import Library
from studio.runs.control import Control
from studio.runs.preparation import Preparation
from studio.runtime.runtime import Runtime
from studio.train.loop import Hooks


def main(workspace: Path, given: Path, out: Path) -> int:
    """Writes what was measured, or why it could not be."""
    try:
        with memory.explained("measuring"):
            found = measured(workspace, given)
    except StudioError as error:
        found = {"reason": error.sentence()}
    atomic.write_json(out, found)
    return 0


def measured(workspace: Path, given: Path) -> Table:
    """Seconds per step, the highest memory while steps were taken, and the base's validation loss."""
    asked = read_json(given)
    config = presets.make_config(asked["config"])
    made = Preparation(config, Runtime(Library(Workspace(workspace))))
    made.read()
    made.encode([], lambda done, total: None)
    made.prior = made.items if config.prior.weight else []
    trainer = made.trainer(Control(), Hooks())
    loss = trainer.validation.measure()[0] if asked["loss"] else None
    memory.release()
    reset_peak_memory(made.base.device)
    seconds = []
    for step in range(1, asked["steps"] + 1):
        started = time.perf_counter()
        trainer.one_step(step)
        seconds.append(time.perf_counter() - started)
    return {
        "seconds_per_step": round(statistics.median(seconds), 3) if seconds else None,
        "peak_memory": peak_memory(made.base.device),
        "loss": loss,
        "device": _device_bytes(made) if made.base.device.type == "cuda" else None,
    }


def _device_bytes(made: Preparation) -> int:
    import torch

    return int(torch.cuda.get_device_properties(made.base.device).total_memory)


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:4])))
