"""Writing the report, the sheet and the zip of a large comparison: seconds, bytes, peak memory.

    python studio.py bench reports [--columns N] [--prompts N] [--seeds N] [--side N] [--json]

Makes a comparison of images that nobody generated (10 columns × 20 prompts × 4 seeds of 512 pixels),
and writes each form in a process of its own, whose largest memory is what is reported. Results go to
benchmarks/results/reports.json.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from studio.core import atomic  # noqa: E402
from studio.core.text import parse_json  # noqa: E402

FORMS = ("nothing", "page", "sheet", "zip", "opened")


def main() -> int:
    """Measures, prints, writes."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    for name, number in (("columns", 10), ("prompts", 20), ("seeds", 4), ("side", 512)):
        parser.add_argument(f"--{name}", type=int, default=number)
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.add_argument("--form", choices=FORMS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.form:
        print(json.dumps(_measured(arguments.form, arguments.folder)))
        return 0
    from studio.core.device import processor_name
    from tests.compare.made import column, make

    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "20260101-120000-large"
        columns = [column(f"column {n}") for n in range(arguments.columns)]
        prompts = [
            f"a rather long prompt of a comparison, number {n}" for n in range(arguments.prompts)
        ]
        made = make(folder, columns, prompts, range(1, arguments.seeds + 1), side=arguments.side)
        result: dict[str, Any] = {
            "what": f"{len(made.cells)} images of {arguments.side} pixels",
            "machine": processor_name(),
            "forms": {form: _apart(form, folder) for form in FORMS},
        }
    atomic.write_json(ROOT / "benchmarks" / "results" / "reports.json", result)
    print(json.dumps(result, indent=2))
    return 0


def _apart(form: str, folder: Path) -> dict[str, Any]:
    command = [sys.executable, __file__, "--form", form, "--folder", str(folder)]
    return parse_json(subprocess.run(command, check=True, capture_output=True).stdout)


def _measured(form: str, folder: Path) -> dict[str, Any]:
    from studio.compare.archive.export import export
    from studio.compare.archive.opening import open_archive
    from studio.compare.record import read_comparison
    from studio.compare.report.contact_sheet import sheet_png
    from studio.compare.report.page import to_html
    from studio.compare.report.report import write_pieces

    archive = folder.parent / "large.zip"
    began = time.monotonic()
    size = 0
    if form == "page":
        size = (
            write_pieces(folder.parent / "r.html", to_html(read_comparison(folder))).stat().st_size
        )
    elif form == "sheet":
        size = len(sheet_png(read_comparison(folder)) or b"")
    elif form == "zip":
        size = export(folder, archive).stat().st_size
    elif form == "opened":
        open_archive(archive, atomic.make_folder(folder.parent / "into"))
    return {
        "seconds": round(time.monotonic() - began, 2),
        "bytes": size,
        "peak_memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


if __name__ == "__main__":
    sys.exit(main())
