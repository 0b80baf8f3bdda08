"""A file looked into by a process of its own, for files that may take the looking process down.

Owns: that process, its limits, and what to say when it ended. Refuses to know: which files are
suspected (`studio.library.suspects`), what is in them (`inspect`).
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from dataclasses import asdict, fields
from pathlib import Path

from studio.core.text import parse_json
from studio.formats.file_report import FileReport
from studio.formats.inspect import inspect

MEMORY = 2 << 30  # bytes of addresses
_ROOT = Path(__file__).resolve().parents[2]
HANG = 600  # seconds; reading is bounded by counts, this only ends what is not reading at all


def inspect_apart(path: Path) -> FileReport:
    """`inspect` without hashes; a process that ends on the way becomes a problem in the report."""
    command = [sys.executable, "-m", "studio.formats.apart", str(path)]
    try:
        done = subprocess.run(command, cwd=_ROOT, capture_output=True, timeout=HANG, check=True)
        known = {one.name for one in fields(FileReport)}
        return FileReport(**{k: v for k, v in parse_json(done.stdout).items() if k in known})
    except (OSError, subprocess.SubprocessError, ValueError, TypeError):
        return FileReport(str(path), problems=[ended()])


def ended() -> str:
    """What to say of a file whose reading took a process down."""
    return (
        "Reading this file ended the program that read it, twice; it is not read again until it "
        "changes. Get it from its author again, or remove it."
    )


def _main(path: str) -> int:
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    sys.stdout.write(json.dumps(asdict(inspect(path, hashes=False))))
    return 0


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1]))
