"""A comparison as something to send to somebody: HTML page, Markdown table, CSV.

Owns: how a comparison reads. The page stands alone: own style, light and dark, no script, no
request to anywhere; images are files beside it. Every text in it came from a person or a file
and is escaped. Refuses to know: how images were generated, which measures there are. Imports no torch.
"""

from __future__ import annotations

import csv
import html
import io
import time
from pathlib import Path
from urllib.parse import quote

from studio.compare import measures
from studio.compare.record import ComparedColumn, Comparison, read_comparison
from studio.core import atomic

_STYLE = """
:root { color-scheme: light dark; --ink: #1f2430; --soft: #667085; --page: #fbfbfd;
  --card: #fff; --line: #dfe3ea; --apart: #0f766e; --bad: #b42318; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9f0; --soft: #98a2b3; --page: #12151c;
  --card: #1a1f2a; --line: #2d3443; --apart: #5eead4; --bad: #fda29b; } }
* { box-sizing: border-box }
body { margin: 0 auto; padding: 2rem 1rem 4rem; max-width: 90rem; background: var(--page);
  color: var(--ink); font: 15px/1.5 system-ui, sans-serif }
h1 { font-size: 1.6rem; margin: 0 } h2 { font-size: 1.1rem; margin: 2.5rem 0 .75rem }
p, small { color: var(--soft); margin: .25rem 0 } .bad { color: var(--bad) }
.scroll { overflow-x: auto } table { border-collapse: collapse; background: var(--card) }
th, td { border: 1px solid var(--line); padding: .45rem .7rem; text-align: right }
th { font-weight: 600 } th:first-child, td:first-child { text-align: left }
.apart { color: var(--apart); font-weight: 700 }
.grid td, .grid th { text-align: center; padding: .3rem; vertical-align: top }
.grid th:first-child { text-align: left; max-width: 14rem; font-weight: 400 }
.grid img { display: block; width: 100%; min-width: 7rem; max-width: 20rem; border-radius: 4px;
  image-rendering: auto }
"""


def to_html(comparison: Comparison) -> str:
    """The whole as one page; image addresses are relative to the comparison's folder."""
    title = comparison.name or comparison.id
    parts = [
        "<!doctype html>\n<html lang=en><head><meta charset=utf-8>",
        "<meta name=viewport content='width=device-width, initial-scale=1'>",
        f"<title>{_text(title)}</title><style>{_STYLE}</style></head><body>",
        f"<h1>{_text(title)}</h1>",
        f"<p>{_text(_facts(comparison))}</p>",
    ]
    if not comparison.complete:
        parts.append(f"<p class=bad>{_text(_incomplete(comparison))}</p>")
    parts += [f"<p class=bad>{_text(row)}</p>" for row in _errors(comparison)]
    parts += [f"<p>{_text(sentence)}</p>" for sentence in comparison.verdict]
    parts += [f"<p>{_text(note)}</p>" for note in comparison.notes]
    parts += ["<h2>Measures</h2><div class=scroll>", _html_table(comparison), "</div>"]
    parts += [
        f"<p><small>{_text(row.label)}: {_text(row.says)} ({_text(row.formula)}).</small></p>"
        for row in measures.MEASURES
    ]
    parts += ["<h2>Images</h2><p>Every row has the same prompt, seed and noise.</p>"]
    parts += ["<div class=scroll>", _html_grid(comparison), "</div></body></html>\n"]
    return "\n".join(parts)


def to_markdown(comparison: Comparison) -> str:
    """The measures as a table, with what is needed to read them."""
    headings, rows = _table(comparison)
    lines = [
        f"# {_cell(comparison.name or comparison.id)}",
        "",
        _cell(_facts(comparison)),
        "",
    ]
    if not comparison.complete:
        lines += [f"**{_incomplete(comparison)}**", ""]
    lines += [f"- {_cell(sentence)}" for sentence in comparison.verdict]
    lines += ["", _row(headings), _row(["---"] + ["---:"] * (len(headings) - 1))]
    lines += [_row([f"**{_cell(t)}**" if apart else _cell(t) for t, apart in row]) for row in rows]
    lines += ["", *(f"- {row.label}: {row.says} ({row.formula})." for row in measures.MEASURES)]
    lines += [f"- {_cell(text)}" for text in _errors(comparison)]
    lines += [f"- {_cell(note)}" for note in comparison.notes]
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
        numbers = [found.get(key) for key in keys]
        texts = [
            f"'{text}" if text[:1] in tuple("=+-@\t\r") else text
            for text in (column.name, "; ".join(_adapters(column)))
        ]
        counts = column.counts or (None, None)
        writer.writerow([*texts, *numbers, *counts])
    return buffer.getvalue()


def write_report(folder: str | Path) -> list[Path]:
    """Writes report.html, report.md and report.csv into a comparison's folder; returns them.

    Raises MissingError when it is no comparison, StorageError when the disk refuses.
    """
    folder = Path(folder)
    comparison = read_comparison(folder)
    forms = {"report.html": to_html, "report.md": to_markdown, "report.csv": to_csv}
    return [atomic.write_text(folder / name, form(comparison)) for name, form in forms.items()]


def _table(comparison: Comparison) -> tuple[list[str], list[list[tuple[str, bool]]]]:
    """Headings, and per column its cells: (text, whether it is told apart from every other column)."""
    rows = []
    for column in comparison.columns:
        cells = [(column.name, False), (", ".join(_adapters(column)) or "–", False)]
        for row in measures.MEASURES:
            text = row.shown(row.of(column), column.intervals.get(row.key)) or "–"
            cells.append((text, row.key in column.told_apart))
        rows.append(cells)
    headings = [row.label for row in measures.MEASURES]
    return ["Column", "Adapters", *headings], rows


def _html_table(comparison: Comparison) -> str:
    headings, rows = _table(comparison)
    head = "".join(f"<th>{_text(heading)}</th>" for heading in headings)
    body = "".join(
        "<tr>"
        + "".join(f"<td{' class=apart' if apart else ''}>{_text(text)}</td>" for text, apart in row)
        + "</tr>"
        for row in rows
    )
    return f"<table><tr>{head}</tr>{body}</table>"


def _html_grid(comparison: Comparison) -> str:
    files = {(c.column, c.prompt, c.seed): c.file for c in comparison.cells}
    columns = comparison.columns
    head = "".join(f"<th>{_text(column.name)}</th>" for column in columns)
    rows = []
    for index, prompt in enumerate(comparison.prompts):
        for seed in comparison.seeds:
            cells = [f"<th>{_text(prompt)}<br><small>seed {_text(str(seed))}</small></th>"]
            for number, column in enumerate(columns):
                file = files.get((number, index, seed))
                alt = _text(f"{column.name}: {prompt}, seed {seed}")
                picture = f'<img loading=lazy alt="{alt}" src="{_address(file)}">' if file else "–"
                cells.append(f"<td>{picture}</td>")
            rows.append(f"<tr>{''.join(cells)}</tr>")
    return f"<table class=grid><tr><th></th>{head}</tr>{''.join(rows)}</table>"


def _facts(comparison: Comparison) -> str:
    created = time.strftime("%Y-%m-%d %H:%M", time.localtime(comparison.created or 0))
    chosen = comparison.settings
    parts = [
        f"Base {comparison.base}",
        f"{len(comparison.prompts)} prompts × {len(comparison.seeds)} seeds",
        f"{chosen.get('sampler')}, {chosen.get('steps')} steps, guidance {chosen.get('guidance')}",
        created,
    ]
    if n := next((column.counts for column in comparison.columns if column.counts), None):
        parts.insert(2, f"measured: {n[0]} generated against {n[1]} reference images")
    return " · ".join(parts)


def _incomplete(comparison: Comparison) -> str:
    why = "was cancelled" if comparison.cancelled else "did not run to its end"
    return f"This comparison {why}: it shows what was generated until then."


def _errors(comparison: Comparison) -> list[str]:
    return [f"{column.name}: {column.message}" for column in comparison.columns if column.error]


def _adapters(column: ComparedColumn) -> list[str]:
    return [f"{Path(f.path).name} × {f.strength:g}" for f in column.stack if f.enabled]


def _text(text: str) -> str:
    return html.escape(str(text), quote=True)


def _address(file: str) -> str:
    """A file below the folder as a relative address; the leading dot keeps it from having a scheme."""
    return _text("./" + quote(file))


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(text: str) -> str:
    """Text that cannot leave its table cell or become markup."""
    flat = html.escape(" ".join(str(text).split()), quote=False)
    return "".join(f"\\{letter}" if letter in "\\|`*_[]" else letter for letter in flat)
