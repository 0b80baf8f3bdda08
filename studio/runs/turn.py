"""One run's turn on the trainer's thread: it holds the device, and whatever happens is in its log.

Owns: what a stop and a failure become. Refuses to know: the queue, what a run does (`worker`, which
is imported here only when a run begins, because it imports torch).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from studio.core import memory
from studio.core.errors import Interrupted
from studio.core.locks import Lock
from studio.core.record import Failure
from studio.runs import processes
from studio.runs.control import Control
from studio.runs.events import RunLog
from studio.runs.failures import explain
from studio.settings.training import RunConfig

if TYPE_CHECKING:
    from studio.runtime.runtime import Runtime

log = logging.getLogger(__name__)


def take(
    run: RunLog, config: Callable[[], RunConfig], control: Control, runtime: Runtime, lock: Lock
) -> bool:
    """Runs one; False when it failed. Whatever happens to it, the next one can be run.

    `config` reads its settings; that they cannot be read is a failure of the run like any other.
    `lock` is the run's; processes of its own hold it too.
    """
    try:
        run.tell(place=None)
        with runtime.lock.hold(f"training {run.state.name or run.folder.name}"):
            wanted = config()
            if wanted.train.processes > 1:
                processes.execute(run, wanted, control, runtime, lock)
            else:
                from studio.runs.worker import execute

                execute(run, wanted, control, runtime)
    except Interrupted as error:
        run.tell(state="stopped", reason=error.sentence(), files=())
    except Exception as error:  # every failure must reach the run's own page
        _failed(run, error, runtime)
        return False
    return True


def _failed(run: RunLog, error: Exception, runtime: Runtime) -> None:
    log.error("run %s failed", run.folder.name, exc_info=error)
    if memory.is_full(error):
        runtime.give_back(error)
    known = explain(error, run.state.last_checkpoint)
    told = run.tell(
        state="failed",
        finished_at=round(time.time(), 3),
        reason=known.sentence(),
        remedy=known.remedy,
        error=Failure.of(known),
    )
    if not told:
        log.error("the failure could not be written to disk")
