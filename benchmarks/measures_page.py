"""Writes the table of docs/metrics.md from the table of measures.

    python -m benchmarks.measures_page

The text around it is written by hand; a test keeps the table and `studio/compare/measures.py` equal.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from studio.compare.measures import MEASURES, Measure
from studio.core import atomic

ROOT = Path(__file__).resolve().parent.parent
BEGIN, END = "<!-- measures: begin -->", "<!-- measures: end -->"
PAGE = ROOT / "docs" / "metrics.md"


def table() -> str:
    """A section per measure, then the facts as a list."""
    parts = [_section(row) for row in MEASURES if not row.is_fact]
    facts = [
        f"- **{row.label}** (`{row.key}`): {row.formula}. {row.says}"
        for row in MEASURES
        if row.is_fact
    ]
    return "\n\n".join([*parts, "### Facts\n\n" + "\n".join(facts)])


def _section(row: Measure) -> str:
    needs = ", ".join(row.needs) or "nothing more"
    images = "the comparison's images" if row.images == "comparison" else "ordinary prompts"
    return "\n".join(
        [
            f"### {row.label}",
            "",
            row.says,
            "",
            f"- key: `{row.key}`, of {images}; needs {needs}",
            f"- formula: {row.formula}",
            f"- source: {row.source}",
            f"- range: {row.range}; {row.better} is better",
        ]
    )


def main() -> int:
    """Puts the table between its marks."""
    text = PAGE.read_text("utf-8")
    head, _, rest = text.partition(BEGIN)
    atomic.write_text(PAGE, f"{head}{BEGIN}\n{table()}\n{END}{rest.partition(END)[2]}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
