"""The few pieces of HTML that a report is made of.

Owns: escaping, and how a number carries its exact value. Refuses to know: comparisons. Imports no
torch.
"""

from __future__ import annotations

import html
from collections.abc import Collection, Iterable, Sequence
from typing import Protocol

from studio.core.names import encodable


class Shown(Protocol):
    """What `data` shows."""

    @property
    def text(self) -> str: ...
    @property
    def number(self) -> float | None: ...
    @property
    def key(self) -> str: ...


def escaped(text: object) -> str:
    """A text that is nothing but text, inside of elements and of quoted attributes."""
    return html.escape(encodable(str(text)), quote=True)


def data(value: Shown, of: str) -> str:
    """A value as people read it; a measured one with its key, whose it is, and the exact number."""
    if value.number is None or not value.key:
        return escaped(value.text)
    about = f"data-measure='{escaped(value.key)}' data-column='{escaped(of)}'"
    return f"<data value='{value.number!r}' {about}>{escaped(value.text)}</data>"


def row(cells: Sequence[str], tag: str, texts: Collection[int] = (0,)) -> str:
    """A table's row; cells at the places `texts` hold text, the others numbers."""
    made = (
        f"<{tag}{' class=text' if place in texts else ''}>{escaped(cell)}</{tag}>"
        for place, cell in enumerate(cells)
    )
    return f"<tr>{''.join(made)}</tr>"


def definitions(pairs: Iterable[tuple[str, str]]) -> str:
    """A list of labels and values; empty without any."""
    rows = "".join(f"<dt>{escaped(label)}</dt><dd>{escaped(value)}</dd>" for label, value in pairs)
    return f"<dl>{rows}</dl>" if rows else ""
