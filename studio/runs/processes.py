"""A run of several processes, as the studio that starts it sees it.

Owns: starting them through accelerate's launcher, passing commands on, taking over what their first
process writes, and what it means when they end. Refuses to know: what they do (`rank`).

They are a session of their own, so Ctrl-C in the terminal reaches the studio alone, which tells them
to stop. They hold the run's lock too, and stop by themselves when the studio is gone: commands come
through a pipe, and its end is a command.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from studio.core import errors
from studio.core.errors import StudioError, TrainingError
from studio.core.locks import Lock
from studio.core.record import Failure
from studio.core.text import read_json
from studio.runs.control import Control
from studio.runs.events import RunLog
from studio.settings.training import RunConfig

if TYPE_CHECKING:
    from studio.runtime.runtime import Runtime

LOG = "processes.log"
"""What the libraries print, in the run's folder."""
LOOK = 0.3  # seconds between looks at the run's state
ROOT = Path(__file__).resolve().parent.parent.parent
LAUNCHER = (
    "import sys; from accelerate.commands import launch as it; "
    "it.multi_gpu_launcher(it.launch_command_parser().parse_args(sys.argv[1:]))"
)
"""The launcher without what a person may have configured for other programs (`accelerate config`)."""


def execute(run: RunLog, config: RunConfig, control: Control, runtime: Runtime, lock: Lock) -> None:
    """Starts the processes and waits for their end; raises what ended them early."""
    runtime.unload()
    with tempfile.TemporaryDirectory() as reports:
        process = _start(run, config, runtime.library.workspace.root, Path(reports), lock)
        try:
            with control.forwarded(lambda command: _say(process, command)):
                _accompany(process, run, control, runtime)
        finally:
            _end(process)
        run.reread()
        failure = reported(Path(reports))
    if not run.state.ended:  # else the first process has written all there is to say
        raise failure or TrainingError(
            "One of the run's processes was ended from outside",
            why="The system may have ended it for want of memory, or somebody did.",
            remedy=f"Resume the run. What its processes printed is in {LOG} in the run's folder.",
        )


def reported(folder: Path) -> StudioError | None:
    """What the processes say of their end: the first that did."""
    found = []
    for path in sorted(folder.glob("*.json")):
        with contextlib.suppress(OSError, ValueError):
            found.append(Failure.read(read_json(path)))
    if not found:
        return None
    first = found[0]
    kind = getattr(errors, first.kind, TrainingError)
    made: StudioError = kind(
        first.what, where=first.where, why=first.why, remedy=first.remedy, safe=first.safe
    )
    return made


def _start(
    run: RunLog, config: RunConfig, workspace: Path, reports: Path, lock: Lock
) -> subprocess.Popen[bytes]:
    count = config.train.processes
    threads = os.environ.get("OMP_NUM_THREADS") or str(max(1, (os.cpu_count() or 1) // count))
    command = [
        sys.executable, "-c", LAUNCHER,
        "--multi_gpu", "--num_processes", str(count), "--num_machines", "1", "--machine_rank", "0",
        "--main_process_port", "0", "--mixed_precision", "no", "--dynamo_backend", "no",
        "--num_cpu_threads_per_process", threads,
        "--module", "studio.runs.rank", str(workspace), str(run.folder), str(reports),
    ]  # fmt: skip
    held = lock.descriptor
    more: dict[str, Any] = {}
    if os.name != "nt":
        more = {"start_new_session": True, "pass_fds": () if held is None else (held,)}
    with open(run.folder / LOG, "wb") as log:
        return subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=log,
            stderr=subprocess.STDOUT, **more,
        )  # fmt: skip


def _accompany(
    process: subprocess.Popen[bytes], run: RunLog, control: Control, runtime: Runtime
) -> None:
    """Until they have ended: their state is ours, and the device is lent between two steps."""
    lending = False
    while process.poll() is None:
        time.sleep(LOOK)
        run.reread()
        if runtime.lock.wanted and run.state.state == "running" and not lending:
            lending = True
            _say(process, "pause")
        if run.state.state != "paused":
            continue
        with runtime.lock.released():  # whoever waits goes first
            while not lending and run.state.state == "paused" and process.poll() is None:
                time.sleep(LOOK)
                run.reread()
        if lending and not control.pause:
            _say(process, "continue")
        lending = False


def _say(process: subprocess.Popen[bytes], command: str) -> None:
    assert process.stdin is not None
    with contextlib.suppress(OSError):  # they have ended
        process.stdin.write(f"{command}\n".encode())
        process.stdin.flush()


def _end(process: subprocess.Popen[bytes]) -> None:
    """Nothing is left behind, also when waiting for them was cut short."""
    assert process.stdin is not None
    with contextlib.suppress(OSError):
        process.stdin.close()
    if process.poll() is None:
        with contextlib.suppress(psutil.Error):
            for child in psutil.Process(process.pid).children(recursive=True):
                with contextlib.suppress(psutil.Error):
                    child.kill()
        process.kill()
        process.wait()
