"""`test`: lint, format, types, then every test, with an honest exit code.

Owns: what is run and in which order. Refuses to know: what the tests test.
pytest runs last and alone on stdout, so its summary is the last line there. The whole suite is
dealt out to as many processes as there are cores, file by file; what is named runs in one.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys

from studio.commands.requirements import ROOT, missing, needed
from studio.commands.terminal import say
from studio.errors import UnavailableError

MOST_PROCESSES = 4

CHECKS = {
    "lint": ["-m", "ruff", "check", "."],
    "format": ["-m", "ruff", "format", "--check", "."],
    "types": ["-m", "mypy"],
}


def run(arguments: argparse.Namespace) -> int:
    """0 only when every check and every test passed."""
    lacking = missing(needed(("test",), only_extras=True))
    if lacking:
        names = " ".join(need.name for need in lacking)
        raise UnavailableError(
            f"The test tools are not all installed: {names}",
            remedy="Start the tests with `python studio.py test`, which installs them.",
        )
    chosen: list[str] = arguments.rest
    failed = [] if chosen else [name for name, command in CHECKS.items() if _call(command) != 0]
    dealt = [] if chosen else ["-n", str(_processes()), "--dist", "loadfile"]
    command = ["-m", "pytest", *dealt, *chosen]
    if arguments.all:
        os.environ["STUDIO_TEST_ALL"] = "1"
        command += ["-m", "slow or not slow"]
    code = _call(command)
    if failed:
        say(f"Failed before the tests: {', '.join(failed)}.")
    return code or (1 if failed else 0)


def _processes() -> int:
    """One per core that may be used, but few enough for their memory: each loads torch."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(cores or 1, MOST_PROCESSES))


def _call(command: list[str]) -> int:
    say(f"$ python {' '.join(command)}")
    return subprocess.call([sys.executable, *command], cwd=ROOT)
