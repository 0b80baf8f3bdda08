"""One process of a run that several train together; the first writes and is watched.

    (accelerate's launcher) -m studio.runs.rank WORKSPACE RUN REPORTS

Owns: its device, its part in the run, what it says when it fails. Refuses to know: who started it
(`processes`). Commands come line by line through standard input, to the first process.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from pathlib import Path

import torch

from studio.core import atomic
from studio.core.counts import counted
from studio.core.errors import StudioError, TrainingError
from studio.core.paths import Workspace
from studio.core.record import Failure
from studio.core.text import read_toml
from studio.library import presets
from studio.library.library import Library
from studio.runs.auto import as_trained
from studio.runs.class_images import class_items
from studio.runs.control import Control
from studio.runs.events import RunLog, read_state
from studio.runs.failures import explain
from studio.runs.preparation import Preparation
from studio.runs.worker import execute
from studio.runtime.runtime import Runtime
from studio.settings.training import RunConfig
from studio.train.loop import Hooks
from studio.train.state import load_checkpoint, newest_checkpoint
from studio.train.together import TIME_LIMIT, Together


def main(workspace: Path, folder: Path, reports: Path) -> int:
    """Takes part in the run; 1 when it could not go on."""
    _end_with_the_launcher()
    rank = int(os.environ["RANK"])
    try:
        config = presets.make_config(read_toml(folder / "config.toml"), where=folder.name)
        config = config.model_copy(update={"device": _device(config)})
        runtime = Runtime(Library(Workspace(workspace)))
        together = Together(config.device == "cpu")
        if rank == 0:
            with runtime.lock.hold("training"):  # whoever started this lends the device to others
                execute(RunLog(folder), config, _control(), runtime, together)
        else:
            take_part(as_trained(folder, config), folder, runtime, together)
    except Exception as error:  # it must reach the run's page through whoever started this
        report(reports, rank, error, read_state(folder).last_checkpoint)
        raise
    return 0


def take_part(config: RunConfig, folder: Path, runtime: Runtime, together: Together) -> None:
    """All steps of the run, and nothing else of it: no log, no samples, no checkpoints."""
    together.wait_for_the_first()  # what it has read, encoded and generated is read from its cache
    made = Preparation(config, runtime)
    made.read()
    library = runtime.library
    prior = class_items(
        made.base, config, library.workspace.cache, _nothing, lambda: False, library.images
    )
    made.encode(prior, _nothing)
    hooks = Hooks(save=together.afterwards(_nothing), paused=together.afterwards(_nothing))
    trainer = made.trainer(Control(), hooks, together)
    checkpoint, _ = newest_checkpoint(folder)
    if checkpoint is not None:
        trainer.progress, state = load_checkpoint(checkpoint, trainer.optimizer)
        trainer.load_state(state)
    together.begin(trainer.parameters)
    trainer.run()


def report(reports: Path, rank: int, error: Exception, last_checkpoint: int | None) -> None:
    """Leaves the error where whoever started this looks for it, unless it only says that another
    process is gone: that one has said why, or could not."""
    if _timed_out(error):
        error = TrainingError(
            "The processes of the run lost each other",
            why=f"One waited more than {counted(TIME_LIMIT.seconds // 60, 'minute')} for another",
            remedy="See whether something else keeps a GPU busy, then resume the run.",
        )
    elif _of_another(error):
        return
    known = error if isinstance(error, StudioError) else explain(error, last_checkpoint)
    text = json.dumps(Failure.of(known).as_json(), ensure_ascii=False)
    atomic.write_text(reports / f"{time.time():.3f}-{rank}.json", text)


def _timed_out(error: Exception) -> bool:
    words = str(error).lower()
    return _of_another(error) and ("timed out" in words or "timeout" in words)


def _of_another(error: Exception) -> bool:
    """Whether it comes from an exchange between processes."""
    words = str(error).lower()
    return isinstance(error, torch.distributed.DistError) or (
        isinstance(error, RuntimeError) and any(word in words for word in ("gloo", "nccl", "peer"))
    )


def _device(config: RunConfig) -> str:
    """One GPU each, or the CPU for all."""
    on_cpu = config.device == "cpu" or not torch.cuda.is_available()
    return "cpu" if on_cpu else f"cuda:{os.environ['LOCAL_RANK']}"


def _control() -> Control:
    """Commands from whoever started this; that it is gone means to stop."""
    control = Control()

    def listen() -> None:
        for line in sys.stdin:
            control.give(line.strip())
        control.give("stop")

    threading.Thread(target=listen, name="commands", daemon=True).start()
    return control


def _end_with_the_launcher() -> None:
    """A process whose launcher was killed would wait for the others for ever."""
    launcher = os.getppid()

    def watch() -> None:
        while os.getppid() == launcher:
            time.sleep(1)
        os._exit(1)

    if os.name != "nt":
        threading.Thread(target=watch, name="launcher", daemon=True).start()


def _nothing(*_: object) -> None:
    """Nobody looks here."""


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:4])))
