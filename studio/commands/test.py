"""`test`: lint, format, types, the page's scripts, then every test and how much of the studio they
run, with an honest exit code.

Owns: what is run, in which order and on which simulated processors (AVX2 unless told otherwise:
the same kernels wherever the tests run). Refuses to know: what the tests test.

pytest's last run is alone on stdout, so its summary is the last line there. The whole suite is dealt
out to a few processes, file by file; what is named runs in one.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

from studio.commands import test_coverage
from studio.commands.requirements import ROOT, missing, needed
from studio.commands.terminal import say
from studio.core.errors import UnavailableError

MOST_PROCESSES, GIGABYTES_EACH = 4, 3  # of the tests: each loads torch, and may start a browser

CHECKS = {
    "lint": ["-m", "ruff", "check", "."],
    "format": ["-m", "ruff", "format", "--check", "."],
    "types": ["-m", "mypy"],
}

# Tests whose numbers come out of kernels that differ from processor to processor.
NUMERIC = (
    "adapters", "caption/test_captioner.py", "caption/test_doubt.py", "clip/test_dinov2.py",
    "clip/test_encoders.py", "compare/test_metrics.py", "diffusion", "families/test_flow.py",
    "families/test_single_file.py", "families/test_text.py", "families/test_vae.py",
    "formats/test_lora.py", "formats/test_lora_math.py", "formats/test_lora_peft.py",
    "formats/test_lora_plain.py", "formats/test_others_read.py", "infer", "matrix", "methods",
    "train",
)  # fmt: skip
# Instruction sets that torch, oneDNN and MKL are limited to, whatever the machine has.
PROCESSORS: dict[str, dict[str, str]] = {
    "native": {},
    "none": {
        "ATEN_CPU_CAPABILITY": "default",
        "ONEDNN_MAX_CPU_ISA": "SSE41",
        "MKL_CBWR": "COMPATIBLE",
    },
    "avx2": {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "MKL_CBWR": "AVX2"},
    "avx512": {"ATEN_CPU_CAPABILITY": "avx512", "ONEDNN_MAX_CPU_ISA": "AVX512_CORE"},
}
USUAL = "avx2"  # what most people's machines have; so one machine's result holds on the next
SLOWDOWN, REPEATS = "6", 3  # the browser tests under `--all`: how much slower, how often

BROWSERS = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")


def run(arguments: argparse.Namespace) -> int:
    """0 only when every check and every test passed."""
    lacking = missing(needed(("test",), only_extras=True))
    if lacking:
        names = " ".join(need.name for need in lacking)
        raise UnavailableError(
            f"The test tools are not all installed: {names}",
            remedy="Start the tests with `python studio.py test`, which installs them.",
        )
    _find_browser()
    chosen: list[str] = arguments.rest
    os.environ.update(PROCESSORS[_processor(arguments)])
    if chosen:
        return _call(["-m", "pytest", *_marks(arguments), *chosen])
    failed = [name for name, command in CHECKS.items() if _call(command) != 0]
    failed += _scripts()
    if arguments.all:
        failed += _simulated() + _slowed()
    with test_coverage.measured() as (pytest, found):
        code = _call([*pytest, *_dealt(), *_marks(arguments)])
        if not test_coverage.enough(found):
            failed.append("coverage")
    if failed:
        say(f"Failed, besides what pytest says: {', '.join(failed)}.")
    return code or (1 if failed else 0)


def _processor(arguments: argparse.Namespace) -> str:
    """Which row of `PROCESSORS` the last run is limited to."""
    if arguments.processor and not _has(arguments.processor):
        raise UnavailableError(
            f"This machine's processor cannot compute as one with {arguments.processor}.",
            remedy="Leave out --processor, or choose fewer vector instructions.",
        )
    usual = USUAL if _has(USUAL) else "native"
    return arguments.processor or ("native" if arguments.all else usual)


def _has(processor: str) -> bool:
    """Whether this machine has the instructions; with others a process would just end."""
    import torch

    order = ("DEFAULT", "AVX2", "AVX512")
    wanted = PROCESSORS[processor].get("ATEN_CPU_CAPABILITY", "default").upper()
    there = torch.backends.cpu.get_cpu_capability()
    return wanted == "DEFAULT" or (there in order and order.index(wanted) <= order.index(there))


def _scripts() -> list[str]:
    """The page's scripts: linter and formatter (Biome, as package-lock.json pins it). Their own tests
    run with the others. Node is a developer's tool: without it, that is said."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        say("Without Node (18 or newer, with npm) the page's scripts are not linted, and their own "
            "tests are skipped.")  # fmt: skip
        return []
    if not _installed(npm):
        say("The linter of the page's scripts could not be installed: they are not linted.")
        return []
    return ["scripts"] if _run([npm, "run", "--silent", "lint"]) != 0 else []


def _installed(npm: str) -> bool:
    """Whether node_modules is what package-lock.json names; brings it if need be."""
    wanted, there = ROOT / "package-lock.json", ROOT / "node_modules" / ".package-lock.json"
    if there.exists() and there.stat().st_mtime >= wanted.stat().st_mtime:
        return True
    return _run([npm, "ci", "--no-audit", "--no-fund"]) == 0


def _run(command: list[str]) -> int:
    """Runs another program than Python; what it says goes to stderr, as all before the last run."""
    say(f"$ {' '.join([Path(command[0]).name, *command[1:]])}")
    return subprocess.call(command, cwd=ROOT, stdout=sys.stderr)


def _simulated() -> list[str]:
    """The numeric tests as other processors would compute them; what failed, by name."""
    failed = []
    tests = [f"tests/{name}" for name in NUMERIC]
    for processor, settings in PROCESSORS.items():
        if not _has(processor):
            say(f"This machine cannot compute as one with {processor}: not tried.")
            continue
        for threads in ("1", "2"):
            name = f"numbers ({processor}, {threads} thread{'s' * (threads != '1')})"
            say(name)
            # threads that wait do not spin, or another process on the machine makes them crawl
            settings = {**settings, "OMP_NUM_THREADS": threads, "OMP_WAIT_POLICY": "PASSIVE"}
            if _call(["-m", "pytest", "-q", *_dealt(), *tests], settings, quiet=True) != 0:
                failed.append(name)
    return failed


def _slowed() -> list[str]:
    """The browser tests in a browser that is several times slower, several times."""
    failed = []
    for turn in range(1, REPEATS + 1):
        name = f"browser at 1/{SLOWDOWN} of its speed, turn {turn}"
        say(name)
        settings = {"STUDIO_TEST_THROTTLE": SLOWDOWN}
        if _call(["-m", "pytest", "-q", *_dealt(), "tests/web"], settings, quiet=True) != 0:
            failed.append(name)
    return failed


def _find_browser() -> None:
    """Without a Chromium: tries Playwright's own, and says what stays untested when that fails."""
    if os.environ.get("STUDIO_CHROMIUM") or any(shutil.which(name) for name in BROWSERS):
        return
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path
    if not os.path.exists(own):
        say("There is no Chromium here; asking Playwright to bring one.")
        _call(["-m", "playwright", "install", "chromium"], quiet=True)
    if os.path.exists(own):
        os.environ["STUDIO_CHROMIUM"] = own
        return
    say(
        "Without Chromium the browser tests are skipped. Install it (on Debian and Ubuntu: "
        "sudo apt install chromium), or name one in STUDIO_CHROMIUM."
    )


def _marks(arguments: argparse.Namespace) -> list[str]:
    if not arguments.all:
        return []
    os.environ["STUDIO_TEST_ALL"] = "1"
    return ["-m", "slow or not slow"]


def _dealt() -> list[str]:
    """A process more than there are cores, as one of them usually waits for its browser; but few
    enough for the memory."""
    import psutil

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    room = int(psutil.virtual_memory().total / 1e9 / GIGABYTES_EACH)
    processes = min((cores or 1) + 1, room, MOST_PROCESSES)
    return ["-n", str(max(1, processes)), "--dist", "loadfile"]


def _call(
    command: list[str], settings: dict[str, str] | None = None, *, quiet: bool = False
) -> int:
    """Runs Python with `command`; `quiet` keeps stdout for the last run by writing to stderr."""
    say(f"$ python {' '.join(command)}")
    environment = {**os.environ, **(settings or {})}
    output = sys.stderr if quiet else None
    return subprocess.call([sys.executable, *command], cwd=ROOT, env=environment, stdout=output)
