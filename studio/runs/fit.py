"""Which settings fit into the memory: rung after rung is measured until one does.

Owns: the limit, a process per rung, what the rounding of the base costs. Refuses to know: torch; how a
rung is measured (`fit_rung`), which rungs there are (`rungs`).

On a GPU the memory is what tensors take there at the highest point, on a CPU what the whole process
takes (its resident set), both while steps are taken; loading, class images and samples come on top. A
process on a CPU is ended as soon as it takes more than the limit, before the system runs out.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from studio.core import atomic
from studio.core.errors import MemoryFullError
from studio.core.record import Record, Table
from studio.core.text import read_json
from studio.runs.completion import complete
from studio.runs.memory_check import on_cpu
from studio.runs.rungs import Rung, rungs
from studio.settings.training import RunConfig, override

if TYPE_CHECKING:
    from studio.runtime.runtime import Runtime

STEPS = 2
LOOK = 0.2  # seconds between looks at a process
LEFT = 0.95  # of a device's memory: its driver and fragments take some
ROOT = Path(__file__).resolve().parent.parent.parent

Said = Callable[[str], None]


class Measured(Record):
    """What one rung takes."""

    title: str
    settings: tuple[str, ...]
    exact: bool
    fits: bool
    peak_memory: int | None
    """Bytes; of a process that was ended, what it had when it was."""
    seconds_per_step: float | None
    loss_error: float | None
    """How far the validation loss of the untrained base is off, as a share of that with full weights;
    None where the weights are full, or nothing could be measured."""
    reason: str
    """Why nothing was measured."""


class Fit(Record):
    """The rungs that were measured, the last of which fits if any does."""

    limit: int
    """Bytes."""
    of_process: bool
    """Whether memory is the process' (on a CPU) or tensors' on the device."""
    rungs: tuple[Measured, ...]

    @property
    def chosen(self) -> Measured | None:
        """The rung that fits."""
        return next((rung for rung in self.rungs if rung.fits), None)


def find_fit(config: RunConfig, runtime: Runtime, said: Said) -> Fit:
    """Measures the rungs of a configuration until one fits; `said` hears which one is at hand. What is
    loaded here is given back first. StudioError for a configuration with which no run could start."""
    completed = complete(config, runtime.library).config
    with runtime.turn("finding what fits", "measuring"):
        runtime.unload()
        return climbed(completed, runtime.library.workspace.root, said)


def climbed(config: RunConfig, workspace: Path, said: Said) -> Fit:
    """The rungs of a complete configuration. The limit is what its settings say, or what the device has."""
    cpu = on_cpu(config)
    limit = round(config.memory.limit * 1e9) or None
    if cpu and limit is None:
        limit = psutil.virtual_memory().available
    ladder = _Ladder(workspace, limit if cpu else None)
    found: list[Measured] = []
    for rung in rungs(config, gpu=not cpu):
        said(rung.title)
        told = ladder.measure(rung)
        limit = limit or round(LEFT * (told.get("device") or 0)) or None
        peak = told.get("peak_memory")
        fits = not told.get("reason") and peak is not None and (limit is None or peak <= limit)
        found.append(
            Measured(
                title=rung.title,
                settings=rung.settings,
                exact=rung.exact,
                fits=fits,
                peak_memory=peak,
                seconds_per_step=told.get("seconds_per_step"),
                loss_error=ladder.loss_error(rung, told),
                reason=told.get("reason") or "",
            )
        )
        if fits:
            break
    return Fit(limit=limit or 0, of_process=cpu, rungs=tuple(found))


def needed(fit: Fit) -> Measured:
    """The rung that fits; MemoryFullError when none does."""
    if fit.chosen is not None:
        return fit.chosen
    raise MemoryFullError(
        f"No rung fits into {sized(fit.limit)}",
        why=f"The last one took {sized(fit.rungs[-1].peak_memory or 0)}.",
        remedy="Choose a lower resolution or batch size, or a smaller base.",
        safe="Nothing was started.",
    )


class _Ladder:
    """Measures rungs, and remembers the loss with full weights."""

    def __init__(self, workspace: Path, limit: int | None) -> None:
        self.workspace, self.limit = workspace, limit
        self.full: float | None = None

    def measure(self, rung: Rung) -> Table:
        """What `fit_rung` says of it."""
        whole = rung.config.memory.base_weights == "full"
        told = self._in_a_process(rung.config, STEPS, loss=not whole or self.full is None)
        if whole:
            self.full = self.full if told.get("loss") is None else told["loss"]
        return told

    def loss_error(self, rung: Rung, told: Table) -> float | None:
        """Measures the loss with full weights too, where no rung has."""
        if rung.config.memory.base_weights == "full" or told.get("loss") is None:
            return None
        if self.full is None:
            settings = ["memory.base_weights=full", "memory.offload_encoders=true"]
            plain = RunConfig.parse(override(rung.config.model_dump(), settings))
            self.full = self._in_a_process(plain, 0, loss=True).get("loss")
        return None if not self.full else abs(told["loss"] - self.full) / self.full

    def _in_a_process(self, config: RunConfig, steps: int, loss: bool) -> Table:
        with tempfile.TemporaryDirectory() as folder:
            given, out = Path(folder) / "config.json", Path(folder) / "found.json"
            asked = {"config": config.model_dump(mode="json"), "steps": steps, "loss": loss}
            atomic.write_json(given, asked)
            command = [
                sys.executable, "-m", "studio.runs.fit_rung", str(self.workspace), str(given), str(out),
            ]  # fmt: skip
            process = subprocess.Popen(
                command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )  # fmt: skip
            try:
                taken = self._watched(process)
            finally:
                process.kill()
                process.wait()
            if taken is not None:
                return {
                    "peak_memory": taken,
                    "reason": "It was ended: it took more than the limit.",
                }
            if not out.is_file():
                return {"reason": "The system ended the process, probably for want of memory."}
            found: Table = read_json(out)
            return found

    def _watched(self, process: subprocess.Popen[bytes]) -> int | None:
        """Waits for its end; the bytes it had when it had to be ended for taking more than the limit."""
        seen = psutil.Process(process.pid)
        while process.poll() is None:
            try:
                taken = seen.memory_info().rss
            except psutil.Error:
                return None
            if self.limit is not None and taken > self.limit:
                return int(taken)
            time.sleep(LOOK)
        return None


def sized(size: int) -> str:
    """Bytes for people."""
    return f"{size / 1e9:.2f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"


def lines(fit: Fit) -> Sequence[str]:
    """The rungs for a terminal, a line each."""
    return [_line(rung) for rung in fit.rungs]


def _line(rung: Measured) -> str:
    parts = [sized(rung.peak_memory) if rung.peak_memory is not None else "memory not measured"]
    if rung.seconds_per_step is not None:
        parts.append(f"{rung.seconds_per_step} s a step")
    if rung.exact:
        parts.append("the same result")
    elif rung.loss_error is not None:
        parts.append(f"validation loss of the base off by {100 * rung.loss_error:.2g} %")
    if rung.reason:
        parts.append(rung.reason)
    return f"{'fits' if rung.fits else 'too large'}: {rung.title} ({', '.join(parts)})"
