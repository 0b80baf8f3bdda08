"""The tables that the page's scripts read: they come with the page, so that no script has a copy.

Owns: which tables the scripts get, and in which shape. Refuses to know: what they mean; each
belongs to the room that is imported here.
"""

from __future__ import annotations

import json
from typing import Any

from annotated_types import Ge, Le

from studio.compare import measures
from studio.compare.features import NEEDS
from studio.formats.kinds import KINDS
from studio.methods import METHODS
from studio.runs.records import ACTIVE, ENDED
from studio.settings.lanes import MOST_LANES
from studio.settings.stack import StackItem
from studio.ui.components import columns, library_panel

Json = dict[str, Any]

STATE_TITLES = {"queued": "waiting"}  # the others are called what they are


def tables() -> Json:
    """Every table, as JSON can carry it."""
    return {
        "kinds": {
            kind.name: {
                "title": kind.title, "colour": kind.colour, "glyph": kind.glyph, "order": kind.order,
                "ranged": kind.ranged, "with_text": kind.with_text, "tuned": kind.tuned,
            }
            for kind in KINDS
        },
        "measures": [
            {
                "key": row.key, "label": row.label, "formula": row.formula, "source": row.source,
                "range": row.range, "says": row.says, "better": row.better, "unit": row.unit,
                "digits": row.digits, "fact": row.is_fact,
                "needs": {need: NEEDS[need] for need in row.needs},
            }
            for row in measures.MEASURES
        ],
        "methods": {method.name: method.title for method in METHODS.values()},
        "run_states": {
            name: {"title": STATE_TITLES.get(name, name), "active": name in ACTIVE}
            for name in (*ACTIVE, *ENDED)
        },
        "library_fields": list(library_panel.FIELDS),
        "limits": {
            "lanes": MOST_LANES,
            "columns": columns.MOST,
            "strength": _limits("strength"),
        },
    }  # fmt: skip


def _limits(field: str) -> tuple[float, float]:
    """The least and the most that a setting of a file on the stack may be."""
    found = StackItem.model_fields[field].metadata
    return (
        next(float(str(limit.ge)) for limit in found if isinstance(limit, Ge)),
        next(float(str(limit.le)) for limit in found if isinstance(limit, Le)),
    )


def element() -> str:
    """The tables for the head of the document; nothing in them can end the element early."""
    text = json.dumps(tables(), ensure_ascii=True).replace("<", "\\u003c")
    return f'<script type="application/json" id="cs-tables">{text}</script>'
