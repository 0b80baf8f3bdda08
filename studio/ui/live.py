"""How a tab talks to Python: checked calls, readable errors, background tasks.

Owns: `Page` (what the tabs share), `component` and `endpoint` (parts that render themselves and
their server functions), `handler` (Gradio events). Background work is in `tasks.py`.
Refuses to know: what any tab does.

Everything a browser sends is treated as hostile: `read` checks types, paths go through
`Workspace.resolve`, uploads through `Page.uploaded`.
"""

from __future__ import annotations

import functools
import html
import inspect
import logging
import math
import re
import secrets
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from studio.core.errors import InputError
from studio.core.names import encodable, encodable_all
from studio.library.tidying import UPLOADS
from studio.ui import scripts
from studio.ui.library import Library
from studio.ui.tasks import Task as Task  # the tabs find it here
from studio.ui.tasks import Tasks, parts_of
from studio.ui.thumbs import Thumbnails

if TYPE_CHECKING:
    from studio.app import Studio

log = logging.getLogger("studio.ui")
Json = dict[str, Any]
QUIET: Json = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
ACTION: Json = {"show_progress": "hidden", "api_visibility": "private"}
# An action may be refused: only an event that goes through the queue brings its reason to the page.


def endpoint(function: Callable[..., Any]) -> Callable[..., Json]:
    """A server function for `gr.HTML(server_functions=[…])`; in a script: `call(server.f(…))`.

    `function` takes one argument, whatever JSON the page sent. Answers `{"ok", "data"|"error"}`.
    """

    def call(argument: Any = None) -> Json:
        try:
            return {"ok": True, "data": sendable(function(encodable_all(argument)))}
        except Exception as error:
            return {"ok": False, "error": told(error)}

    call.__name__ = function.__name__
    call.__doc__ = function.__doc__
    return call


def told(error: BaseException) -> Json:
    """An error's parts; a file of the cache is called by its name there, not by where it was put."""
    uploads = Path(gr.utils.get_upload_folder())
    place = re.escape(str(uploads)) + r"[/\\][^/\\]+[/\\]"
    if uploads.name == UPLOADS:
        place += "|" + re.escape(str(uploads.parent)) + r"[/\\]"
    parts = parts_of(error)
    return {
        key: re.sub(place, "", text) if isinstance(text, str) else text
        for key, text in parts.items()
    }


def sendable(value: Any) -> Any:
    """The same as JSON can carry it: None for NaN and infinity, every text encodable."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, str):
        return encodable(value)
    if isinstance(value, dict):
        return {encodable_all(key): sendable(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [sendable(inner) for inner in value]
    return value


def _shown(value: Any) -> Any:
    """What an event handler answers, with every text encodable, also inside of updates."""
    if isinstance(value, gr.blocks.Block):
        value._constructor_args = [encodable_all(part) for part in value._constructor_args]
        return value
    if isinstance(value, list | tuple):
        return type(value)(_shown(part) for part in value)
    return encodable_all(value)


def component(
    name: str,
    template: str,
    functions: Sequence[Callable[..., Any]] = (),
    *,
    events: Sequence[str] = (),
    value: Any = None,
    elem_id: str | None = None,
    **props: Any,
) -> gr.HTML:
    """A part of the page that a script of its own fills: `name` stands in `static/scripts/main.js`.

    `events` are what the script may send, `functions` become `server.<name>` there, each wrapped in
    `endpoint`.
    """
    return gr.HTML(
        encodable_all(value),
        html_template=template,
        js_on_load=scripts.start(name, events),
        server_functions=[endpoint(function) for function in functions] or None,
        apply_default_css=False,
        elem_id=elem_id,
        elem_classes=["cs-part"],
        **encodable_all(props),
    )


def handler(function: Callable[..., Any]) -> Callable[..., Any]:
    """A Gradio event handler (plain or generator) whose errors become a readable message."""

    @functools.wraps(function)
    def call(*arguments: Any, **named: Any) -> Any:
        try:
            return _shown(function(*map(encodable_all, arguments), **named))
        except gr.Error:
            raise
        except Exception as error:
            raise toast(told(error)) from None

    @functools.wraps(function)
    def generate(*arguments: Any, **named: Any) -> Iterator[Any]:
        try:
            for answer in function(*map(encodable_all, arguments), **named):
                yield _shown(answer)
        except gr.Error:
            raise
        except Exception as error:
            raise toast(told(error)) from None

    return generate if inspect.isgeneratorfunction(function) else call


def refused() -> gr.HTML:
    """After an event that failed (`event.failure(refused, None, part)`): the part's `refused`
    changes, so that its button need not guess how long to wait. The reason is a message already."""
    return gr.HTML(refused=secrets.token_hex(8))


def toast(parts: Json) -> gr.Error:
    """The page's error message, escaped; it stays until it is closed."""
    what = html.escape(str(parts["what"])) + (
        f" ({html.escape(str(parts['where']))})" if parts.get("where") else ""
    )
    rest = [html.escape(str(parts[key])) for key in ("why", "remedy", "safe") if parts.get(key)]
    return gr.Error("<br>".join([f"<b>{what}</b>", *rest]), duration=None, print_exception=False)


def read(argument: Any, **wanted: type) -> list[Any]:
    """Named values of the right type out of whatever a page sent; raises InputError."""
    if not isinstance(argument, dict):
        raise InputError("The page sent something unreadable", remedy="Reload the page.")
    values = []
    for name, kind in wanted.items():
        value = argument.get(name)
        if kind is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise InputError(f"The page sent no usable “{name}”", remedy="Reload the page.")
        if isinstance(value, str) and len(value) > 20_000:
            raise InputError(f"“{name}” is too long", remedy="Use at most 20,000 characters.")
        values.append(encodable_all(value))
    return values


@dataclass
class Page:
    """What the tabs share. Scripts do the same with `openTab(tab, payload)` and `receive(tab, f)`."""

    studio: Studio
    tasks: Tasks = field(default_factory=Tasks)
    tabs: gr.Tabs | None = None
    painted: threading.Event = field(default_factory=threading.Event)
    """Set when a browser has shown the page for the first time."""
    login: bool = False
    """Whether the page asks for a password, so that one can sign out of it."""
    problem: str = ""
    """Why the engine could not be loaded; the header shows it."""

    @functools.cached_property
    def library(self) -> Library:
        """The datasets, by ids that a browser may name."""
        return Library(self.studio)

    @functools.cached_property
    def thumbnails(self) -> Thumbnails:
        """Small copies of images; `str(path)` goes to the page, which asks `fileUrl(path)`."""
        return Thumbnails(self.studio.workspace.cache / "thumbnails")

    def uploaded(self, path: str) -> Path:
        """A file this page has just uploaded; raises InputError for any other path."""
        self.studio.library.tidying.again()
        folder = Path(gr.utils.get_upload_folder()).resolve()
        return self.studio.workspace.resolve(path, [folder])
