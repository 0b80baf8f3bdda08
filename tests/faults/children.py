"""Runs that end as no test process may: killed, or gone at a durable operation.

Owns: processes that begin with everything imported, so that hundreds of them are affordable, and
what they do. Refuses to know: what is true afterwards.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from studio.app import Studio
from studio.core.paths import Workspace
from studio.library import presets
from studio.settings.selection import SelectionSettings
from studio.train.loop import StepFacts, Trainer
from tests import failpoint

HANGS = 600  # seconds


def in_a_process(work: Callable[..., None], root: Path, *arguments: Any) -> int:
    """Runs `work(root, …)` in a process of its own; its exit code, negative for a signal."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["studio.runs.worker", "studio.infer.engine", __name__])
    process = context.Process(target=_noted, args=(work, root, *arguments))
    process.start()
    process.join(HANGS)
    code = process.exitcode
    if code is None:
        process.kill()
    process.close()
    story = root / "error.txt"
    assert code is not None, "it hangs"
    assert not story.exists(), story.read_text()
    return code


def _noted(work: Callable[..., None], root: Path, *arguments: Any) -> None:
    try:
        work(root, *arguments)
    except BaseException:
        (root / "error.txt").write_text(traceback.format_exc())
        raise


def die() -> NoReturn:
    """As by kill -9."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("still alive")


def ends_at_an_operation(root: Path, values: dict[str, Any], nth: int) -> None:
    """A run whose process is gone at its nth durable operation."""
    seen = 0

    def reached(operation: str, path: Path) -> None:
        nonlocal seen
        seen += 1
        if seen == nth:
            os._exit(9)

    studio = Studio(Workspace(root))
    config = presets.config_from(None, values)
    failpoint.reached = reached
    studio.runs.wait(studio.runs.start(config))
    failpoint.reached = None
    studio.close()


def killed_in_a_race(root: Path, values: dict[str, Any], nth: int) -> None:
    """A race among checkpoints that is killed at its nth durable operation."""
    seen = 0

    def reached(operation: str, path: Path) -> None:
        nonlocal seen
        seen += 1
        if seen == nth:
            die()

    studio = Studio(Workspace(root))
    failpoint.reached = reached
    studio.generation.selections.select(SelectionSettings.parse(values))


def killed_after_a_step(root: Path, values: dict[str, Any], last: int) -> None:
    """A run that is killed between a step and what comes behind it."""
    normal = Trainer.one_step

    def one_step(self: Trainer, step: int) -> StepFacts:
        facts = normal(self, step)
        if step == last:
            die()
        return facts

    Trainer.one_step = one_step  # type: ignore[method-assign]
    _run(root, values)


def killed_in_a_save(root: Path, values: dict[str, Any], operation: int) -> None:
    """A run that is killed at an operation on its checkpoints and files."""
    seen = 0

    def reached(_: str, path: Path) -> None:
        nonlocal seen
        inside = "checkpoints" in path.parts or path.suffix == ".safetensors"
        seen += bool(inside and "latents" not in path.parts)
        if seen == operation:
            die()

    failpoint.reached = reached
    _run(root, values)


def killed_while_saved_again(
    root: Path, values: dict[str, Any], again: int, operation: int
) -> None:
    """A run that is paused right behind the automatic save of step `again` and stopped there, which saves
    the same step again; it is killed at an operation after the pause."""
    studio = Studio(Workspace(root))
    run, seen, counting = "", 0, False

    def reached(_: str, path: Path) -> None:
        nonlocal seen
        seen += counting
        if seen == operation:
            die()

    normal_step, normal_run = Trainer.one_step, Trainer.run

    def one_step(self: Trainer, step: int) -> StepFacts:
        facts = normal_step(self, step)
        if step == again:
            studio.runs.command(run, "pause")
        return facts

    def run_and_stop(self: Trainer) -> bool:
        pause = self.hooks.paused

        def paused() -> None:
            nonlocal counting
            counting = True
            self.progress.seconds += 1.0  # what is saved again is then not the very same
            studio.runs.command(run, "stop")
            pause()

        self.hooks.paused = paused
        return normal_run(self)

    Trainer.one_step = one_step  # type: ignore[method-assign]
    Trainer.run = run_and_stop  # type: ignore[method-assign]
    failpoint.reached = reached
    config = presets.config_from(None, values)
    run = studio.runs.start(config)
    studio.runs.wait(run)
    die()


def _run(root: Path, values: dict[str, Any]) -> NoReturn:
    studio = Studio(Workspace(root))
    studio.runs.wait(studio.runs.start(presets.config_from(None, values)))
    die()
