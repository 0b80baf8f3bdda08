"""How much of `studio/` the tests run: SlipCover measures, a floor holds.

Owns: the floor, how pytest is started under SlipCover, and reading what it found. Refuses to know:
which tests run. What only processes of their own run (the commands' tests start some) is not counted.
SlipCover takes its probes out of lines that were seen, so the tests are hardly slower.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from studio.commands.terminal import say
from studio.core import text
from studio.core.counts import counted

FLOOR = 90.0
"""Per cent of the lines of `studio/` that the whole suite has to run; it ran 94.8 in November 2026."""
FEWEST = 5  # files named when there is too little

# pytest's warning that its plugin was imported early; the floor is checked here because SlipCover's own
# check forgets what other processes measured.
IGNORED = ("-W", "ignore::pytest.PytestAssertRewriteWarning")


@contextmanager
def measured() -> Iterator[tuple[list[str], Path]]:
    """What Python is called with in place of `-m pytest`, and the file that then says what ran."""
    with TemporaryDirectory(prefix="coverage-") as folder:
        found = Path(folder) / "coverage.json"
        command = ["-m", "slipcover", "--source", "studio", "--json", "--out", str(found)]
        yield [*command, "-m", "pytest", *IGNORED], found


def enough(found: Path) -> bool:
    """Says how much was run; False when it is less than the floor, or nothing was measured."""
    try:
        report = text.read_json(found)
        share = float(report["summary"]["percent_covered"])
        files: dict[str, dict[str, list[int]]] = report["files"]
    except (OSError, ValueError, KeyError, TypeError):
        say("Coverage was not measured.")
        return False
    say(f"Coverage: the tests ran {share:.1f} % of the lines of studio/ (floor {FLOOR:g} %).")
    if share >= FLOOR:
        return True
    most = sorted(files, key=lambda name: -len(files[name]["missing_lines"]))
    for name in most[:FEWEST]:
        lines = counted(len(files[name]["missing_lines"]), "line was", "lines were")
        say(f"  {name}: {lines} never run")
    return False
