"""The way in and out of the server: nothing reaches a handler, or leaves, without passing here.

Owns: routes by their table, sessions, sizes of bodies, files that are served, the answer's headers,
trying passwords. Refuses to know: tabs, what calls mean. Who may talk at all is `guard.py`'s.
It stands outside of everything Gradio has, its cross-origin rules included, which trust every
program that serves a page on this machine.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from studio.core.errors import storage_error
from studio.core.names import path_of
from studio.ui import routes
from studio.ui.guard import App, Guard, Receive, Scope, Send, answer, host_name
from studio.ui.logins import THIS_MACHINE, Attempts

LARGEST_JSON = 8 * 1024**2  # bytes: the names of 20,000 uploaded images are 3 MB
LARGEST_FORM = 16 * 1024
DEEPEST_JSON = 64
LOOPBACK = ("127.0.0.1", "::1")

PAGE_POLICY = "; ".join((
    "default-src 'self'",
    # Gradio writes its settings into the page, and makes functions of the parts' scripts
    "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:",
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data: blob:",
    "font-src 'self' data:",
    "media-src 'self' data: blob:",
    "connect-src 'self'",
    "worker-src 'self' blob:",
    "object-src 'none'",
    "base-uri 'self'",
    "form-action 'self'",
    "frame-ancestors 'none'",
))  # fmt: skip
FILE_POLICY = (
    "default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=(), payment=(), usb=()"),
)


class Door:
    """Pure ASGI. `served` are the folders whose files a page may fetch."""

    def __init__(
        self,
        app: App,
        guard: Guard,
        *,
        served: Iterable[Path] = (),
        login_page: Callable[[], bytes] | None = None,
        attempts: Attempts | None = None,
    ) -> None:
        self.app, self.guard = app, guard
        self.served = tuple(served)
        self.login_page = login_page
        self.attempts = attempts or Attempts()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        if refusal := self.guard.refusal(scope["type"], request.method, request.headers):
            await self._refuse(scope, send, *refusal)
        elif scope["type"] != "http":  # the page opens no sockets
            await self._refuse(scope, send, 404, "There is nothing here.")
        else:
            await self._http(request, receive, _dressed(send, request))

    async def _http(self, request: Request, receive: Receive, send: Send) -> None:
        route = routes.find(request.method, request.path)
        if not isinstance(route, routes.Route):
            status, text = (405, "Not like this.") if route == "method" else (404, "Not found.")
            await answer(send, status, text)
            return
        inside = self.login_page is None or request.signed_in
        if route.who == "signed in" and not inside:
            await answer(send, 401, "Sign in first.")
        elif request.path == "/" and not inside and self.login_page is not None:
            await answer(send, 200, self.login_page(), b"text/html; charset=utf-8")
        elif request.path.startswith(f"{routes.API}/file=") and not self._may_fetch(request.path):
            await answer(send, 403, "This file is not served.")
        elif request.path.rstrip("/") == "/logout":
            # a POST from our own page here, for Gradio the GET that any link can make
            await self.app({**request.scope, "method": "GET"}, receive, send)
        else:
            await self._with_body(route, request, receive, send)

    async def _with_body(
        self, route: routes.Route, request: Request, receive: Receive, send: Send
    ) -> None:
        if route.body == "upload":
            kind = request.header("content-type").partition(";")[0].strip().lower()
            if kind == "multipart/form-data":
                await _storing(self.app, request.scope, receive, send)
            else:
                await answer(send, 415, "Files are uploaded as a form.")
            return
        limits = {"none": 0, "json": LARGEST_JSON, "form": LARGEST_FORM}
        body = await _read(request, receive, limits[route.body])
        if body is None:
            await answer(send, 413, f"At most {limits[route.body]:,} bytes are read here.")
            return
        if route.body == "json" and (problem := json_problem(body)):
            await answer(send, 400, problem)
            return
        again = _replay(body, receive)
        if route.body == "form":
            await self._login(request, again, send)
        else:
            await self.app(request.scope, again, send)

    async def _login(self, request: Request, receive: Receive, send: Send) -> None:
        address = request.address
        if self.login_page is not None and (wait := self.attempts.begin(address)):
            seconds = int(wait) + 1
            text = f"That was tried too often. Wait {seconds} seconds, then try again."
            await answer(send, 429, text, retry_after=seconds)
            return

        async def watched(message: Any) -> None:
            if message["type"] == "http.response.start" and message["status"] == 200:
                self.attempts.succeeded(address)
            await send(message)

        await self.app(request.scope, receive, watched)

    def _may_fetch(self, path: str) -> bool:
        """Whether a file lies in a folder that is served, links followed; no answer tells more."""
        text = path.partition("file=")[2]
        if "\0" in text or not path_of(text).is_absolute():
            return False
        try:
            file = path_of(text).resolve()
            return any(file.is_relative_to(folder.resolve()) for folder in self.served)
        except (OSError, RuntimeError, ValueError):
            return False

    async def _refuse(self, scope: Scope, send: Send, status: int, sentence: str) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": sentence[:100]})
        else:
            await answer(_dressed(send, Request(scope)), status, sentence)


async def _storing(app: App, scope: Scope, receive: Receive, send: Send) -> None:
    """Lets an upload in; when the disk refuses it, the answer says so instead of “error 500”."""
    held: list[Any] = []

    async def watched(message: Any) -> None:
        if held or (message["type"] == "http.response.start" and message["status"] >= 500):
            held.append(message)
        else:
            await send(message)

    try:
        await app(scope, receive, watched)
    except OSError as error:
        if not error.errno:
            raise
        refused = storage_error(error, "the workspace's folder “cache”", "Nothing was changed.")
        await answer(send, 507, refused.sentence())
        return
    for message in held:
        await send(message)


class Request:
    """What the door looks at."""

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


async def _read(request: Request, receive: Receive, limit: int) -> bytes | None:
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


def _replay(body: bytes, receive: Receive) -> Receive:
    """Gives the body out once more; afterwards it tells of the disconnection, as before."""
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Any:
        return waiting.pop() if waiting else await receive()

    return again


def _dressed(send: Send, request: Request) -> Send:
    """Every answer leaves with our headers, and without permissions for other origins."""
    file = request.path.startswith(f"{routes.API}/file=")
    policy = FILE_POLICY if file else PAGE_POLICY

    async def dressed(message: Any) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": _headers(message.get("headers", ()), policy, request)}
        await send(message)

    return dressed


def _headers(
    given: Sequence[tuple[bytes, bytes]], policy: str, request: Request
) -> list[tuple[bytes, bytes]]:
    ours = (*HEADERS, (b"content-security-policy", policy.encode()))
    names = {name for name, _ in ours}
    found = []
    for name, value in given:
        lower = name.lower()
        if lower in names or lower.startswith(b"access-control-"):
            continue
        if lower == b"set-cookie":
            kept = _cookie(value.decode("latin-1"), request.encrypted)
            found += [(name, kept.encode("latin-1"))] if kept else []
        else:
            found.append((name, value))
    return [*found, *ours]


def _cookie(text: str, encrypted: bool) -> str | None:
    """A cookie for this site alone; None for one that only an encrypted connection may carry."""
    first, *rest = [part.strip() for part in text.split(";")]
    wanted = [part for part in rest if not re.match(r"(samesite|secure|httponly)\b", part, re.I)]
    if not encrypted and any(part.lower() == "secure" for part in rest):
        return None
    return "; ".join([first, *wanted, "HttpOnly", "SameSite=Lax", *(["Secure"] * encrypted)])
