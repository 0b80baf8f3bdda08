"""How the work on a shootout ends: done, as somebody wanted, or with an error; the next one begins after it.

Owns: that whatever becomes of it is in its record. Refuses to know: the work itself, the thread.
"""

from __future__ import annotations

import contextlib
import logging

from studio.core.errors import Interrupted, MissingError, StorageError, StudioError
from studio.core.record import Failure
from studio.generation.growing import GrowingComparisons
from studio.generation.shootout_kept import Kept
from studio.generation.shootout_work import Work
from studio.runs.training import Runs

log = logging.getLogger(__name__)
KEPT = "Finished trainings and images are kept."


def begun(kept: Kept, runs: Runs, comparisons: GrowingComparisons) -> Work | None:
    """What there is to do; None where its settings cannot be read, which its record then says."""
    try:
        return Work(kept, runs, comparisons)
    except StudioError as error:  # settings of a version that knew others
        kept.tell(state="failed", doing="", error=Failure.of(error))
    except Exception as error:
        kept.tell(state="failed", doing="", error=_fault(kept, error))
    return None


def carry_out(work: Work) -> None:
    """Works until the end. Raises nothing: an ending that fails is an error of this shootout too."""
    try:
        try:
            work.run()
        except Interrupted:
            _as_wanted(work)
    except StorageError as error:
        _stopped(work, "paused", _of(error))
    except StudioError as error:
        _stopped(work, "failed", _of(error))
    except Exception as error:  # it must reach its own page
        _stopped(work, "failed", _fault(work.kept, error))


def _as_wanted(work: Work) -> None:
    """After somebody wanted it: a closing program says nothing, for the next one goes on."""
    if work.wanted == "close":
        return
    kept = work.kept
    kept.tell(doing="saving what is going on")
    work.trainings.stop()
    if work.wanted == "cancel":
        if kept.record.comparison:
            with contextlib.suppress(MissingError):  # deleted meanwhile
                work.comparisons.end(kept.record.comparison, cancelled=True)
        kept.tell(state="cancelled", doing="")
    else:
        kept.tell(state="paused", doing="")


def _stopped(work: Work, state: str, failure: Failure) -> None:
    try:
        work.trainings.stop()
    except Exception as error:
        log.error("the trainings of %s go on", work.kept.folder.name, exc_info=error)
    work.kept.tell(state=state, doing="", error=failure)


def _of(error: StudioError) -> Failure:
    error.safe = error.safe or KEPT
    return Failure.of(error)


def _fault(kept: Kept, error: Exception) -> Failure:
    log.error("the shootout %s failed", kept.folder.name, exc_info=error)
    return Failure(
        what="Something went wrong inside the studio",
        remedy="Continue it. If it happens again, the details are in the workspace's logs folder.",
        safe=KEPT,
    )
