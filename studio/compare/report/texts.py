"""A comparison as Markdown and as CSV.

Owns: these two forms. Refuses to know: HTML, images, files. Imports no torch.
"""

from __future__ import annotations

import csv
import html
import io
from collections.abc import Sequence

from studio.compare import measures
from studio.compare.record import Comparison
from studio.compare.report import facts
from studio.compare.report.about import About


def to_markdown(comparison: Comparison, about: About | None = None) -> str:
    """The measures as a table, with what is needed to read them."""
    about = about or About()
    lines = [f"# {_cell(facts.title(comparison))}", ""]
    if about.question:
        lines += [f"**{_cell(about.question)}**", ""]
    lines += [_cell(facts.compared(comparison)), ""]
    if said := facts.incomplete(comparison):
        lines += [f"**{said}**", ""]
    if comparison.verdict:
        lines += [*(f"- {_cell(text)}" for text in comparison.verdict), ""]
    heads = facts.headings(comparison)
    lines += [_row(heads), _row(["---"] + ["---:"] * (len(heads) - 1))]
    lines += [_row([_value(value) for value in row]) for row in facts.table(comparison)]
    if legend := facts.legend(comparison):
        lines += ["", _cell(legend)]
    lines += ["", *(f"- {label}: {_cell(text)}" for label, text in facts.explained())]
    lines += [f"- {_cell(text)}" for text in facts.errors(comparison)]
    lines += [f"- {_cell(text)}" for text in facts.messages(comparison)]
    lines += ["", *(f"- {label}: {_cell(value)}" for label, value in facts.sampled(comparison))]
    if about.notes:
        lines += ["", *(_cell(part) for part in about.notes.split("\n"))]
    return "\n".join(lines) + "\n"


def to_csv(comparison: Comparison) -> str:
    """One line per column, raw numbers; names cannot start a spreadsheet formula."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    keys = [
        key
        for row in measures.MEASURES
        for key in ([row.key] if row.is_fact else [row.key, f"{row.key}_low", f"{row.key}_high"])
    ]
    writer.writerow(["column", "adapters", *keys, "images", "references"])
    for column in comparison.columns:
        found = {row.key: row.of(column) for row in measures.MEASURES}
        for key, interval in column.intervals.items():
            found[f"{key}_low"], found[f"{key}_high"] = interval or (None, None)
        texts = [harmless(text) for text in (column.name, "; ".join(facts.adapters(column)))]
        counts = column.counts or (None, None)
        numbers = [found.get(key) for key in keys]
        writer.writerow([*texts, *numbers, *counts])
    return buffer.getvalue()


def harmless(text: str) -> str:
    """A text that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in tuple("=+-@\t\r") else text


def _value(value: facts.Value) -> str:
    text = _cell(value.text)
    return f"**{text}** {facts.APART}" if value.apart else text


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(text: str) -> str:
    """Text that cannot leave its table cell or become markup."""
    flat = html.escape(" ".join(str(text).split()), quote=False)
    return "".join(f"\\{letter}" if letter in "\\|`*_[]" else letter for letter in flat)
