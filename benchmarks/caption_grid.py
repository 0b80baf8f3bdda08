"""How fluid the Caption tab is with a large dataset: 10,000 images, 27,000 files beside them.

    python studio.py bench caption_grid [--images N] [--json]

Makes N small images (kept nowhere) with captions in UTF-8, UTF-16, Windows-1252 and Shift-JIS, and more
files beside them as other programs leave them. Opens the dataset in a headless Chromium and measures the
time from the click on it until the first screen of images is painted (and until their captions are there),
before any small copy was made and with all of that screen made, and the processor time that the answer takes. Then it looks for long tasks of
the page's main thread while the grid is scrolled, jumped through, filtered, and typed into. Tasks over 50 ms
are those that a PerformanceObserver reports (by the clock, so on a busy machine also what others take away),
and the longest one is given in processor time of the thread too (from the browser's trace, which leaves the
others out). The heap is that of the scripts after a collection, before and after all of it. Promised are 2
seconds for the first screen and no task over 100 ms of its thread. Results go to
benchmarks/results/caption_grid.json.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.compare_view import WATCH, longest_task  # noqa: E402
from benchmarks.startup import _browser, _free_port, machine  # noqa: E402
from studio.app import Studio  # noqa: E402
from studio.core import atomic  # noqa: E402
from studio.core.paths import Workspace  # noqa: E402

TARGET = 100  # milliseconds of the longest task
FIRST = 2.0  # seconds to the first screen
SIDE = 64  # pixels of an image
WORDS = (
    "red",
    "dark red",
    "blue eyes",
    "long hair",
    "smile",
    "two dogs",
    "night sky",
    "café",
    "snow",
)
ENCODINGS = ("utf-8", "utf-8", "utf-8", "utf-8-sig", "utf-16", "cp1252", "shift_jis")
PAINTED = """() => {
  const images = [...document.querySelectorAll('.cs-caption-cell img')];
  return images.length > 7 && images.every((image) => image.complete && image.naturalWidth);
}"""
SCROLL = """async () => {
  const grid = document.querySelector('.cs-captions');
  const times = [];
  for (let step = 0; step < 500; step += 1) {
    const from = performance.now();
    grid.scrollTop += 120;
    await new Promise(requestAnimationFrame);
    times.push(performance.now() - from);
  }
  times.sort((a, b) => a - b);
  return {frames: times.length, median: times[times.length >> 1], p99: times[Math.floor(times.length * 0.99)]};
}"""
JUMP = """async () => {
  const grid = document.querySelector('.cs-captions');
  for (let step = 40; step >= 0; step -= 1) {
    grid.scrollTop = (grid.scrollHeight * step) / 40;
    await new Promise((next) => setTimeout(next, 100));
  }
}"""
FILTER = """async () => {
  const input = document.querySelector('.cs-filter');
  for (const text of ['d', 'dark', 'tag:*red AND NOT (snow OR smile)', 'chars:>40 tags:>2', 'NOT missing', '']) {
    input.value = text;
    input.dispatchEvent(new Event('input', {bubbles: true}));
    await new Promise((next) => setTimeout(next, 500));
  }
}"""


def main() -> int:
    """Measures, prints, writes."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--images", type=int, default=10_000, help="images (default 10,000)")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, _browser() as browser:
        workspace = Workspace(Path(folder) / "workspace")
        beside = make_images(workspace.datasets / "many", arguments.images)
        result = measure(workspace, browser)
        result["what"] = (
            f"{arguments.images} images of {SIDE} pixels with {beside} files beside them; seconds, "
            "tasks in milliseconds"
        )
        result["machine"] = machine(browser.version)
    atomic.write_json(ROOT / "benchmarks" / "results" / "caption_grid.json", result)
    print(json.dumps(result, indent=2) if arguments.json else lines(result))
    good = result["longest_task_processor_ms"] <= TARGET
    return 0 if good and result["first_screen_seconds"]["copies made"] <= FIRST else 1


def make_images(folder: Path, count: int) -> int:
    """`count` small images with captions in several encodings; the answer is how many files lie beside."""
    from PIL import Image

    from studio.formats.image_write import encoded

    folder.mkdir(parents=True)
    dice = random.Random(1)
    colours = [tuple(dice.randrange(256) for _ in range(3)) for _ in range(50)]
    data = [encoded(Image.new("RGB", (SIDE, SIDE), colour), "PNG") for colour in colours]
    beside = 0
    for number in range(count):
        # thousands of files that nobody keeps: not one of them need survive a power cut
        name = f"image {number:05}"
        (folder / f"{name}.png").write_bytes(data[number % len(data)])
        encoding = ENCODINGS[number % len(ENCODINGS)]
        words = dice.sample(WORDS, 4) if encoding != "shift_jis" else ["犬が二匹", "赤い帽子"]
        (folder / f"{name}.txt").write_bytes(", ".join(words).encode(encoding))
        (folder / f"{name}.json").write_text('{"rating": "general"}')
        beside += 2
        if number % 10 < 7:
            (folder / f"{name}.npz").write_bytes(b"")
            beside += 1
    return beside


def measure(workspace: Workspace, browser: Any) -> dict[str, Any]:
    """First screens, long tasks of each phase, the heap."""
    from studio.ui import app

    studio = Studio(workspace)
    server = app.serve(studio, port=_free_port())
    try:
        first = {
            name: first_screen(server.url, browser) for name in ("no copies yet", "copies made")
        }
        answer = answer_seconds(server, studio)
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        page = context.new_page()
        opened(page, server.url)
        page.wait_for_timeout(3000)
        before = heap(page)
        page.evaluate(WATCH)
        phases = {
            name: phase(page, browser, lambda script=script: page.evaluate(script))
            for name, script in (("scroll", SCROLL), ("jump", JUMP), ("filter", FILTER))
        }
        phases["type"] = phase(page, browser, lambda: typed(page))
        result = {
            "first_screen_seconds": {name: round(seen, 2) for name, (seen, _) in first.items()},
            "with_captions_seconds": {name: round(all_, 2) for name, (_, all_) in first.items()},
            "first_screen_target": FIRST,
            "answer_processor_seconds": answer,
            "longest_task_processor_ms": max(
                one["longest_processor_ms"] for one in phases.values()
            ),
            "target_ms": TARGET,
            "phases": phases,
            "heap_mb": {"before": before, "after": heap(page)},
            "cells_in_the_page": page.locator(".cs-caption-cell").count(),
        }
        context.close()
        return result
    finally:
        server.close()
        studio.close()


def opened(page: Any, url: str) -> tuple[float, float]:
    """Opens the dataset; the seconds from the click to the first screen, and to its captions."""
    page.goto(url, wait_until="commit")
    card = page.locator("#cs-caption .cs-dataset:has-text('many')")
    card.wait_for(timeout=120_000)
    page.wait_for_timeout(1500)  # what else opens the page does
    started = time.perf_counter()
    card.click()
    page.wait_for_function(PAINTED, timeout=120_000)
    seen = time.perf_counter() - started
    page.wait_for_selector(".cs-caption-cell textarea", timeout=120_000)
    return seen, time.perf_counter() - started


def first_screen(url: str, browser: Any) -> tuple[float, float]:
    """The same in a browser that has seen nothing."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    seconds = opened(context.new_page(), url)
    context.close()
    return seconds


def answer_seconds(server: Any, studio: Studio) -> float:
    """Processor seconds of the server function that answers with the dataset, the best of three."""
    (ask,) = {
        function
        for block in server.demo.blocks.values()
        for function in getattr(block, "server_fns", [])
        if function.__name__ == "open_dataset"
    }
    identity = str(studio.workspace.datasets / "many")
    found = []
    for _ in range(3):
        started = time.thread_time()
        assert ask({"dataset": identity})["ok"]
        found.append(time.thread_time() - started)
    return round(min(found), 2)


def phase(page: Any, browser: Any, work: Any) -> dict[str, Any]:
    """Long tasks while `work` is done."""
    page.evaluate("globalThis.tasks.length = 0")
    browser.start_tracing(page=page, categories=["toplevel", "__metadata"])
    frames = work() or {}
    page.wait_for_timeout(1000)
    trace = json.loads(browser.stop_tracing())
    tasks = sorted(page.evaluate("globalThis.tasks"), reverse=True)
    return {
        "tasks_over_50_ms_by_the_clock": len(tasks),
        "longest_of_them": tasks[:8],
        "longest_processor_ms": longest_task(trace),
        "load": round(os.getloadavg()[0], 2),
    } | {key: round(value, 1) for key, value in frames.items()}


def typed(page: Any) -> None:
    """Somebody writes into a caption, tags being offered."""
    page.locator(".cs-caption-cell textarea").nth(2).click()
    page.keyboard.type(", a big sm", delay=60)
    page.keyboard.press("Escape")
    page.wait_for_timeout(1500)


def heap(page: Any) -> float:
    """Megabytes of the scripts' heap after a collection."""
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    used = session.send("Runtime.getHeapUsage")["usedSize"]
    session.detach()
    return round(used / 1e6, 1)


def lines(result: dict[str, Any]) -> str:
    """The result for people."""
    rows = [f"{name}: {facts}" for name, facts in result["phases"].items()]
    return "\n".join(
        [
            result["what"],
            f"first screen {result['first_screen_seconds']}, target ≤ {FIRST} s, with captions "
            f"{result['with_captions_seconds']}; the answer takes {result['answer_processor_seconds']} s of a "
            "processor",
            *rows,
            f"heap {result['heap_mb']} MB",
            f"longest task {result['longest_task_processor_ms']} ms of its thread, target ≤ {TARGET}",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
