"""The library with thousands of adapters: reading headers, first rows, typing, moving on.

    python studio.py bench library [--files N] [--json]

Makes a workspace of N small adapter files of three kinds and two families (kept nowhere), then
measures: the scan in the background with no memory of headers and with one, and in a headless
Chromium with the memory removed: opening the tab to the first rows painted, to the last file
known, and one keystroke in the search box to the frame after it. Results go to
benchmarks/results/library.json.
"""

from __future__ import annotations

import argparse
import json
import statistics
import struct
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.startup import PAINTED, _browser, _free_port, machine  # noqa: E402
from studio.app import Studio  # noqa: E402
from studio.core import atomic  # noqa: E402
from studio.core.paths import Workspace  # noqa: E402

PROJECTION = "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn2_to_k"
TYPED = """
(letter) => new Promise((done) => {
  const box = document.querySelector('#cs-library-generate .sh-search'), from = performance.now();
  box.value += letter;
  box.dispatchEvent(new Event('input', {bubbles: true}));
  const handled = performance.now() - from;
  requestAnimationFrame(() => setTimeout(() => done([handled, performance.now() - from])));
})
"""


def main() -> int:
    """Measures, prints, writes."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--files", type=int, default=5000, help="adapter files (default 5000)")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, _browser() as browser:
        workspace = Workspace(folder)
        make_files(workspace.adapters, arguments.files)
        result: dict[str, Any] = {
            "what": f"a library of {arguments.files} adapter files",
            "scan_seconds": {
                "no headers remembered": _timed(lambda: _scan(workspace)),
                "headers remembered": _timed(lambda: _scan(workspace)),
            },
            "memory_bytes": (workspace.cache / "headers.json").stat().st_size,
        }
        result["page_seconds"] = {"headers remembered": in_page(workspace, browser)}
        (workspace.cache / "headers.json").unlink()
        result["page_seconds"]["no headers remembered"] = in_page(workspace, browser)
        result["machine"] = machine(browser.version)
    atomic.write_json(ROOT / "benchmarks" / "results" / "library.json", result)
    print(json.dumps(result, indent=2) if arguments.json else _lines(result))
    return 0


def make_files(folder: Path, count: int) -> None:
    """`count` files of a few hundred bytes whose headers say what a real file's would."""
    for number in range(count):
        width = 2048 if number % 5 == 4 else 768
        shapes: dict[str, list[int]]
        if number % 3 == 2:
            shapes = {"emb_params": [1, 768]}
        else:
            shapes = {
                f"{PROJECTION}.lora_down.weight": [1, width],
                f"{PROJECTION}.lora_up.weight": [64, 1],
                f"{PROJECTION}.alpha": [],
            }
        words = {"modelspec.trigger_phrase": f"word{number}"} if number % 2 else {}
        atomic.write_bytes(
            folder / f"{number % 40:02}" / f"adapter-{number:05}.safetensors", _file(shapes, words)
        )


def _file(shapes: dict[str, list[int]], words: dict[str, str]) -> bytes:
    header: dict[str, Any] = {"__metadata__": words} if words else {}
    place = 0
    for name, shape in shapes.items():
        size = 2
        for side in shape:
            size *= side
        header[name] = {"dtype": "F16", "shape": shape, "data_offsets": [place, place + size]}
        place += size
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + bytes(place)


def in_page(workspace: Workspace, browser: Any) -> dict[str, float]:
    """Seconds as somebody at the page has them."""
    from studio.ui import app

    studio = Studio(workspace)
    server = app.serve(studio, port=_free_port())
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    try:
        page.goto(server.url)
        page.wait_for_selector(".cs-header")
        started = time.perf_counter()
        page.click("#cs-tab-generate-button")
        page.locator(".sh-row").first.wait_for(timeout=120_000)
        page.evaluate(PAINTED)
        first = time.perf_counter() - started
        page.wait_for_selector(".sh-look", state="hidden", timeout=300_000)
        studio.library.index.wait()
        everything = time.perf_counter() - started
        page.wait_for_timeout(1000)
        strokes = [page.evaluate(TYPED, letter) for letter in "adapter-0123"]
        rows = page.locator(".sh-row").count()
    finally:
        context.close()
        server.close()
        studio.close()
    return {
        "tab to first rows": round(first, 3),
        "tab to last file": round(everything, 3),
        "keystroke handled, median": round(statistics.median(s[0] for s in strokes) / 1000, 4),
        "keystroke painted, median": round(statistics.median(s[1] for s in strokes) / 1000, 4),
        "keystroke painted, worst": round(max(s[1] for s in strokes) / 1000, 4),
        "rows in the document": rows,
    }


def _scan(workspace: Workspace) -> None:
    studio = Studio(workspace)
    studio.library.index.look()
    studio.library.index.wait()
    studio.close()


def _timed(work: Callable[[], None]) -> float:
    started = time.perf_counter()
    work()
    return round(time.perf_counter() - started, 3)


def _lines(result: dict[str, Any]) -> str:
    lines = [result["what"]]
    for group in ("scan_seconds", "page_seconds"):
        lines += [
            f"{group.split('_')[0]}, {name}: {value}" for name, value in result[group].items()
        ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
