"""Warm start to first page painted, beside an empty four-tab Gradio page on the same machine.

    python studio.py bench startup [--pairs N] [--json]

Each pair starts the studio and the empty page once, in turn first, in fresh processes, and opens
each in a new context of one headless Chromium. The clock runs from the start of the process to the
frame after a tab's heading has become visible. Reported are medians and the median of the pairs'
ratios; promised is a ratio of at most 1.25. Results go to benchmarks/results/startup.json.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import json
import os
import platform
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from studio.core import atomic  # noqa: E402
from studio.core.errors import UnavailableError  # noqa: E402

TARGET = 1.25
EMPTY_PAGE = """
import sys, gradio as gr
with gr.Blocks(analytics_enabled=False) as demo, gr.Tabs():
    for name in ("Caption", "Train", "Generate", "Compare"):
        with gr.Tab(name):
            gr.Markdown(name)
demo.launch(server_name="127.0.0.1", server_port=int(sys.argv[1]), ssr_mode=False, quiet=True)
"""
CHROMIUM_ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PAINTED = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"


def main() -> int:
    """Measures, prints, writes."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pairs", type=int, default=7, help="measured pairs (default 7)")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, _browser() as browser:
        commands = {
            "studio": [str(ROOT / "studio.py"), "--no-browser", "--workspace", folder, "--port"],
            "empty": ["-c", EMPTY_PAGE],
        }
        for command in commands.values():
            measure(command, browser)  # warms the disk cache; not counted
        pairs = []
        for number in range(arguments.pairs):
            order = list(commands) if number % 2 else list(reversed(commands))
            pairs.append({name: measure(commands[name], browser) for name in order})
            print(_line(pairs[-1]), file=sys.stderr, flush=True)
        result = summary(pairs, browser.version)
    atomic.write_json(ROOT / "benchmarks" / "results" / "startup.json", result)
    if arguments.json:
        print(json.dumps(result, indent=2))
    else:
        medians, ratio = result["median_seconds"], result["ratio"]
        print(
            f"studio {medians['studio']['painted']:.2f} s, "
            f"empty page {medians['empty']['painted']:.2f} s, ratio {ratio:.3f} (target ≤ {TARGET})"
        )
    return 0 if result["ratio"] <= TARGET else 1


def measure(command: list[str], browser: Any) -> dict[str, float]:
    """Seconds from process start until the port answers (`served`) and a tab is seen (`painted`).

    `server_cpu` is the processor time the server took until then: it hardly depends on what else
    the machine does, so it tells a slower studio from a busier machine.
    """
    port = _free_port()
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *command, str(port)],
        cwd=ROOT,
        env=_environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(port, process)
        served = time.perf_counter() - started
        context = browser.new_context()
        page = context.new_page()
        page.goto(f"http://127.0.0.1:{port}/", wait_until="commit")
        page.get_by_role("tab").first.wait_for(state="visible", timeout=60_000)
        page.evaluate(PAINTED)
        painted = time.perf_counter() - started
        busy = psutil.Process(process.pid).cpu_times()
        context.close()
    finally:
        process.terminate()
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    seconds = {"served": served, "painted": painted, "server_cpu": busy.user + busy.system}
    return {name: round(value, 3) for name, value in seconds.items()}


def summary(pairs: list[dict[str, dict[str, float]]], chromium: str) -> dict[str, Any]:
    """Medians, the ratio, what the time is made of, and the machine."""
    names, moments = ("studio", "empty"), ("served", "painted", "server_cpu")
    medians = {
        name: {
            moment: statistics.median(pair[name][moment] for pair in pairs) for moment in moments
        }
        for name in names
    }
    ratio = statistics.median(
        pair["studio"]["painted"] / pair["empty"]["painted"] for pair in pairs
    )
    return {
        "what": "process start to first page painted, warm, seconds",
        "median_seconds": medians,
        "ratio": round(ratio, 3),
        "target": TARGET,
        "of_which_seconds": {
            "import gradio": _import_seconds("gradio"),
            "import studio.ui.app": _import_seconds("studio.ui.app"),
        },
        "pairs": pairs,
        "machine": machine(chromium),
    }


def machine(chromium: str) -> dict[str, Any]:
    """What the numbers depend on."""
    from studio.core.device import processor_name

    return {
        "processor": processor_name(),
        "cores": os.cpu_count(),
        "cores_used": len(psutil.Process().cpu_affinity())
        if hasattr(os, "sched_getaffinity")
        else None,
        "load_before": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "gradio": importlib.metadata.version("gradio"),
        "chromium": chromium,
    }


@contextlib.contextmanager
def _browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    found = (
        os.environ.get("STUDIO_CHROMIUM")
        or shutil.which("chromium")
        or shutil.which("google-chrome")
    )
    if found is None:
        raise UnavailableError(
            "There is no Chromium to measure with",
            remedy="Install it, or name it in STUDIO_CHROMIUM.",
        )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=CHROMIUM_ARGS)
        yield browser
        browser.close()


def _environment() -> dict[str, str]:
    """As a person's shell has it: nothing of ours set, analytics off for both."""
    hidden = ("STUDIO_PROCESS", "GLIBC_TUNABLES")
    clean = {key: value for key, value in os.environ.items() if key not in hidden}
    return {**clean, "GRADIO_ANALYTICS_ENABLED": "False"}


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(6000):
        if process.poll() is not None:
            raise UnavailableError(f"The page ended with exit code {process.returncode}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.01)
    raise UnavailableError("The page was not served within a minute")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _import_seconds(module: str) -> float:
    script = (
        f"import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"
    )
    runs = [
        float(subprocess.check_output([sys.executable, "-c", script], cwd=ROOT, env=_environment()))
        for _ in range(3)
    ]
    return round(statistics.median(runs), 3)


def _line(pair: dict[str, dict[str, float]]) -> str:
    return "  ".join(f"{name} {facts['painted']:.2f} s" for name, facts in sorted(pair.items()))


if __name__ == "__main__":
    sys.exit(main())
