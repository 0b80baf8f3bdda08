"""A comparison as something to send to somebody: HTML page, Markdown table, CSV.

Owns: how a comparison reads. The page stands alone: own style, light and dark, no script, no
request to anywhere; pictures are files beside it. Every text in it came from a person or a file
and is escaped. Refuses to know: how pictures were drawn. Imports no torch.
"""

from __future__ import annotations

import csv
import html
import io
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from studio.compare.record import read_comparison
from studio.core import atomic

# key in `measures` → heading, what is better, what it says
MEASURES: dict[str, tuple[str, Callable | None, str]] = {
    "kid": ("KID", min, "distance to the reference pictures, ± standard error; lower is closer"),
    "image_image": ("Image–image", max, "mean cosine to all reference pictures; higher is closer"),
    "image_reference": ("Image–mean", max, "cosine to the references' mean; higher is closer"),
    "image_text": ("Image–text", max, "cosine between picture and prompt; higher obeys better"),
}
_STYLE = """
:root { color-scheme: light dark; --ink: #1f2430; --soft: #667085; --page: #fbfbfd;
  --card: #fff; --line: #dfe3ea; --best: #0f766e; --bad: #b42318; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9f0; --soft: #98a2b3; --page: #12151c;
  --card: #1a1f2a; --line: #2d3443; --best: #5eead4; --bad: #fda29b; } }
* { box-sizing: border-box }
body { margin: 0 auto; padding: 2rem 1rem 4rem; max-width: 90rem; background: var(--page);
  color: var(--ink); font: 15px/1.5 system-ui, sans-serif }
h1 { font-size: 1.6rem; margin: 0 } h2 { font-size: 1.1rem; margin: 2.5rem 0 .75rem }
p, small { color: var(--soft); margin: .25rem 0 } .bad { color: var(--bad) }
.scroll { overflow-x: auto } table { border-collapse: collapse; background: var(--card) }
th, td { border: 1px solid var(--line); padding: .45rem .7rem; text-align: right }
th { font-weight: 600 } th:first-child, td:first-child { text-align: left }
.best { color: var(--best); font-weight: 700 }
.grid td, .grid th { text-align: center; padding: .3rem; vertical-align: top }
.grid th:first-child { text-align: left; max-width: 14rem; font-weight: 400 }
.grid img { display: block; width: 100%; min-width: 7rem; max-width: 20rem; border-radius: 4px;
  image-rendering: auto }
"""


def to_html(comparison: dict[str, Any]) -> str:
    """The whole as one page; picture addresses are relative to the comparison's folder."""
    title = comparison.get("name") or comparison["id"]
    parts = [
        "<!doctype html>\n<html lang=en><head><meta charset=utf-8>",
        "<meta name=viewport content='width=device-width, initial-scale=1'>",
        f"<title>{_text(title)}</title><style>{_STYLE}</style></head><body>",
        f"<h1>{_text(title)}</h1>",
        f"<p>{_text(_facts(comparison))}</p>",
    ]
    if not comparison.get("complete"):
        parts.append(f"<p class=bad>{_text(_incomplete(comparison))}</p>")
    parts += [f"<p class=bad>{_text(row)}</p>" for row in _errors(comparison)]
    parts += [f"<p>{_text(note)}</p>" for note in comparison.get("notes", [])]
    parts += ["<h2>Measures</h2><div class=scroll>", _html_table(comparison), "</div>"]
    parts += [
        f"<p><small>{_text(heading)}: {_text(says)}.</small></p>"
        for heading, _, says in MEASURES.values()
    ]
    parts += ["<h2>Pictures</h2><p>Every row has the same prompt, seed and noise.</p>"]
    parts += ["<div class=scroll>", _html_grid(comparison), "</div></body></html>\n"]
    return "\n".join(parts)


def to_markdown(comparison: dict[str, Any]) -> str:
    """The measures as a table, with what is needed to read them."""
    headings, rows = _table(comparison)
    lines = [
        f"# {_cell(comparison.get('name') or comparison['id'])}",
        "",
        _cell(_facts(comparison)),
        "",
    ]
    if not comparison.get("complete"):
        lines += [f"**{_incomplete(comparison)}**", ""]
    lines += [_row(headings), _row(["---"] + ["---:"] * (len(headings) - 1))]
    lines += [_row([f"**{_cell(t)}**" if best else _cell(t) for t, best in row]) for row in rows]
    lines += ["", *(f"- {heading}: {says}." for heading, _, says in MEASURES.values())]
    lines += [f"- {_cell(text)}" for text in _errors(comparison)]
    lines += [f"- {_cell(note)}" for note in comparison.get("notes", [])]
    return "\n".join(lines) + "\n"


def to_csv(comparison: dict[str, Any]) -> str:
    """One line per column, raw numbers; names cannot start a spreadsheet formula."""
    keys = ["kid", "kid_error", "image_image", "image_reference", "image_text"]
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["column", "adapters", *keys, "kid_n", "kid_m", "bytes", "training_seconds"])
    for column in comparison["columns"]:
        measures = column["measures"]
        stack = "; ".join(_adapters(column))
        numbers = [measures.get(key) for key in keys]
        n, m = measures.get("kid_n") or (None, None)
        texts = [f"'{t}" if t[:1] in tuple("=+-@\t\r") else t for t in (column["name"], stack)]
        writer.writerow([*texts, *numbers, n, m, column.get("bytes"), column.get("seconds")])
    return buffer.getvalue()


def write_report(folder: str | Path) -> list[Path]:
    """Writes report.html, report.md and report.csv into a comparison's folder; returns them.

    Raises MissingError when it is no comparison, StorageError when the disk refuses.
    """
    folder = Path(folder)
    comparison = read_comparison(folder)
    forms = {"report.html": to_html, "report.md": to_markdown, "report.csv": to_csv}
    return [atomic.write_text(folder / name, form(comparison)) for name, form in forms.items()]


def _table(comparison: dict[str, Any]) -> tuple[list[str], list[list[tuple[str, bool]]]]:
    """Headings, and per column its cells: (text, is the best of its measure)."""
    columns = comparison["columns"]
    best: dict[str, float] = {}
    for key, (_, choose, _) in MEASURES.items():
        values = [c["measures"][key] for c in columns if c["measures"].get(key) is not None]
        if choose is not None and len(set(values)) > 1:
            best[key] = choose(values)
    rows = []
    for column in columns:
        measures = column["measures"]
        cells = [(column["name"], False), (", ".join(_adapters(column)) or "–", False)]
        for key in MEASURES:
            value = measures.get(key)
            cells.append((_number(key, measures), value is not None and best.get(key) == value))
        cells += [(_bytes(column.get("bytes")), False), (_seconds(column.get("seconds")), False)]
        rows.append(cells)
    headings = [heading for heading, _, _ in MEASURES.values()]
    return ["Column", "Adapters", *headings, "File size", "Training"], rows


def _html_table(comparison: dict[str, Any]) -> str:
    headings, rows = _table(comparison)
    head = "".join(f"<th>{_text(heading)}</th>" for heading in headings)
    body = "".join(
        "<tr>"
        + "".join(f"<td{' class=best' if best else ''}>{_text(text)}</td>" for text, best in row)
        + "</tr>"
        for row in rows
    )
    return f"<table><tr>{head}</tr>{body}</table>"


def _html_grid(comparison: dict[str, Any]) -> str:
    files = {(c["column"], c["prompt"], c["seed"]): c["file"] for c in comparison["cells"]}
    columns = comparison["columns"]
    head = "".join(f"<th>{_text(column['name'])}</th>" for column in columns)
    rows = []
    for index, prompt in enumerate(comparison["prompts"]):
        for seed in comparison["seeds"]:
            cells = [f"<th>{_text(prompt)}<br><small>seed {_text(str(seed))}</small></th>"]
            for number, column in enumerate(columns):
                file = files.get((number, index, seed))
                alt = _text(f"{column['name']}: {prompt}, seed {seed}")
                picture = f'<img loading=lazy alt="{alt}" src="{_address(file)}">' if file else "–"
                cells.append(f"<td>{picture}</td>")
            rows.append(f"<tr>{''.join(cells)}</tr>")
    return f"<table class=grid><tr><th></th>{head}</tr>{''.join(rows)}</table>"


def _facts(comparison: dict[str, Any]) -> str:
    chosen = comparison["settings"]
    created = time.strftime("%Y-%m-%d %H:%M", time.localtime(comparison.get("created") or 0))
    parts = [
        f"Base {comparison['base']}",
        f"{len(comparison['prompts'])} prompts × {len(comparison['seeds'])} seeds",
        f"{chosen['sampler']}, {chosen['steps']} steps, guidance {chosen['guidance']:g}",
        created,
    ]
    counts = [c["measures"].get("kid_n") for c in comparison["columns"]]
    if n := next((count for count in counts if count), None):
        parts.insert(2, f"KID of {n[0]} drawn against {n[1]} reference pictures")
    return " · ".join(parts)


def _incomplete(comparison: dict[str, Any]) -> str:
    why = "was cancelled" if comparison.get("cancelled") else "did not run to its end"
    return f"This comparison {why}: it shows what was drawn until then."


def _errors(comparison: dict[str, Any]) -> list[str]:
    failed = [column for column in comparison["columns"] if column.get("error")]
    return [f"{column['name']}: {column['message']}" for column in failed]


def _adapters(column: dict[str, Any]) -> list[str]:
    items = [item for item in column["stack"] if item.get("enabled", True)]
    return [f"{Path(item['path']).name} × {item['strength']:g}" for item in items]


def _number(key: str, measures: dict[str, Any]) -> str:
    value = measures.get(key)
    if value is None:
        return "–"
    error = measures.get("kid_error") if key == "kid" else None
    return f"{value:.4f} ± {error:.4f}" if error is not None else f"{value:.4f}"


def _bytes(size: int | None) -> str:
    if not size:
        return "–"
    return f"{size / 1e6:.1f} MB" if size >= 1e5 else f"{size / 1e3:.1f} kB"


def _seconds(seconds: float | None) -> str:
    if seconds is None:
        return "–"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


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
