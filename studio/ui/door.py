"""The way in and out of the server: nothing reaches a handler, or leaves, without passing here.

Owns: routes by their table, sessions, files that are served, trying passwords. Who may talk at all
is `guard.py`'s, what a body may be `requests.py`'s, the answer's headers `answer_headers.py`'s.
Refuses to know: tabs, what calls mean. It stands outside of everything Gradio has, its cross-origin rules included, which trust every
program that serves a page on this machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from studio.core.counts import counted
from studio.core.errors import storage_error
from studio.core.names import path_of
from studio.ui import routes
from studio.ui.answer_headers import dressed
from studio.ui.guard import App, Guard, Receive, Scope, Send, answer
from studio.ui.logins import Attempts
from studio.ui.requests import LARGEST_FORM, LARGEST_JSON, Request, json_problem, read_body, replay


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
            await self._http(request, receive, dressed(send, request))

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
        if route.body == "stream":
            if request.header("content-type") == "application/octet-stream":
                await self.app(request.scope, receive, send)
            else:
                await answer(send, 415, "A file is sent as it is.")
            return
        limits = {"none": 0, "json": LARGEST_JSON, "form": LARGEST_FORM}
        body = await read_body(request, receive, limits[route.body])
        if body is None:
            await answer(send, 413, f"At most {counted(limits[route.body], 'byte')} are read here.")
            return
        if route.body == "json" and (problem := json_problem(body)):
            await answer(send, 400, problem)
            return
        again = replay(body, receive)
        if route.body == "form":
            await self._login(request, again, send)
        else:
            await self.app(request.scope, again, send)

    async def _login(self, request: Request, receive: Receive, send: Send) -> None:
        address = request.address
        if self.login_page is not None and (wait := self.attempts.begin(address)):
            seconds = int(wait) + 1
            text = f"That was tried too often. Wait {counted(seconds, 'second')}, then try again."
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
            await answer(dressed(send, Request(scope)), status, sentence)


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
