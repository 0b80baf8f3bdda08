"""Bases that are sent to the studio: streamed to disk as they arrive, never held in memory.

Owns: the two requests (`CHECK`: a file's beginning; `SEND`: all of it) and their answers.
Refuses to know: what a base is (`studio.library.base_arrival`), who may send (`door.py`).

The file's name and size stand in headers, so that the body is the file and nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import queue
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from studio.core.errors import Interrupted
from studio.core.names import encodable
from studio.library import base_arrival
from studio.ui.guard import App, Receive, Scope, Send, answer
from studio.ui.requests import Request, read_body
from studio.ui.tasks import parts_of

if TYPE_CHECKING:
    from studio.app import Studio

CHECK, SEND = "/bases/check", "/bases/send"
WAIT = 0.5  # seconds between two looks at whether the other side is still there
MOST_WAITING = 16  # pieces of the body


class BaseUploads:
    """Pure ASGI: answers both requests; everything else goes on to `app`."""

    def __init__(self, app: App, studio: Studio) -> None:
        self.app, self.studio = app, studio

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if scope["type"] != "http" or path not in (CHECK, SEND):
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        name, size = encodable(unquote(request.header("x-name"))), request.header("x-size")
        try:
            count = int(size) if size.isdecimal() else 0
            work = self._check if path == CHECK else self._send
            data = await work(request, receive, name, count)
            found = {"ok": True, "data": data}
        except Exception as error:
            found = {"ok": False, "error": parts_of(error)}
        body = json.dumps(found, ensure_ascii=False)
        await answer(send, 200, body, b"application/json; charset=utf-8")

    async def _check(self, request: Request, receive: Receive, name: str, size: int) -> Any:
        head = await read_body(request, receive, base_arrival.LARGEST_HEAD) or b""
        bases = self.studio.workspace.bases
        await asyncio.to_thread(base_arrival.check, bases, name, size, head)
        return None

    async def _send(self, request: Request, receive: Receive, name: str, size: int) -> Any:
        bases = self.studio.workspace.bases
        await asyncio.to_thread(base_arrival.check, bases, name, size, b"")
        pipe = _Pipe()

        def work() -> Path:
            try:
                return base_arrival.keep(bases, name, size, pipe.chunks())
            finally:
                pipe.closed.set()

        keeping = asyncio.create_task(asyncio.to_thread(work))
        more = True
        while more and not pipe.closed.is_set():
            message = await receive()
            whole = message["type"] == "http.request"  # else whoever sent it has gone
            more = whole and bool(message.get("more_body"))
            if whole and (chunk := message.get("body")):
                await asyncio.to_thread(pipe.put, chunk)
            if not more:
                await asyncio.to_thread(pipe.put, b"" if whole else None)
        path = await keeping
        info = next((i for i in self.studio.library.bases() if i.path == path), None)
        return {"name": info.name if info else path.stem}


class _Pipe:
    """From the request to the thread that writes; neither runs far ahead of the other."""

    def __init__(self) -> None:
        self._waiting: queue.Queue[bytes | None] = queue.Queue(MOST_WAITING)
        self.closed = threading.Event()
        """Set when nobody takes anything any more."""

    def put(self, chunk: bytes | None) -> None:
        """Nothing (`b""`) is the end of the body; None, that it broke off."""
        while not self.closed.is_set():
            with contextlib.suppress(queue.Full):
                self._waiting.put(chunk, timeout=WAIT)
                return

    def chunks(self) -> Iterator[bytes]:
        """Raises Interrupted when the body broke off."""
        while chunk := self._waiting.get():
            yield chunk
        if chunk is None:
            raise Interrupted("The transfer was broken off", safe=base_arrival.KEPT)
