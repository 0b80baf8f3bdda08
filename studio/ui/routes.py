"""What may be asked of the server at all: every route, and who may use it.

Owns: the table. A route that is not in it does not exist, whatever Gradio has behind it: sharing
runs through somebody's hub account, writing code into the page, proxying and streams are all there
and all unused here. Refuses to know: sessions, requests' bodies, what a route does.

`docs/security.md` says the same in words; a test compares both with Gradio's own list.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Who = Literal["everyone", "signed in"]
Body = Literal["none", "json", "form", "upload", "stream"]

API = "/gradio_api"


@dataclass(frozen=True)
class Route:
    """`pattern` matches the whole path. Without a password everybody counts as signed in."""

    methods: tuple[str, ...]
    pattern: str
    who: Who
    body: Body = "none"


GET, POST = ("GET", "HEAD"), ("POST",)
_NAME = r"[^/]+"

ROUTES = (
    # before anybody has signed in: the page (which then asks for the password) and what it needs
    Route(GET, "/", "everyone"),
    Route(GET, "/favicon\\.ico", "everyone"),
    Route(GET, "/robots\\.txt", "everyone"),
    Route(POST, "/login", "everyone", "form"),
    Route(
        ("GET",), f"{API}/startup-events", "everyone"
    ),  # starting asks it, once, without a session
    # the page's own files
    Route(GET, "/(assets|static|svelte)/.+", "signed in"),
    Route(GET, "/scripts/[0-9a-f]+/[a-z_/]+\\.js", "signed in"),
    Route(GET, f"({API})?/theme\\.css", "signed in"),
    Route(GET, "/manifest\\.json", "signed in"),
    Route(GET, f"{API}/file=(?s:.+)", "signed in"),
    Route(GET, "/comparisons/[^/]+/[a-z]+\\.[a-z]+", "signed in"),
    # its calls
    Route(POST, "/logout", "signed in"),
    Route(POST, f"{API}/component_server", "signed in", "json"),
    Route(POST, f"{API}/queue/join", "signed in", "json"),
    Route(GET, f"{API}/queue/(data|status)", "signed in"),
    Route(POST, f"{API}/(cancel|reset)", "signed in", "json"),
    Route(POST, f"{API}/(run|api)/{_NAME}", "signed in", "json"),
    Route(POST, f"{API}/upload", "signed in", "upload"),
    Route(GET, f"{API}/upload_progress", "signed in"),
    Route(POST, "/bases/(check|send)", "signed in", "stream"),
    Route(GET, f"{API}/heartbeat/{_NAME}", "signed in"),
    # programs that call the studio: what can be called, and calling it
    Route(GET, "/config", "signed in"),
    Route(GET, f"{API}/(info|openapi\\.json|app_id|user|login_check)", "signed in"),
    Route(POST, f"{API}/call/(v2/)?{_NAME}", "signed in", "json"),
    Route(GET, f"{API}/call/(v2/)?{_NAME}/{_NAME}", "signed in"),
)
_COMPILED = tuple((route, re.compile(route.pattern)) for route in ROUTES)


def find(method: str, path: str) -> Route | Literal["method", "path"]:
    """The route of a request, or what about it is unknown."""
    plain = path if len(path) < 2 else path.removesuffix("/")
    there = [route for route, pattern in _COMPILED if pattern.fullmatch(plain)]
    if not there:
        return "path"
    return next((route for route in there if method in route.methods), "method")
