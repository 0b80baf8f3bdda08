"""Tools over a form: search, folded groups, what differs from the preset, what has no effect.

Owns: the component and the facts its script needs about fields; the groups it unfolds.
Refuses to know: which form it stands over, and what its values are used for.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import gradio as gr

from studio.ui.form import Field
from studio.ui.live import Json, component

TEMPLATE = '<div class="cs-tools"></div>'


def form_tools(fields: Sequence[Field], reference: Callable[[Any], Json]) -> gr.HTML:
    """The component; put it first into a column of class `cs-more`. Event: `reset` ({"keys"}).

    `reference` is asked with `{"method", "preset"}` and answers the preset's contents by key, as
    `as_text` writes them; keys it leaves out are never marked.
    """
    return component(
        "form_tools",
        TEMPLATE,
        [reference],
        events=["reset"],
        elem_id="cs-form-tools",
        fields=[facts(item) for item in fields],
    )


def facts(item: Field) -> Json:
    """What the page must know of a field."""
    return {
        "key": item.key,
        "id": item.element,
        "label": item.label,
        "help": item.hint(),
        "folded": item.advanced,
        "words": f"{item.label} {item.help} {item.key} {item.key.replace('_', ' ')}".lower(),
        "applies": [[key, list(values)] for key, values in item.applies],
    }


def as_text(value: Any) -> str:
    """The contents of an input as the page's inputs show it."""
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


@contextmanager
def group(title: str) -> Iterator[None]:
    """A group of folded settings under a heading that unfolds it."""
    with gr.Column(elem_classes=["cs-group"]):
        gr.HTML(
            '<button type="button" class="cs-fold-button" aria-expanded="false">'
            f"{html.escape(title)} <small></small></button>",
            apply_default_css=False,
            elem_classes=["cs-part"],
        )
        yield
