"""One request as the door sees it: its headers, whose it is, and its body within limits.

Owns: reading a body once and handing it on, what a JSON body may not say. Refuses to know: routes,
who may talk at all (`guard.py`).
"""

from __future__ import annotations

import json
import re
from typing import Any

from studio.ui.guard import Receive, Scope, host_name
from studio.ui.logins import THIS_MACHINE

LARGEST_JSON = 8 * 1024**2  # bytes: the names of 20,000 uploaded images are 3 MB
LARGEST_FORM = 16 * 1024
DEEPEST_JSON = 64
LOOPBACK = ("127.0.0.1", "::1")


class Request:
    """What the door looks at; header names in lower case."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.method = str(scope.get("method", "GET"))
        self.path = str(scope.get("path", ""))
        self.headers: dict[str, list[str]] = {}
        for name, value in scope["headers"]:
            self.headers.setdefault(name.decode("latin-1").lower(), []).append(
                value.decode("latin-1")
            )

    def header(self, name: str) -> str:
        return ", ".join(self.headers.get(name, []))

    @property
    def signed_in(self) -> bool:
        """Whether a cookie names a session that Gradio opened."""
        gradio = self.scope["app"]
        names = (f"access-token-{gradio.cookie_id}", f"access-token-unsecure-{gradio.cookie_id}")
        cookies = [part.strip().partition("=") for part in "; ".join(
            self.headers.get("cookie", [])
        ).split(";")]  # fmt: skip
        return any(name in names and value in gradio.tokens for name, _, value in cookies)

    @property
    def address(self) -> str:
        """Whose tries are counted together: an address, or this very machine without a proxy."""
        peer = str((self.scope.get("client") or ("",))[0])
        passed_on = any(
            name.startswith(("x-forwarded", "forwarded", "via")) for name in self.headers
        )
        host = host_name(self.header("host"))
        direct = peer in LOOPBACK and not passed_on and host in (*LOOPBACK, "localhost")
        return THIS_MACHINE if direct else peer

    @property
    def encrypted(self) -> bool:
        return self.scope.get("scheme") == "https" or self.header("x-forwarded-proto") == "https"


def json_problem(body: bytes) -> str | None:
    """Why a call's body is not taken, else None.

    An object that looks like Gradio's description of a file would make the server fetch what its
    address names, or look for a file, before any handler of ours is asked. Our parts send none.
    """
    if not body.strip():
        return None
    try:
        waiting: list[tuple[Any, int]] = [(json.loads(body), 0)]
    except (ValueError, RecursionError):
        return "This is not JSON."
    while waiting:
        value, depth = waiting.pop()
        if depth > DEEPEST_JSON:
            return "This is nested too deeply."
        if isinstance(value, dict):
            if _means_a_file(value):
                return "Files are uploaded, never named by an address."
            waiting += [(inner, depth + 1) for inner in value.values()]
        elif isinstance(value, list):
            waiting += [(inner, depth + 1) for inner in value if isinstance(inner, dict | list)]
    return None


def _means_a_file(value: dict[str, Any]) -> bool:
    if value.get("_type") == "gradio.FileData" or ("path" in value and "meta" in value):
        return True
    return any(
        isinstance(text := value.get(key), str) and re.match(r"\s*[a-z][a-z0-9+.-]*://", text, re.I)
        for key in ("path", "url")
    )


async def read_body(request: Request, receive: Receive, limit: int) -> bytes | None:
    """The whole body, or None when it is longer than `limit`."""
    stated = request.header("content-length")
    if stated.isdecimal() and int(stated) > limit:
        return None
    found = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return bytes(found)
        found += message.get("body", b"")
        if len(found) > limit:
            return None
        if not message.get("more_body"):
            return bytes(found)


def replay(body: bytes, receive: Receive) -> Receive:
    """Gives the body out once more; afterwards it tells of the disconnection, as before."""
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Any:
        return waiting.pop() if waiting else await receive()

    return again
